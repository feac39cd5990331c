import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import TOTAL_VARIATION_CONVENTIONS


NORMS = ("l1", "l2", "isotropic")
# Compiled whole: operation by operation the many options would take minutes.
total_variation = jax.jit(jaxloss.total_variation, static_argnames=("norm", "normalize", "neighbors"))
gradient_loss = jax.jit(jaxloss.gradient_loss, static_argnames=("norm", "compare"))
OPTIONS: dict[str, Any] = dict(TOTAL_VARIATION_CONVENTIONS)
every_row = pytest.mark.parametrize("name", ["means", "pconv", "johnson", "tensorflow", "piq_l2_squared", "chambolle"])
every_norm = pytest.mark.parametrize("norm", NORMS)


def loop(x: np.ndarray, norm: str, neighbors: str = "each", mask: np.ndarray | None = None) -> tuple[Any, Any]:
    """Sums and numbers of differences of one image `[H, W, C]`, pixel by pixel."""
    height, width, channels = x.shape
    weight = np.ones((height, width)) if mask is None else mask
    sums, counts = np.zeros(2), np.zeros(2)
    for i in range(height):
        for j in range(width):
            places = [(i + 1, j), (i, j + 1)]
            weights = [min(weight[i, j], weight[p]) if p[0] < height and p[1] < width else 0.0 for p in places]
            if neighbors == "both":
                weights = [min(weights)] * 2
            differences = [
                x[p] - x[i, j] if w > 0 else np.zeros(channels) for p, w in zip(places, weights, strict=True)
            ]
            if norm == "isotropic":
                lengths = np.sqrt((weights[0] * differences[0]) ** 2 + (weights[1] * differences[1]) ** 2)
                sums[0] += lengths.sum()
                counts[0] += channels * (weight[i, j] if neighbors == "each" else weights[0])
                continue
            for k, (w, d) in enumerate(zip(weights, differences, strict=True)):
                sums[k] += w * (abs(d) if norm == "l1" else d**2).sum()
                counts[k] += w * channels
    return sums, counts


def mean(sums: np.ndarray, counts: np.ndarray) -> float:
    return sum(s / n for s, n in zip(sums, counts, strict=True) if n > 0)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.random((7, 5, 3))


@pytest.fixture
def weights(rng: np.random.Generator) -> np.ndarray:
    return rng.random((7, 5)) * (rng.random((7, 5)) > 0.3)


def of_all_options(x: Any, mask: Any, **options: Any) -> dict[tuple[str, str, str], Any]:
    """One program, since it is the compiling that takes time."""
    choices = itertools.product(NORMS, ("each", "both"), ("differences", "pixels", "none"))
    return {
        (norm, neighbors, normalize): jaxloss.total_variation(
            x, mask=mask, norm=norm, neighbors=neighbors, normalize=normalize, **options
        )
        for norm, neighbors, normalize in choices
    }


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("masked", [False, True])
def test_total_variation_is_that_of_a_loop(image: np.ndarray, weights: np.ndarray, masked: bool) -> None:
    mask = weights if masked else None
    plain, half = jax.jit(lambda x, mask: (of_all_options(x, mask), of_all_options(x, mask, factor=0.5)))(image, mask)
    for norm, neighbors in itertools.product(NORMS, ("each", "both")):
        sums, counts = loop(image, norm, neighbors, mask)
        expected = {"differences": mean(sums, counts), "pixels": sums.sum() / image.size, "none": sums.sum()}
        for normalize, value in expected.items():
            np.testing.assert_allclose(plain[norm, neighbors, normalize], value, rtol=1e-12)
            np.testing.assert_allclose(half[norm, neighbors, normalize], value / 2, rtol=1e-12)


def test_mask_of_a_rectangle_crops(image: np.ndarray) -> None:
    """And what lies outside has no influence, be it NaN."""
    mask = np.zeros((7, 5), bool)
    mask[2:6, 1:4] = True
    x = np.asarray(np.where(mask[..., None], image, np.nan), np.float32)

    @jax.jit
    def evaluate(x: Any) -> Any:
        def total(x: Any) -> tuple[Any, dict[str, Any]]:
            values = of_all_options(x, mask)
            return sum(values.values()), {", ".join(options): value for options, value in values.items()}

        return jax.value_and_grad(total, has_aux=True)(x)

    (_, values), gradient = evaluate(x)
    assert not gradient[~mask].any() and gradient[mask].any()
    for options, value in jax.jit(of_all_options)(x[2:6, 1:4], None).items():
        size = (4 * 3) / (7 * 5) if options[2] == "pixels" else 1  # the sum is divided by that of the whole image
        np.testing.assert_allclose(values[", ".join(options)], size * value, rtol=1e-6)


@every_row
def test_gradients_are_finite_at_the_hard_points(image: np.ndarray, name: str) -> None:
    """Flat images, empty holes and full ones; the image without pixels does not spoil the gradient of the others."""
    x = np.asarray([np.zeros((7, 5, 3)), np.ones((7, 5, 3)), image, 1e-20 * image], np.float32)
    empty, hole, full = np.zeros((3, 7, 5), np.float32)
    hole[3, 3], full[:] = 1, 1
    evaluate = jax.jit(jax.grad(lambda x, mask: jaxloss.total_variation(x, mask=mask, **OPTIONS[name]).sum()))
    for mask in (empty, hole, full):
        gradient = np.asarray(evaluate(x, mask))
        assert np.isfinite(gradient).all()
        assert not gradient[:2].any()
        assert gradient[2].any() == (mask.sum() > 1)


