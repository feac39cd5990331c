"""The closed forms against autodiff and against finite differences."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from tests.closed_forms._errors import relative_error


# The tests compile without optimization, whose sums in another order would be rounded otherwise.
AS_SHIPPED = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}

THREE: dict[str, Any] = {"weights": (0.2, 0.3, 0.5), "window_size": 7}
THREE_SIGMAS: dict[str, Any] = {"sigmas": (0.5, 1.0, 2.0), "window_size": 9}
WHOLE = {
    "ssim": (jaxloss.ssim, jaxloss.ssim_gradient, {}),
    "ssim with another window": (jaxloss.ssim, jaxloss.ssim_gradient, {"window_size": 8, "sigma": 2.0, "k2": 0.1}),
    "multi_sigma_ssim": (jaxloss.multi_sigma_ssim, jaxloss.multi_sigma_ssim_gradient, THREE_SIGMAS),
    "ms_ssim": (jaxloss.ms_ssim, jaxloss.ms_ssim_gradient, THREE),
}


@pytest.fixture
def pair(crop_photograph, rng):
    """Odd sizes, so that the pyramid mirrors a row here and a column there."""
    y = crop_photograph(2, 47, 54).astype(np.float64)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1), y


@functools.cache
def programs(name: str, shipped: bool) -> tuple[Any, Any]:
    """Score with gradient by autodiff, and gradient in closed form."""
    function, closed_form, options = WHOLE[name]

    def total(x: jax.Array, y: jax.Array) -> jax.Array:
        return function(x, y, data_range=1.0, **options).sum()

    closed = functools.partial(closed_form, data_range=1.0, **options)
    compiled = AS_SHIPPED if shipped else None
    automatic, closed = (jax.jit(f, compiler_options=compiled) for f in (jax.value_and_grad(total), closed))
    return automatic, closed


def both(name: str, x: Any, y: Any) -> tuple[jax.Array, jax.Array]:
    automatic, closed = programs(name, x.dtype == np.float32)
    return automatic(x, y)[1], closed(x, y)


@pytest.mark.parametrize("name", WHOLE)
def test_autodiff_is_the_closed_form_in_single_precision(pair, name):
    assert relative_error(*both(name, *map(np.float32, pair))) < 1e-5


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", WHOLE)
def test_autodiff_is_the_closed_form_in_double_precision(pair, name):
    """And so are central differences along a random direction: a truth that shares no code with either."""
    x, y = pair
    automatic, closed = both(name, x, y)
    assert relative_error(automatic, closed) < 1e-10
    direction = np.random.default_rng(1).standard_normal(x.shape)
    up, down = (programs(name, False)[0](x + h * direction, y)[0] for h in (1e-5, -1e-5))
    np.testing.assert_allclose((np.asarray(closed) * direction).sum(), (up - down) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize("name", WHOLE)
def test_gradient_vanishes_for_equal_images(pair, name):
    x, y = map(np.float32, pair)
    for gradient, elsewhere in zip(both(name, y, y), both(name, x, y), strict=True):
        assert np.abs(gradient).max() < 1e-4 * np.abs(elsewhere).max()


def test_negative_terms_of_ms_ssim_have_no_gradient(pair):
    y = np.float32(pair[1])
    _, gradient = both("ms_ssim", 1 - y, y)
    np.testing.assert_array_equal(gradient, 0)
