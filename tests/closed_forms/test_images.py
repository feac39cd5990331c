"""The closed forms against autodiff and against finite differences."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


THREE: dict[str, Any] = {"weights": (0.2, 0.3, 0.5)}
WHOLE = {
    "ssim": (jaxloss.ssim, jaxloss.ssim_gradient, {}),
    "ssim with another window": (jaxloss.ssim, jaxloss.ssim_gradient, {"window_size": 8, "sigma": 2.0, "k2": 0.1}),
    "multi_sigma_ssim": (jaxloss.multi_sigma_ssim, jaxloss.multi_sigma_ssim_gradient, {}),
    "ms_ssim": (jaxloss.ms_ssim, jaxloss.ms_ssim_gradient, THREE),
}
PATCH = {
    "ssim": (jaxloss.ssim_map, jaxloss.ssim_patch_gradient, {"window_size": 11}),
    "multi_sigma_ssim": (jaxloss.multi_sigma_ssim_map, jaxloss.multi_sigma_ssim_patch_gradient, {"window_size": 31}),
}


def relative_error(a: jax.Array, b: jax.Array) -> float:
    return float(jnp.linalg.norm((a - b).ravel()) / jnp.linalg.norm(b.ravel()))


@pytest.fixture
def pair(crop_photograph, rng):
    """Odd sizes, so that the pyramid mirrors a row here and a column there."""
    y = crop_photograph(2, 47, 54).astype(np.float64)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1), y


def both(name, x, y):
    function, closed_form, options = WHOLE[name]
    automatic = jax.jit(jax.grad(lambda x: function(x, y, data_range=1.0, **options).sum()))
    return automatic(x), jax.jit(functools.partial(closed_form, data_range=1.0, **options))(x, y)


@pytest.mark.parametrize("name", WHOLE)
def test_autodiff_is_the_closed_form_in_single_precision(pair, name):
    assert relative_error(*both(name, *map(jnp.float32, pair))) < 1e-5


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", WHOLE)
def test_autodiff_is_the_closed_form_in_double_precision(pair, name):
    assert relative_error(*both(name, *map(jnp.asarray, pair))) < 1e-10


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", WHOLE)
def test_closed_form_is_the_derivative(pair, name):
    """Central differences along a random direction: a truth that shares no code with either."""
    x, y = map(jnp.asarray, pair)
    function, closed_form, options = WHOLE[name]
    score, gradient = (jax.jit(functools.partial(f, data_range=1.0, **options)) for f in (function, closed_form))
    direction = jax.random.normal(jax.random.key(1), x.shape)
    up, down = (score(x + h * direction, y).sum() for h in (1e-5, -1e-5))
    slope = (gradient(x, y) * direction).sum()
    np.testing.assert_allclose(slope, (up - down) / 2e-5, rtol=1e-6)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", PATCH)
def test_patch_gradient_is_that_of_the_map_at_a_pixel(pair, name):
    field, closed_form, options = PATCH[name]
    size, row, column = options["window_size"], 6, 9
    x, y = map(jnp.asarray, pair)
    automatic = jax.jit(jax.grad(lambda x: field(x, y, data_range=1.0, **options)[:, row, column].sum()))(x)
    patches = (z[:, row : row + size, column : column + size] for z in (x, y))
    inside = automatic[:, row : row + size, column : column + size]
    assert relative_error(closed_form(*patches, data_range=1.0), inside) < 1e-10
    assert float(jnp.abs(automatic).sum()) == pytest.approx(float(jnp.abs(inside).sum()))


@pytest.mark.usefixtures("float64")
def test_equation_11_where_a_contrast_term_is_zero():
    """The published form divides by it. cs = (2 cov + c2) / ... is 0 where cov = -c2 / 2: scale y to make it so."""
    x = jax.random.uniform(jax.random.key(0), (31, 31, 1))
    window = jaxloss.ops.gaussian_window(31, 8.0)
    weight = np.outer(window, window)[..., None]
    ramp = x - (weight * x).sum()
    covariance = (weight * ramp * x).sum()
    y = 0.5 - ramp * (0.03**2 / 2) / covariance
    automatic = jax.grad(lambda x: jaxloss.multi_sigma_ssim(x, y, data_range=1.0, window_size=31))(x)
    closed = jaxloss.multi_sigma_ssim_patch_gradient(x, y, data_range=1.0)
    assert np.isfinite(closed).all()
    assert relative_error(automatic, closed) < 1e-10
    luminance, contrast = jaxloss.ssim_components(x, y, data_range=1.0, window_size=31, sigma=8.0)
    assert abs(contrast.item()) < 1e-12 < luminance.item()


@pytest.mark.parametrize("name", WHOLE)
def test_gradient_vanishes_for_equal_images(pair, name):
    x, y = map(jnp.float32, pair)
    for gradient, elsewhere in zip(both(name, y, y), both(name, x, y), strict=True):
        assert float(jnp.abs(gradient).max()) < 1e-4 * float(jnp.abs(elsewhere).max())


def test_negative_terms_of_ms_ssim_have_no_gradient(pair):
    y = jnp.float32(pair[1])
    gradient = jaxloss.ms_ssim_gradient(1 - y, y, data_range=1.0, **THREE)
    np.testing.assert_array_equal(gradient, 0)


def test_patches_must_have_a_center():
    patch = jnp.zeros((10, 10, 1))
    with pytest.raises(ValueError, match="odd K"):
        jaxloss.ssim_patch_gradient(patch, patch, data_range=1.0)