def test_empty_masks_and_single_rows(image: np.ndarray) -> None:
    x, empty = np.asarray(image, np.float32), np.zeros((7, 5), np.float32)
    assert np.isnan(total_variation(x, mask=empty))
    assert total_variation(x, mask=empty, normalize="pixels") == 0
    assert total_variation(x, mask=empty, normalize="none") == 0
    assert total_variation(x[:1, :1]) == 0
    np.testing.assert_allclose(total_variation(x[:1]), abs(np.diff(image[:1], axis=1)).mean(), rtol=1e-6)


def test_johnson_has_the_gradient_of_the_authors_layer(image: np.ndarray) -> None:
    """Which computes no value: it adds both differences of a pixel to the three pixels that they join."""
    expected = np.zeros_like(image)
    down, right = image[1:, :-1] - image[:-1, :-1], image[:-1, 1:] - image[:-1, :-1]
    expected[:-1, :-1] -= down + right
    expected[1:, :-1] += down
    expected[:-1, 1:] += right
    gradient = jax.grad(lambda x: total_variation(x, **TOTAL_VARIATION_CONVENTIONS["johnson"]))
    np.testing.assert_allclose(jax.jit(gradient)(np.asarray(image, np.float32)), expected, atol=1e-6)


def test_partial_convolution_sums_over_the_grown_hole(image: np.ndarray) -> None:
    """Liu et al. 2018: absolute differences within the region, divided by the elements of the whole image."""
    region = np.zeros((7, 5))
    region[1:4, 1:4] = 1
    part = image[1:4, 1:4]
    expected = (abs(np.diff(part, axis=0)).sum() + abs(np.diff(part, axis=1)).sum()) / image.size
    value = total_variation(np.asarray(image, np.float32), mask=region, **TOTAL_VARIATION_CONVENTIONS["pconv"])
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@every_norm
def test_gradient_loss_equals_the_formula(rng: np.random.Generator, weights: np.ndarray, norm: str) -> None:
    x, y = rng.random((2, 7, 5, 3)).astype(np.float32)
    for mask in (None, weights):
        expected = mean(*loop((x - y).astype(np.float64), norm, mask=mask))
        np.testing.assert_allclose(gradient_loss(x, y, norm=norm, mask=mask), expected, rtol=1e-5)


@pytest.mark.parametrize(("norm", "power"), [("l1", 1), ("l2", 2)])
def test_magnitudes_are_the_gradient_difference_loss(rng: np.random.Generator, norm: str, power: int) -> None:
    """Mathieu et al. 2016, with means in place of sums."""
    x, y = rng.random((2, 7, 5, 3))
    terms = [(abs(abs(np.diff(x, axis=k)) - abs(np.diff(y, axis=k))) ** power).mean() for k in (0, 1)]
    value = gradient_loss(np.asarray(x, np.float32), np.asarray(y, np.float32), norm=norm, compare="magnitude")
    np.testing.assert_allclose(value, sum(terms), rtol=1e-5)


@every_norm
@pytest.mark.parametrize("compare", ["signed", "magnitude"])
def test_gradient_loss_of_equal_images(image: np.ndarray, norm: str, compare: str) -> None:
    """Equal but for a constant: 0, with a gradient of 0; an image turned upside down has the same magnitudes."""
    x = np.asarray(image, np.float32)
    evaluate = jax.jit(jax.value_and_grad(lambda x, y: jaxloss.gradient_loss(x, y, norm=norm, compare=compare)))
    for y in (x, np.zeros_like(x)):
        value, gradient = evaluate(y, y)
        assert value == 0 and not np.asarray(gradient).any()
    assert evaluate(np.round(8 * x), np.round(8 * x) + 1)[0] == 0
    assert (evaluate(x, -x)[0] == 0) == (compare == "magnitude")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "tv"}, "total_variation: expected norm one of .*'isotropic'.* got 'tv'"),
        ({"normalize": "sum"}, "expected normalize one of .*'pixels'.* got 'sum'"),
        ({"neighbors": "all"}, "expected neighbors one of .*'both'.* got 'all'"),
        ({"mask": np.ones((7, 5, 1))}, "total_variation: expected mask of shape"),
    ],
)
def test_errors(image: np.ndarray, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        total_variation(np.asarray(image, np.float32), **options)
    with pytest.raises(TypeError, match="total_variation: expected x of a floating dtype"):
        total_variation(np.zeros((4, 4, 1), np.uint8))
    with pytest.raises(ValueError, match=r"gradient_loss: expected compare one of .*'magnitude'.* got 'absolute'"):
        gradient_loss(np.asarray(image, np.float32), np.asarray(image, np.float32), compare="absolute")


@every_row
def test_batches_transformations_and_dtypes(rng: np.random.Generator, name: str) -> None:
    x = rng.random((2, 3, 7, 5, 3)).astype(np.float32)

    def variation(x: Any) -> jax.Array:
        return total_variation(x, **OPTIONS[name])

    values = variation(x)
    assert values.shape == (2, 3)
    np.testing.assert_allclose(values[1, 2], variation(x[1, 2]), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.vmap(variation)))(x), values, rtol=1e-6)
    half = jnp.asarray(x).astype(jnp.bfloat16)
    assert variation(half).dtype == jnp.float32
    np.testing.assert_allclose(variation(half), variation(half.astype(jnp.float32)), rtol=1e-6)
