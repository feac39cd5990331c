"""Images as each program prepares them, by formulas; features of a small network in the place of Inception."""

import functools
from typing import Any

import jax
import numpy as np
import PIL.Image
import pytest

from jaxloss import sets
from jaxloss.backbones._inception import INCEPTION, Branches, Unit, kernel_shapes
from jaxloss.sets import FID_CONVENTIONS, inception_features, inception_logits, prepare_images
from jaxloss.weights._tensors import nest
from tests.sets._small_inception import small_params, use_small_inception


# Compiled whole: operation by operation takes longer.
prepare = jax.jit(prepare_images, static_argnames=("data_range", "convention"))
features_of = jax.jit(inception_features, static_argnames=("data_range", "convention", "dimension"))
logits_of = jax.jit(inception_logits, static_argnames="bias")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_inception(monkeypatch)


def flat(value: float) -> np.ndarray:
    return np.full((4, 4, 3), value, np.float32)


def shown(value: float, convention: str) -> float:
    """What becomes of a pixel of a flat image in [0, 1]."""
    found = np.asarray(prepare(flat(value), data_range=1.0, convention=convention))
    assert found.shape == (299, 299, 3) and found.dtype == np.float32
    assert np.ptp(found) < 1e-5
    return float(found[0, 0, 0])


def test_flat_images() -> None:
    """Ranges, and how samples become images of 8 bits."""
    for convention, row in FID_CONVENTIONS.items():
        for value, level in ((0.0, 0), (1.0, 255), (2.0, 255), (-1.0, 0), (100 / 255, 100)):
            assert shown(value, convention) == pytest.approx((level - row.offset) / row.scale, abs=1e-5)
        level = 100 if convention == "adm" else 101
        assert shown(100.6 / 255, convention) == pytest.approx((level - row.offset) / row.scale, abs=1e-5)
    assert shown(1.0, "pytorch-fid") == pytest.approx(1, abs=1e-6)
    assert shown(1.0, "torch-fidelity") == pytest.approx(127 / 128, abs=1e-6)


def test_every_level_survives() -> None:
    """In any range, though it was scaled by float32."""
    levels = np.arange(256, dtype=np.uint8)
    row = np.broadcast_to(levels[None, :, None], (1, 256, 3))
    for data_range in (1.0, 255.0):
        images = (row * np.float32(data_range / 255)).astype(np.float32)
        expected = prepare(row.astype(np.float32), data_range=255.0, convention="torch-fidelity")
        found = prepare(images, data_range=data_range, convention="adm")
        np.testing.assert_array_equal(found, expected)


def test_clean_is_clipped(rng: np.random.Generator) -> None:
    """PIL's bicubic of each channel in float."""
    levels = 255 * rng.integers(0, 2, (20, 30, 3)).astype(np.float32)
    pictures = [PIL.Image.fromarray(levels[..., i]) for i in range(3)]
    resized = [np.asarray(picture.resize((299, 299), PIL.Image.Resampling.BICUBIC)) for picture in pictures]
    expected = np.stack(resized, axis=-1)
    assert expected.min() < 0 and expected.max() > 255
    found = prepare(levels, data_range=255.0, convention="clean-fid")
    np.testing.assert_allclose(found, (expected.clip(0, 255) - 128) / 128, atol=1e-5)


def test_gradient_is_that_of_resizing(rng: np.random.Generator) -> None:
    """As if nothing were rounded: all pixels together move the sum as brightness does."""
    x = rng.uniform(0.2, 0.8, (20, 30, 3)).astype(np.float32)
    gradient = jax.jit(jax.grad(lambda x: prepare(x, data_range=1.0, convention="pytorch-fid").sum()))(x)
    np.testing.assert_allclose(gradient.sum(), 2 * 3 * 299 * 299, rtol=1e-4)
    assert gradient.min() > 0


