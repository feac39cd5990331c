import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.metrics._multi_sigma_ssim import MultiSigmaDefaults, MultiSigmaOptions
from tests.reference import ssim_numpy as truth


@pytest.fixture
def pair(crop_photograph, rng):
    y = crop_photograph(1, 41, 38)[0].astype(np.float64)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1), y


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "options", [{}, {"sigmas": (1.0, 3.0), "window_size": 17}, {"sigmas": (0.5, 2.0), "window_size": 16}]
)
def test_equals_the_paper(pair, options):
    x, y = pair
    expected = truth.multi_sigma_map(x, y, options.get("sigmas", (0.5, 1, 2, 4, 8)), options.get("window_size", 33))
    functions = jaxloss.multi_sigma_ssim_map, jaxloss.multi_sigma_ssim
    field, value = jax.jit(lambda x, y: [f(x, y, data_range=1.0, **options) for f in functions])(x, y)
    np.testing.assert_allclose(field, expected, atol=1e-12)
    np.testing.assert_allclose(value, expected.mean(), rtol=1e-12)


def test_a_patch_of_the_size_of_the_window_is_its_center(pair):
    x, y = (jnp.float32(z[:31, :31]) for z in pair)
    shape = jax.eval_shape(lambda x, y: jaxloss.multi_sigma_ssim_map(x, y, data_range=1.0, window_size=31), x, y).shape
    assert shape == (1, 1, 3)


def test_the_defaults_are_those_of_the_paper():
    assert MultiSigmaDefaults() == ((0.5, 1.0, 2.0, 4.0, 8.0), 33, 0.01, 0.03)
    assert MultiSigmaOptions.__annotations__ == MultiSigmaDefaults.__annotations__


def test_the_product_keeps_its_sign():
    """Exponents are 1, so that a negative term needs no rule and none is applied."""
    noise = jax.random.uniform(jax.random.key(0), (40, 40, 1))
    score = jax.jit(lambda x, y: jaxloss.multi_sigma_ssim(x, y, data_range=1.0, sigmas=(1.0, 2.0, 4.0)))
    assert score(1 - noise, noise) < 0


def test_sigmas_must_ascend():
    image = jnp.zeros((40, 40, 1))
    with pytest.raises(ValueError, match="ascending sigmas"):
        jaxloss.multi_sigma_ssim(image, image, data_range=1.0, sigmas=(8.0, 4.0))
