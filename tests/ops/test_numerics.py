import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import safe_abs, safe_divide, safe_power, safe_sqrt
from jaxloss.ops._numerics import fast_arctan2, fast_power


CASES = {
    "safe_sqrt": (safe_sqrt, jnp.sqrt, [-1.0, 0.0, 1e-30, 4.0]),
    "safe_power": (lambda x: safe_power(x, 0.3), lambda x: x**0.3, [-1.0, 0.0, 1e-30, 4.0]),
    "fast_power": (lambda x: fast_power(x, 0.3), lambda x: x**0.3, [-1.0, 0.0, 1e-3, 4.0]),
    "safe_divide": (lambda x: safe_divide(jnp.ones_like(x), x), lambda x: 1 / x, [0.0, -2.0, 4.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_total_functions_equal_the_partial_ones_where_those_are_defined(name):
    total, partial, points = CASES[name]
    found, truth = (jax.jit(jax.vmap(jax.value_and_grad(f)))(np.float32(points)) for f in (total, partial))
    for value, slope, *expected in zip(*found, *truth, strict=True):
        if np.isfinite(expected).all():
            np.testing.assert_allclose((value, slope), expected, rtol=1e-6)
        else:
            assert (value, slope) == (0, 0)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_are_finite(name):
    total, _, points = CASES[name]
    # Below 1e-30 the second derivative of a root overflows; that is its value.
    points = np.array([p for p in points if p == 0 or abs(p) > 1e-10], np.float32)
    assert np.isfinite(jax.jit(jax.vmap(jax.grad(jax.grad(total))))(points)).all()


def test_absolute_value_has_no_slope_at_zero():
    points = jnp.array([-2.0, -0.0, 0.0, 3.0])
    np.testing.assert_array_equal(safe_abs(points), [2, 0, 0, 3])
    np.testing.assert_array_equal(jax.vmap(jax.grad(safe_abs))(points), [-1, 0, 0, 1])


def test_fast_angle_equals_the_exact_one(rng):
    """In all quadrants, on the axes, near them and near the diagonals; in float64 it is the exact one."""
    edges = np.array([0, 1e-30, 1e-3, 0.41421, 0.41422, 1, 1.0001, 1e30], np.float32)
    edges = np.concatenate([edges, -edges[1:]])
    y, x = (z.ravel() for z in np.meshgrid(edges, edges))
    y, x = (np.concatenate([z, rng.standard_normal(1000).astype(np.float32)]) for z in (y, x))
    expected = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    angle = jax.jit(fast_arctan2)
    np.testing.assert_allclose(angle(y, x), expected, rtol=3e-7, atol=1e-37)
    with jax.enable_x64():
        np.testing.assert_allclose(angle(y.astype(np.float64), x.astype(np.float64)), expected, rtol=1e-15)


def test_fast_angle_has_the_slope_of_the_exact_one():
    y, x = np.array([[3, 0], [-4, 0]], np.float32)
    slopes = jax.jit(jax.vmap(jax.grad(fast_arctan2, argnums=(0, 1))))(y, x)
    np.testing.assert_allclose(slopes, [[-4 / 25, 0], [-3 / 25, 0]], rtol=1e-6)
