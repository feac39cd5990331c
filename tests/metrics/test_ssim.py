from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import SSIM_CONVENTIONS
from jaxloss.metrics._ssim import SSIMDefaults, SSIMOptions
from tests.reference import ssim_numpy as truth


ssim = jax.jit(jaxloss.ssim)


def distorted(image: np.ndarray, rng: np.random.Generator, strength: float = 0.1) -> np.ndarray:
    return np.clip(image + strength * rng.standard_normal(image.shape), 0, 1)


@pytest.fixture
def pair(crop_photograph, rng):
    y = crop_photograph(1, 37, 45)[0].astype(np.float64)
    return distorted(y, rng), y


def test_equals_the_paper(crop_photograph, rng):
    """Relative to 1 - SSIM: small distortions keep their digits."""
    y = crop_photograph(1, 37, 45)[0].astype(np.float64)
    x = np.stack([distorted(y, rng, strength) for strength in (0.005, 0.1, 0.5)])
    values = ssim(np.float32(x), np.float32(np.stack([y] * 3)), data_range=1.0)
    np.testing.assert_allclose(1 - values, [1 - truth.ssim(z, y) for z in x], rtol=2e-5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("options", "window", "unbias"),
    [
        ({}, truth.gaussian(11, 1.5), 1),
        ({"window_size": 7, "sigma": 0.9}, truth.gaussian(7, 0.9), 1),
        ({"window_size": 8}, truth.gaussian(8, 1.5), 1),
        ({"window": "uniform", "window_size": 7, "covariance": "sample"}, np.full((7, 7), 1 / 49), 49 / 48),
        ({"window": "uniform", "window_size": 4}, np.full((4, 4), 1 / 16), 1),
        ({"window": "uniform", "window_size": 2, "covariance": "sample"}, np.full((2, 2), 1 / 4), 4 / 3),
        ({"k1": 0.05, "k2": 0.001}, truth.gaussian(11, 1.5), 1),
    ],
)
def test_options_equal_the_paper_to_the_last_digits(pair, options, window, unbias):
    constants = {k: v for k, v in options.items() if k in ("k1", "k2")}
    x, y = pair
    value = jax.jit(lambda x, y: jaxloss.ssim(x, y, data_range=1.0, **options))(x, y)
    np.testing.assert_allclose(value, truth.ssim(x, y, window, unbias=unbias, **constants), rtol=1e-11)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("border", "mode"), [("reflect", "reflect"), ("zero", "constant")])
def test_borders(pair, border, mode):
    x, y = pair
    value = jax.jit(lambda x, y: jaxloss.ssim(x, y, data_range=1.0, border=border))(x, y)
    padded_x, padded_y = (np.pad(z, ((5, 5), (5, 5), (0, 0)), mode=mode) for z in pair)
    np.testing.assert_allclose(value, truth.ssim(padded_x, padded_y), rtol=1e-11)


@pytest.mark.usefixtures("float64")
def test_mask_is_normalized_convolution(pair, rng):
    mask = rng.random((37, 45)) * (rng.random((37, 45)) > 0.6)
    x, y = pair
    value = jax.jit(lambda x, y, mask: jaxloss.ssim(x, y, data_range=1.0, mask=mask))(x, y, mask)
    np.testing.assert_allclose(value, truth.ssim(x, y, mask=mask), rtol=1e-11)


@pytest.mark.parametrize(
    ("border", "downsample"), [("valid", "matlab"), ("valid", "average"), ("reflect", "average"), ("zero", "none")]
)
def test_a_mask_of_ones_changes_nothing(rng, border, downsample):
    """Of images so large that they are shrunk."""
    y = rng.random((391, 397, 1), np.float32)
    x = np.float32(distorted(y, rng))
    options: dict[str, Any] = {"data_range": 1.0, "border": border, "downsample": downsample}
    both = jax.jit(lambda x, y, mask: [jaxloss.ssim(x, y, mask=z, **options) for z in (mask, None)])
    np.testing.assert_allclose(*both(x, y, np.ones(x.shape[:2], np.float32)), atol=1e-6)


def test_map_and_components(pair):
    x, y = map(np.float32, pair)
    functions = jaxloss.ssim_components, jaxloss.ssim_map, jaxloss.ssim
    (luminance, contrast), field, score = jax.jit(lambda x, y: [f(x, y, data_range=1.0) for f in functions])(x, y)
    luminance, contrast, field = map(np.asarray, (luminance, contrast, field))
    expected = truth.components(pair[0], pair[1], truth.gaussian(11, 1.5))
    np.testing.assert_allclose(luminance, expected[0], atol=1e-6)
    np.testing.assert_allclose(contrast, expected[1], atol=2e-5)
    assert field.shape == (27, 35, 3)
    np.testing.assert_allclose(field, luminance * contrast, atol=1e-6)
    np.testing.assert_allclose(field.mean(), score, rtol=1e-6)


def test_ssim_of_minus_one():
    """Two opposite checkerboards about the same mean: anti-correlated, with the largest variance there is."""
    x = np.float32(np.indices((32, 32)).sum(axis=0)[..., None] % 2)
    value, gradient = jax.jit(jax.value_and_grad(jaxloss.ssim))(x, 1 - x, data_range=1.0)
    assert -1 <= value < -0.99
    assert np.isfinite(gradient).all()


def test_negative_ramps():
    """A falling ramp against a rising one, as in TensorFlow's tests: the score is below zero, and is not clipped."""
    x = np.linspace(0, 1, 32).reshape(1, 32, 1) * np.ones((32, 1, 1))
    y = x[:, ::-1]
    value = ssim(np.float32(x), np.float32(y), data_range=1.0)
    np.testing.assert_allclose(value, truth.ssim(x, y), rtol=1e-4)
    assert value < 0


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_statistics_are_float32(level, dtype):
    """Flat images in float16 scored 1.32 where the statistics were float16 too."""
    image = jnp.full((2, 16, 16, 3), level, dtype)
    scores = ssim(image, image, data_range=1.0)
    assert scores.dtype == jnp.float32
    np.testing.assert_array_equal(scores, 1)


def test_the_default_is_the_convention_of_wang():
    """ssim_index.m: an 11 x 11 Gaussian of 1.5 pixels, K = (0.01, 0.03), windows within the image, no downsampling."""
    assert SSIM_CONVENTIONS["wang2004"] == {}
    assert SSIMDefaults() == ("gaussian", 11, 1.5, 0.01, 0.03, "valid", "population", "none")


def test_options_are_named_twice_and_equal():
    """For type checkers and for the defaults."""
    assert SSIMOptions.__annotations__ == SSIMDefaults.__annotations__


@pytest.mark.parametrize(("height", "factor"), [(255, 1), (383, 1), (384, 2), (639, 2), (640, 3)])
def test_matlab_rounds_halves_up(height, factor):
    image = jax.ShapeDtypeStruct((height, 700, 1), jnp.float32)
    shape = jax.eval_shape(lambda z: jaxloss.ssim_map(z, z, data_range=1.0, downsample="matlab"), image).shape
    assert shape[0] == -(-height // factor) - 10
