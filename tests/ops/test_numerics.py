import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import safe_abs, safe_divide, safe_power, safe_sqrt
from jaxloss.ops._numerics import fast_power


CASES = {
    "safe_sqrt": (safe_sqrt, jnp.sqrt, [-1.0, 0.0, 1e-30, 4.0]),
    "safe_power": (lambda x: safe_power(x, 0.3), lambda x: x**0.3, [-1.0, 0.0, 1e-30, 4.0]),
    "fast_power": (lambda x: fast_power(x, 0.3), lambda x: x**0.3, [-1.0, 0.0, 1e-3, 4.0]),
    "safe_divide": (lambda x: safe_divide(jnp.ones_like(x), x), lambda x: 1 / x, [0.0, -2.0, 4.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_total_functions_equal_the_partial_ones_where_those_are_defined(name):
    total, partial, points = CASES[name]
    for point in points:
        value, slope = jax.value_and_grad(total)(point)
        expected = jax.value_and_grad(partial)(point)
        if np.isfinite(expected).all():
            np.testing.assert_allclose((value, slope), expected, rtol=1e-6)
        else:
            assert (value, slope) == (0, 0)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_are_finite(name):
    total, _, points = CASES[name]
    # Below 1e-30 the second derivative of a root overflows; that is its value.
    assert all(np.isfinite(jax.grad(jax.grad(total))(p)) for p in points if p == 0 or abs(p) > 1e-10)


def test_absolute_value_has_no_slope_at_zero():
    points = jnp.array([-2.0, -0.0, 0.0, 3.0])
    np.testing.assert_array_equal(safe_abs(points), [2, 0, 0, 3])
    np.testing.assert_array_equal(jax.vmap(jax.grad(safe_abs))(points), [-1, 0, 0, 1])
