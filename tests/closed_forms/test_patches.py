"""The derivatives at one pixel against autodiff of the maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.closed_forms._errors import relative_error


PATCH = {
    "ssim": (jaxloss.ssim_map, jaxloss.ssim_patch_gradient, {"window_size": 11}),
    "multi_sigma_ssim": (jaxloss.multi_sigma_ssim_map, jaxloss.multi_sigma_ssim_patch_gradient, {"window_size": 15}),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", PATCH)
def test_patch_gradient_is_that_of_the_map_at_a_pixel(crop_photograph, rng, name):
    field, closed_form, options = PATCH[name]
    size, row, column = options["window_size"], 6, 9
    y = crop_photograph(2, 38, 41).astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    automatic = np.asarray(jax.jit(jax.grad(lambda x: field(x, y, data_range=1.0, **options)[:, row, column].sum()))(x))
    patches = (z[:, row : row + size, column : column + size] for z in (x, y))
    inside = automatic[:, row : row + size, column : column + size]
    assert relative_error(jax.jit(closed_form)(*patches, data_range=1.0), inside) < 1e-10
    assert np.abs(automatic).sum() == pytest.approx(np.abs(inside).sum())


@pytest.mark.usefixtures("float64")
def test_equation_11_where_a_contrast_term_is_zero(rng):
    """The published form divides by it. cs = (2 cov + c2) / ... is 0 where cov = -c2 / 2: scale y to make it so."""
    x = rng.random((15, 15, 1))
    window = jaxloss.ops.gaussian_window(15, 8.0)
    weight = np.outer(window, window)[..., None]
    ramp = x - (weight * x).sum()
    covariance = (weight * ramp * x).sum()
    y = 0.5 - ramp * (0.03**2 / 2) / covariance
    automatic = jax.jit(jax.grad(lambda x: jaxloss.multi_sigma_ssim(x, y, data_range=1.0, window_size=15)))(x)
    closed = jax.jit(lambda x, y: jaxloss.multi_sigma_ssim_patch_gradient(x, y, data_range=1.0))(x, y)
    assert np.isfinite(closed).all()
    assert relative_error(automatic, closed) < 1e-10
    components = jax.jit(lambda x, y: jaxloss.ssim_components(x, y, data_range=1.0, window_size=15, sigma=8.0))
    luminance, contrast = components(x, y)
    assert abs(contrast.item()) < 1e-12 < luminance.item()


def test_patches_must_have_a_center():
    patch = jnp.zeros((10, 10, 1))
    with pytest.raises(ValueError, match="odd K"):
        jaxloss.ssim_patch_gradient(patch, patch, data_range=1.0)
