import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._spectrum import spectrum, symmetric_eigen


def covariances(rng, size):
    """One of eigenvalues that are far apart, one of little rank, and none at all."""
    samples = rng.standard_normal((3, 4 * size, size)) * np.logspace(0, 1, size)
    samples[1, :, 1:] = samples[1, :, :1]
    samples[2] = 0
    return np.swapaxes(samples, -1, -2) @ samples


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [2, 9])
def test_eigenvectors(size, rng):
    matrix = covariances(rng, size)
    values, vectors = jax.jit(symmetric_eigen)(matrix)
    np.testing.assert_allclose(np.sort(values), np.linalg.eigvalsh(matrix), rtol=1e-12, atol=1e-12 * matrix.max())
    np.testing.assert_allclose(vectors.mT @ vectors, np.broadcast_to(np.eye(size), matrix.shape), atol=1e-13)
    np.testing.assert_allclose(matrix @ vectors, vectors * values[:, None], atol=1e-12 * matrix.max())


@pytest.mark.usefixtures("float64")
def test_inverse_and_derivatives(rng):
    """Of regular matrices the inverse; of others the pseudo-inverse. Equal eigenvalues have derivatives, too."""
    matrix = covariances(rng, 4)
    matrix[2] = np.diag([2.0, 2.0, 2.0, 1.0])
    change = rng.standard_normal(matrix.shape)
    change = change + np.swapaxes(change, -1, -2)
    (values, inverse), (by_values, by_inverse) = jax.jit(lambda c, d: jax.jvp(spectrum, (c,), (d,)))(matrix, change)
    np.testing.assert_allclose(inverse, np.linalg.pinv(matrix, rcond=1e-12, hermitian=True), rtol=1e-9, atol=1e-12)
    assert (values > 0).sum(axis=1).tolist() == [4, 1, 4]
    step = 1e-6
    for k in (0, 2):
        ahead, behind = (np.linalg.inv(matrix[k] + t * change[k]) for t in (step, -step))
        np.testing.assert_allclose(by_inverse[k], (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)
        logs = [np.linalg.slogdet(matrix[k] + t * change[k])[1] for t in (step, -step)]
        np.testing.assert_allclose((by_values[k] / values[k]).sum(), (logs[0] - logs[1]) / (2 * step), rtol=1e-6)


def test_gradient_is_finite_without_any_variance():
    gradient = jax.jit(jax.grad(lambda c: spectrum(c).values.sum() + spectrum(c).inverse.sum()))(jnp.zeros((3, 3)))
    np.testing.assert_array_equal(gradient, 0)
