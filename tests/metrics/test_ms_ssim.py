from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import MS_SSIM_CONVENTIONS, MS_SSIM_WEIGHTS
from jaxloss.metrics._ms_ssim import MSSSIMDefaults, MSSSIMOptions
from tests.reference import ssim_numpy as truth


THREE = (0.2, 0.3, 0.5)


@pytest.fixture
def pair(crop_photograph, rng):
    y = crop_photograph(1, 53, 47)[0].astype(np.float64)
    return np.clip(y + 0.2 * rng.standard_normal(y.shape), 0, 1), y


@pytest.mark.usefixtures("float64")
def test_equals_the_paper(pair):
    """An odd size at every scale."""
    x, y = pair
    value = jax.jit(lambda x, y: jaxloss.ms_ssim(x, y, data_range=1.0, weights=THREE))(x, y)
    np.testing.assert_allclose(value, truth.ms_ssim(x, y, THREE), rtol=1e-11)


def test_five_scales(photographs, rng):
    photographs = photographs[:1]
    x = np.clip(photographs + 0.1 * rng.standard_normal(photographs.shape), 0, 1)
    values = jax.jit(lambda x, y: jaxloss.ms_ssim(x, y, data_range=1.0))(
        np.asarray(x, np.float32), np.asarray(photographs, np.float32)
    )
    pairs = zip(x, photographs.astype(np.float64), strict=True)
    np.testing.assert_allclose(values, [truth.ms_ssim(a, b, MS_SSIM_WEIGHTS) for a, b in pairs], rtol=2e-6)


def inverted(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(1 - image, np.float32), np.asarray(image, np.float32)


@pytest.mark.parametrize("convention", ["wang2003", "torchmetrics", "torchmetrics_simple"])
def test_negative_contrast_has_a_finite_value_and_gradient(pair, convention):
    """The contrast terms of an inverted image are below zero, where a fractional power is NaN."""
    options: dict[str, Any] = {"data_range": 1.0, "weights": (0.4, 0.6), **MS_SSIM_CONVENTIONS[convention]}
    score = jax.jit(jax.value_and_grad(lambda x, y: jaxloss.ms_ssim(x, y, **options), argnums=(0, 1)))
    value, gradient = score(*inverted(pair[1]))
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in gradient)
    assert (value == 0) == (MS_SSIM_CONVENTIONS[convention].get("negative", "zero") == "zero")


def test_the_default_is_the_convention_of_wang():
    assert MS_SSIM_CONVENTIONS["wang2003"] == {}
    assert MSSSIMDefaults() == (MS_SSIM_WEIGHTS, 11, 1.5, 0.01, 0.03, "symmetric", "zero", "channel", "valid")
    assert MSSSIMOptions.__annotations__ == MSSSIMDefaults.__annotations__


@pytest.mark.usefixtures("float64")
def test_a_contrast_term_that_passes_through_zero(pair):
    """The slope of a fractional power is infinite there: bisect a blend of negative and positive to the last bit."""
    y = pair[1]
    score = jax.jit(
        jax.value_and_grad(lambda t: jaxloss.ms_ssim(1 - y + t * (2 * y - 1), y, data_range=1.0, weights=(0.4, 0.6)))
    )
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if score(middle)[0] > 0 else (middle, high)
    assert score(low)[0] == 0 < score(high)[0] < 0.1
    assert score(low)[1] == 0 and np.isfinite(score(high)[1])


def test_too_small_an_image_says_how_many_scales_fit():
    image = np.zeros((100, 300, 3), np.float32)
    with pytest.raises(ValueError, match=r"at least 161 x 161 pixels for 5 scales .* At most 4 scales fit"):
        jaxloss.ms_ssim(image, image, data_range=1.0)
    four = jax.jit(lambda z: jaxloss.ms_ssim(z, z, data_range=1.0, weights=MS_SSIM_WEIGHTS[:4]))
    assert four(image) == 1


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_the_smallest_image_that_fits(scales):
    side = 10 * 2 ** (scales - 1) + 1
    weights = (1.0,) * scales
    image = np.zeros((side, side, 1), np.float32)
    assert jax.jit(lambda z: jaxloss.ms_ssim(z, z, data_range=1.0, weights=weights))(image) == 1
    if scales > 1:
        smaller = image[1:, 1:]
        with pytest.raises(ValueError, match=f"At most {scales - 1} scales fit"):
            jaxloss.ms_ssim(smaller, smaller, data_range=1.0, weights=weights, odd="drop")


def test_weights_may_be_traced(pair):
    x, y = (np.asarray(z, np.float32) for z in pair)
    score = jax.jit(jax.value_and_grad(lambda w: jaxloss.ms_ssim(x, y, data_range=1.0, weights=w)))
    weights = np.array(THREE, np.float32)
    _, slope = score(weights)
    for direction, s in zip(1e-2 * np.eye(3, dtype=np.float32), slope, strict=True):
        up, down = (score(weights + sign * direction)[0] for sign in (1, -1))
        np.testing.assert_allclose((up - down) / 2e-2, s, rtol=1e-3)


def test_masked_pixels_have_no_influence_through_the_pyramid(pair, rng):
    x, y = (np.asarray(z, np.float32) for z in pair)
    mask, other = np.zeros((53, 47), np.float32), x.copy()
    mask[:45, :46], other[45:] = 1, np.nan
    score = jax.jit(lambda x, mask: jaxloss.ms_ssim(x, y, data_range=1.0, weights=(0.4, 0.6), mask=mask))
    assert score(x, mask) == score(other, mask) != score(x, np.ones_like(mask))