@pytest.mark.usefixtures("small")
def test_features_and_logits(rng: np.random.Generator) -> None:
    """Means over positions of the output asked for, for which later layers are not needed."""
    x, params = rng.random((3, 20, 30, 3), np.float32), small_params(rng)
    prepared = np.asarray(prepare(x, data_range=1.0, convention="pytorch-fid"))
    windows = np.lib.stride_tricks.sliding_window_view(prepared, (3, 3), (1, 2))[:, ::2, ::2]
    layer = params["Conv2d_1a_3x3"]
    first = np.maximum(np.einsum("nijchw,hwcf->nijf", windows, layer["kernel"]) + layer["bias"], 0)
    options: dict[str, Any] = {"data_range": 1.0, "convention": "pytorch-fid", "dimension": 6}
    early = features_of(x, params={"Conv2d_1a_3x3": layer}, **{**options, "dimension": 4})
    np.testing.assert_allclose(early, first.mean((1, 2)), rtol=1e-4)
    features = features_of(x, params=params, **options)
    layer = params["Mixed_7c"]
    expected = np.maximum(first @ layer["kernel"][0, 0] + layer["bias"], 0).mean((1, 2))
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
    logits = logits_of(features, params=params)
    np.testing.assert_allclose(logits, expected @ params["fc"]["kernel"], rtol=1e-4, atol=1e-4)
    biased = logits_of(features, params=params, bias=True)
    np.testing.assert_allclose(biased - logits, np.broadcast_to(params["fc"]["bias"], (3, 5)), atol=1e-4)


def test_spatial_features(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sFID: seven channels of the first branch of a block, at each position; of the whole network there are 2023."""
    x = rng.random((2, 20, 30, 3), np.float32)
    options: dict[str, Any] = {"data_range": 1.0, "convention": "adm", "dimension": 2023}
    shapes, _ = kernel_shapes(INCEPTION)
    parts = {
        f"{path}/{part}": shape[at:] for path, shape in shapes.items() for part, at in (("kernel", 0), ("bias", 3))
    }
    whole = nest({name: jax.ShapeDtypeStruct(shape, np.float32) for name, shape in parts.items()})
    found = jax.eval_shape(lambda params: inception_features(x, params=params, **options), whole)
    assert found.shape == (2, 2023)
    block = Branches("Mixed_6d", ((Unit("branch1x1", 8),), (Unit("branch_pool", 4),)))
    monkeypatch.setattr("jaxloss.sets._inception.INCEPTION", (Unit("Conv2d_1a_3x3", 4, stride=16), block))
    kernels = [rng.normal(size=(1, 1, *sides)).astype(np.float32) for sides in ((3, 4), (4, 8))]
    units = [{"kernel": kernel, "bias": np.ones(kernel.shape[-1], np.float32)} for kernel in kernels]
    features = features_of(x, params={"Conv2d_1a_3x3": units[0], "Mixed_6d": {"branch1x1": units[1]}}, **options)
    expected = np.asarray(prepare(x, data_range=1.0, convention="adm"))[:, ::16, ::16]
    for kernel in kernels:
        expected = np.maximum(expected @ kernel[0, 0] + 1, 0)
    np.testing.assert_allclose(features, expected[..., :7].reshape(2, -1), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("small")
def test_errors(rng: np.random.Generator) -> None:
    x, params = np.zeros((2, 8, 8, 3), np.float32), small_params(rng)
    options: dict[str, Any] = {"params": params, "data_range": 1.0, "convention": "adm", "dimension": 6}
    for change, message in (
        ({"convention": "fid"}, r"expected convention one of \['adm', 'clean-fid', "),
        ({"dimension": 100}, r"expected dimension one of \[4, 6, 2023\], got 100\."),
        ({"precision": "low"}, r"expected precision one of "),
        ({"params": {}}, r"expected params of Inception, with \['Conv2d_1a_3x3', 'Mixed_7c'\], got \[\]\. They are "),
        ({"data_range": 0.0}, r"expected data_range > 0"),
        ({"x": x[0]}, r"expected x of shape \[n, H, W, 3\], got \(8, 8, 3\)"),
        ({"x": x[..., :1]}, r"expected x of shape \[\.\.\., H, W, 3\], got \(2, 8, 8, 1\)\. Gray"),
    ):
        with pytest.raises(ValueError, match=f"^inception_features: {message}"):
            jax.eval_shape(functools.partial(inception_features, **{"x": x, **options, **change}))
    with pytest.raises(ValueError, match=r"^inception_logits: expected x of shape \[n, 6\], got \(2, 4\)\."):
        inception_logits(np.zeros((2, 4), np.float32), params=params)


@pytest.mark.usefixtures("small")
def test_from_images_to_a_distance(rng: np.random.Generator) -> None:
    """Of two sets of images, within one program."""
    x, y = rng.random((2, 9, 12, 10, 3), np.float32)
    x = x**3  # darker
    params = small_params(rng)

    @jax.jit
    def distance(x: jax.Array, y: jax.Array) -> jax.Array:
        options: dict[str, Any] = {"data_range": 1.0, "convention": "clean-fid", "dimension": 6}
        return sets.frechet_distance(*(inception_features(z, params=params, **options) for z in (x, y)))

    assert distance(x, y) > 1e-2 and abs(distance(y, y)) < 1e-4
