import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import masked_deviation, masked_mean, masked_norm, masked_ratio
from jaxloss.ops._pooling import gray_mean


def weighted(function, values: np.ndarray, mask: np.ndarray) -> list[float]:
    """Image by image, of values and weights in a row."""
    rows = zip(values, mask, strict=True)
    return [function(v.ravel(), np.broadcast_to(m[..., None], v.shape).ravel()) for v, m in rows]


def deviation(v, w, less=0):
    variance = np.average((v - np.average(v, weights=w)) ** 2, weights=w)
    n = np.count_nonzero(w)
    return np.sqrt(variance * n / (n - less))


POOLINGS = {
    "mean": (masked_mean, lambda v, w: np.average(v, weights=w)),
    "deviation": (masked_deviation, deviation),
    "sample deviation": (lambda v, m=None: masked_deviation(v, m, less=1), lambda v, w: deviation(v, w, 1)),
    "ratio": (
        lambda v, m=None: masked_ratio(v, jnp.ones_like(v) + v, m),
        lambda v, w: (w * v).sum() / (w * (1 + v)).sum(),
    ),
    "norm": (lambda v, m=None: masked_norm(v, m, order=3.0), lambda v, w: np.cbrt(np.average(abs(v) ** 3, weights=w))),
}
every_pooling = pytest.mark.parametrize(("pooling", "truth"), POOLINGS.values(), ids=list(POOLINGS))


@every_pooling
def test_equals_numpy(rng, pooling, truth):
    values, mask = rng.random((2, 5, 4, 3)), rng.random((2, 5, 4)) * (rng.random((2, 5, 4)) > 0.3)
    pooling = jax.jit(pooling)
    result = pooling(np.asarray(values, np.float32), np.asarray(mask, np.float32))
    np.testing.assert_allclose(result, weighted(truth, values, mask), rtol=1e-5)
    np.testing.assert_allclose(
        pooling(np.asarray(values, np.float32)), weighted(truth, values, np.ones_like(mask)), rtol=1e-5
    )


@every_pooling
def test_what_does_not_count_has_no_influence(pooling, truth):
    values, mask = np.asarray([[[1], [2], [np.nan]]], np.float32), np.asarray([[1, 1, 0]], np.float32)
    value, gradient = map(np.asarray, jax.jit(jax.value_and_grad(pooling))(values, mask))
    np.testing.assert_allclose(value, truth(np.array([1.0, 2.0]), np.ones(2)), rtol=1e-6)
    assert np.isfinite(gradient).all() and gradient[0, 2, 0] == 0 != gradient[0, 1, 0]


@every_pooling
def test_an_empty_mask_has_no_value_and_no_gradient(pooling, truth):
    value, gradient = jax.jit(jax.value_and_grad(pooling))(np.ones((2, 2, 1), np.float32), np.zeros((2, 2), np.float32))
    assert np.isnan(value)
    np.testing.assert_array_equal(gradient, 0)


@every_pooling
def test_gradients_are_finite_where_there_is_nothing(pooling, truth):
    """Of values that are all 0, and of one value alone."""
    for values in (np.zeros((2, 2, 1), np.float32), np.ones((1, 1, 1), np.float32)):
        value, gradient = jax.jit(jax.value_and_grad(pooling))(values)
        assert np.isfinite(value) and np.isfinite(gradient).all()


def test_of_one_value_a_sample_has_no_deviation():
    deviation = jax.jit(lambda values, mask: masked_deviation(values, mask, less=1))
    assert deviation(np.ones((1, 1, 1), np.float32), None) == 0
    assert deviation(np.arange(4, dtype=np.float32).reshape(2, 2, 1), np.array([[1, 0], [1, 0]], np.float32)) > 0


def test_gray_mean_is_the_masked_mean(rng: np.random.Generator) -> None:
    values, mask = (rng.random(shape, np.float32) for shape in ((2, 3, 5, 7, 1), (2, 3, 5, 7)))
    for weights in (None, mask):
        found, expected = jax.jit(lambda *z: (gray_mean(*z), masked_mean(*z)))(values, weights)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
