import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxloss.ops._neighborhoods import neighborhood_covariance, neighborhood_moments, quadratic_form


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("shape", [(2, 10, 6), (1, 9, 13), (1, 4, 12)], ids=str)
def test_covariance(shape, rng):
    """Of whole blocks, with remainders along both axes, and where there is no block."""
    planes = 3 + rng.random(shape)
    covariance, slope = jax.jit(lambda z: jax.jvp(neighborhood_covariance, (z,), (z,)))(planes)
    for plane, found in zip(planes, covariance, strict=True):
        neighborhoods = np.lib.stride_tricks.sliding_window_view(plane, (3, 3)).reshape(-1, 9)
        np.testing.assert_allclose(found, np.cov(neighborhoods.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(slope, 2 * covariance, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("shape", [(2, 10, 7), (1, 4, 12)], ids=str)
def test_moments_with_a_map_beside(shape, rng):
    n, height, width = shape
    planes, beside = rng.random(shape), rng.random((n, height - 2, width - 2))
    mean, products = jax.jit(neighborhood_moments)(planes, beside)
    for i, plane in enumerate(planes):
        around = np.lib.stride_tricks.sliding_window_view(plane, (3, 3)).reshape(-1, 9)
        around = np.concatenate([around, beside[i].reshape(-1, 1)], axis=1)
        np.testing.assert_allclose(mean[i], around.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(products[i], around.T @ around / len(around), atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_quadratic_form(rng):
    """Forwards, backwards, and once more."""
    z, dz = list(rng.normal(size=(4, 2, 3, 5))), list(rng.normal(size=(4, 2, 3, 5)))
    matrix, change = (m + m.transpose(0, 2, 1) for m in rng.normal(size=(2, 2, 4, 4)))
    expected = np.einsum("inhw,nij,jnhw->nhw", z, matrix, z)
    np.testing.assert_allclose(jax.jit(quadratic_form)(z, matrix), expected, rtol=1e-12)
    of_any = jax.jit(lambda z, half: quadratic_form(z, half + jnp.matrix_transpose(half)))
    check_grads(of_any, (z, matrix / 2), order=2, rtol=1e-6)
    value, slope = jax.jit(lambda *along: jax.jvp(quadratic_form, *along))((z, matrix), (dz, change))
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    moved = 2 * np.einsum("inhw,nij,jnhw->nhw", dz, matrix, z) + np.einsum("inhw,nij,jnhw->nhw", z, change, z)
    np.testing.assert_allclose(slope, moved, rtol=1e-10, atol=1e-12)
