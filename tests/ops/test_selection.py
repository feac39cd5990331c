import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._selection import extremes, largest, mean_of_largest, median


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("float64")
def test_equals_sorting(rng, dtype):
    """Of numbers of all signs and sizes, with ties and zeros of both signs."""
    values = rng.normal(size=(2, 3, 40)).astype(dtype) ** 5
    values[0, 0, ::3] = values[0, 0, 1]
    values[0, 1, ::2] = 0
    values[1, 2] = -np.abs(values[1, 2])
    values[1, 1, :4] = -0.0, np.inf, -np.inf, 1e-30
    ordered = -np.sort(-values, axis=-1)
    found = jax.jit(lambda z: [largest(z, count) for count in (1, 20, 40)])(values)
    for z, count in zip(found, (1, 20, 40), strict=True):
        assert z.dtype == dtype
        np.testing.assert_array_equal(z, ordered[..., count - 1])
    finite = np.nan_to_num(values, posinf=2, neginf=-2)
    mean = jax.jit(lambda z: mean_of_largest(z, 20))(finite)
    np.testing.assert_allclose(mean, -np.sort(-finite, axis=-1)[..., :20].mean(axis=-1), rtol=1e-5)


def test_gradient(rng):
    """Of the chosen; and equal ones share it."""
    values = np.array([3, 1, 2, 2, 0], np.float32)
    value, gradient = jax.jit(jax.value_and_grad(lambda z: mean_of_largest(z, 2)))(values)
    assert value == 2.5
    np.testing.assert_array_equal(gradient, [0.5, 0, 0.25, 0.25, 0])


def test_median(rng):
    """Of odd and even numbers, with ties in the middle; its gradient is that of the values there."""
    odd, even = rng.normal(size=(3, 7)), rng.normal(size=(3, 8))
    even[1, :4] = np.median(even[1])
    even[2] = 5
    value_and_gradient = jax.jit(lambda z: (median(z), jax.grad(lambda z: median(z).sum())(z)))
    for values in (odd.astype(np.float32), even.astype(np.float32)):
        value, gradient = value_and_gradient(values)
        np.testing.assert_allclose(value, np.median(values, axis=-1), rtol=1e-6)
        np.testing.assert_allclose(gradient.sum(axis=-1), 1, rtol=1e-6)
        middle = np.sort(values, axis=-1)[:, [(values.shape[1] - 1) // 2, values.shape[1] // 2]]
        assert not np.where((values[..., None] == middle[:, None]).any(axis=-1), 0, gradient).any()


def test_second_derivatives():
    """Those of functions of what was found, too, in a loop, and of many at once."""
    start = np.array([[3, 1, 2, 5], [0, 2, 1, 4]], np.float32)

    def total(z):
        def add(total, row):
            return total + extremes(row)[0] ** 2 + extremes(row)[1] ** 3 + median(row) ** 2, None

        return jax.lax.scan(add, jnp.float32(0), z)[0]

    along = jnp.array([[1, 2, 0, 1], [1, 1, 1, 0]], jnp.float32)
    slopes = jax.jit(lambda z: jax.jvp(jax.grad(total), (z,), (along,))[1])(start)
    again = jax.jit(jax.grad(lambda z: jax.jvp(total, (z,), (along,))[1]))(start)
    # Twice the tangents of the smallest; six times the largest, of the largest; half of the two in the middle together.
    expected = [[0.5, 4, 0.5, 30], [2, 1, 1, 0]]
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)
    np.testing.assert_allclose(again, expected, rtol=1e-6)
    hessians = jax.jit(jax.vmap(jax.hessian(lambda z: extremes(z)[0] ** 2)))(start)
    np.testing.assert_allclose(hessians, [np.diag([0, 2, 0, 0]), np.diag([2, 0, 0, 0])], rtol=1e-6)
