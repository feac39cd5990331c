"""The measured curve: shares and moving averages against loops, losses against one call per image."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.sde import Curve, fit, measure, moving_average, reconstructed_share
from tests.networks import through_thin_networks, tiny_params


lpips = functools.partial(through_thin_networks(jaxloss.lpips), params=tiny_params("lpips-alex"), data_range=1.0)


@pytest.fixture
def states(photograph: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six states of a reconstruction column by column, the target, and the masks."""
    target = photograph[:40, :48]
    masks = np.arange(48) < np.array([4, 8, 20, 24, 40, 44])[:, None, None]
    masks = np.broadcast_to(masks, (6, 40, 48)).astype(np.float32)
    noise = rng.normal(scale=0.02, size=(6, *target.shape))
    done = masks[..., None] * (target + noise) + (1 - masks[..., None]) * 0.5
    return np.clip(done, 0, 1).astype(np.float32), target, masks


def test_share_is_the_mean_of_the_mask(rng: np.random.Generator) -> None:
    masks = rng.random((3, 2, 5, 7)).astype(np.float32)
    expected = [[sum(mask.ravel().tolist()) / 35 for mask in row] for row in masks]
    np.testing.assert_allclose(reconstructed_share(masks), expected, rtol=1e-6)


def test_share_counts_pixels_of_bool_masks() -> None:
    masks = np.zeros((2, 4, 5), bool)
    masks[1, :2] = True
    share = reconstructed_share(masks)
    assert share.dtype == jnp.float32
    np.testing.assert_array_equal(share, [0, 0.5])


@pytest.mark.usefixtures("float64")
def test_share_keeps_float64(rng: np.random.Generator) -> None:
    mask = rng.random((5, 7))
    share = reconstructed_share(mask)
    assert share.dtype == jnp.float64
    np.testing.assert_allclose(share, mask.mean(), rtol=1e-14)


@pytest.mark.parametrize("window", [1, 2, 5, 9])
def test_moving_average_is_the_mean_of_full_windows(rng: np.random.Generator, window: int) -> None:
    shares = np.sort(rng.random((2, 9)).astype(np.float32))
    found = moving_average(shares, window=window)
    expected = [[row[end - window : end].mean() for end in range(window, 10)] for row in shares.astype(np.float64)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_window_does_not_matter_on_a_regular_grid(rng: np.random.Generator) -> None:
    """There it only shifts the shares; elsewhere it does."""
    losses = np.exp(-np.cumsum(rng.normal(0.1, 0.05, size=12)))
    regular, irregular = np.linspace(0.1, 0.9, 12), np.sort(rng.random(12))
    fits = {
        name: [fit(losses[2:], shares[2:]), fit(losses[2:], np.asarray(moving_average(shares, window=3)))]
        for name, shares in {"regular": regular, "irregular": irregular}.items()
    }
    np.testing.assert_allclose(*([*found.mu, *found.kappa] for found in fits["regular"]), rtol=1e-9)
    plain, averaged = fits["irregular"]
    assert abs(plain.kappa.value - averaged.kappa.value) > 0.01 * plain.kappa.value


@pytest.mark.parametrize("window", [0, -1, 10])
def test_window_must_fit(window: int) -> None:
    message = f"moving_average: expected window from 1 to 9 shares, got {window}. Choose"
    with pytest.raises(ValueError, match=re.escape(message)):
        moving_average(np.linspace(0, 1, 9), window=window)


@pytest.mark.parametrize("shape", [(7,), (), (0, 4), (3, 4, 0)], ids=str)
def test_masks_have_two_image_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"reconstructed_share: expected masks of shape \[\.\.\., H, W\], got"):
        reconstructed_share(np.zeros(shape, np.float32))


def test_measure_is_one_call_per_image(states) -> None:
    images, target, masks = states
    windows = (1, 3)

    @jax.jit
    def evaluate(images: jax.Array, target: jax.Array, masks: jax.Array) -> tuple[jax.Array, list[Curve]]:
        each = jax.lax.map(lambda image: lpips(image, target), images)
        return each, [measure(images, target, masks, metric=lpips, window=window) for window in windows]

    share = np.array([4, 8, 20, 24, 40, 44]) / 48
    expected, curves = evaluate(images, target, masks)
    for window, curve in zip(windows, curves, strict=True):
        np.testing.assert_allclose(curve.share, np.convolve(share, np.full(window, 1 / window), "valid"), rtol=1e-6)
        np.testing.assert_allclose(curve.loss, expected[window - 1 :], rtol=1e-5)
        assert np.asarray(curve.loss)[-1] < 0.5 * np.asarray(curve.loss)[0]


def test_features_of_the_target_are_computed_once(states) -> None:
    images, target, masks = states

    def losses(images: jax.Array, target: jax.Array) -> jax.Array:
        return jnp.asarray(measure(images, target, masks, metric=lpips, window=1).loss)

    program = str(jax.make_jaxpr(losses)(images, target))
    batches = re.findall(r"f32\[(\d+),\d+,\d+,\d+\] = conv_general_dilated", program)
    assert set(batches) == {"1", "6"}
    assert batches.count("1") == batches.count("6"), "One image of the target, and all of the reconstruction."


def test_measure_under_jit_vmap_and_grad(states) -> None:
    images, target, masks = states
    run = functools.partial(measure, metric=jaxloss.mse, window=2)
    curve = run(images, target, masks)
    compiled = jax.jit(run)(images, target, masks)
    np.testing.assert_allclose(compiled.loss, curve.loss, rtol=1e-6)
    mapped = jax.jit(jax.vmap(run, in_axes=(0, None, 0)))
    many = mapped(np.stack([images, images[::-1]]), target, np.stack([masks, masks]))
    assert jnp.shape(many.share) == jnp.shape(many.loss) == (2, 5)
    np.testing.assert_allclose(np.asarray(many.loss)[0], curve.loss, rtol=1e-6)
    slope = jax.jit(jax.grad(lambda images: jnp.asarray(run(images, target, masks).loss).sum()))
    gradient = np.asarray(slope(images))
    assert np.isfinite(gradient).all()
    assert (gradient[0] == 0).all() and (gradient[1] != 0).any(), "The first state has no average."


@pytest.mark.parametrize("wrong", ["one image", "target", "masks", "mask with channels"])
def test_shapes_must_belong_together(states, wrong: str) -> None:
    images, target, masks = states
    cases = {
        "one image": (images[0], target, masks),
        "target": (images, target[1:], masks),
        "masks": (images, target, masks[1:]),
        "mask with channels": (images, target, masks[..., None]),
    }
    with pytest.raises(ValueError, match=r"measure: expected images \[n, H, W, C\], target .*, got .*jax\.vmap"):
        measure(*cases[wrong], metric=jaxloss.mae, window=1)


def test_integer_images_are_refused(states) -> None:
    images, target, masks = states
    with pytest.raises(TypeError, match="measure: expected images of a floating dtype"):
        measure((255 * images).astype(np.uint8), target, masks, metric=jaxloss.mae, window=1)
