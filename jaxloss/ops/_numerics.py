"""Functions whose plain form has an undefined value or derivative somewhere, made total.

Each replaces the argument before the dangerous operation and the result after it ("double where"): a single `where`
around the result would still let `0 * inf = nan` into the gradient.
"""

import functools
import math

import jax
import jax.numpy as jnp

from .._types import Array, ArrayLike


def safe_sqrt(x: ArrayLike) -> Array:
    """Square root with value 0 and derivative 0 where `x <= 0`.

    Args:
        x: Any shape, floating.

    Returns:
        `sqrt(max(x, 0))`, same shape and dtype.

    Gradient:
        `1 / (2 sqrt(x))` for positive `x`, else 0.

    Example:
        >>> import jax, jaxloss
        >>> print(jaxloss.ops.safe_sqrt(jax.numpy.array([4.0, 0.0])))
        [2. 0.]
        >>> print(jax.grad(jaxloss.ops.safe_sqrt)(0.0))
        0.0
    """
    x = jnp.asarray(x)
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


def safe_abs(x: ArrayLike) -> Array:
    """Absolute value with derivative 0 at 0, where JAX takes 1.

    Args:
        x: Any shape, floating.

    Returns:
        `|x|`, same shape and dtype.

    Gradient:
        `sign(x)`, so 0 at 0: pixels that agree are not pushed apart.

    Example:
        >>> import jax, jaxloss
        >>> print(jaxloss.ops.safe_abs(-2.0), jax.grad(jaxloss.ops.safe_abs)(0.0))
        2.0 0.0
    """
    return _abs(jnp.asarray(x))


@jax.custom_jvp
def _abs(x: Array) -> Array:
    return jnp.abs(x)


@_abs.defjvp
def _abs_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return _abs(x), jnp.sign(x) * dx


def safe_divide(numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """Quotient with value 0 and derivative 0 where the denominator is 0.

    Args:
        numerator: Any shape, floating.
        denominator: A shape that broadcasts with it.

    Returns:
        `numerator / denominator`, or 0 where the denominator is 0.

    Gradient:
        That of the quotient, 0 where the denominator is 0.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.safe_divide(jnp.array([1.0, 1.0]), jnp.array([2.0, 0.0])))
        [0.5 0. ]
    """
    numerator, denominator = jnp.asarray(numerator), jnp.asarray(denominator)
    defined = denominator != 0
    return jnp.where(defined, numerator / jnp.where(defined, denominator, 1), 0)


def safe_power(x: ArrayLike, exponent: ArrayLike) -> Array:
    """Power with value 0 and derivative 0 where `x <= 0`.

    A fractional power of a negative number is NaN, and that of 0 has an infinite slope: both end a training run.

    Args:
        x: Any shape, floating.
        exponent: A shape that broadcasts with it.

    Returns:
        `max(x, 0) ** exponent`, with 0 for `x <= 0` whatever the exponent.

    Gradient:
        `exponent * x ** (exponent - 1)` for positive `x`, else 0.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.safe_power(jnp.array([4.0, -1.0]), 0.5))
        [2. 0.]
        >>> print(jax.grad(jaxloss.ops.safe_power)(0.0, 0.5))
        0.0
    """
    x = jnp.asarray(x)
    positive = x > 0
    return jnp.where(positive, jnp.where(positive, x, 1) ** exponent, 0)


def clip(x: Array, low: float, high: float) -> Array:
    """As `jnp.clip`, but with the slope 1 at both ends themselves: black and white pixels can leave them."""
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def fast_power(x: ArrayLike, exponent: ArrayLike) -> Array:
    """`safe_power` by an exponential and a logarithm, which XLA vectorizes on a CPU, and powers not.

    It loses `|exponent * log(x)|` units of the last digit.
    """
    x = jnp.asarray(x)
    positive = x > 0
    return jnp.where(positive, jnp.exp(exponent * jnp.log(jnp.where(positive, x, 1))), 0)


def fast_arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """The angle of the point (x, y), in [-pi, pi] and 0 at the origin, in float32 by a polynomial, to 3e-7.

    On a CPU XLA takes thirty times as long for its own: it does not vectorize it. The derivative at the origin is 0.
    """
    return _arctan2(jnp.asarray(y), jnp.asarray(x))


# Of arctan(z) / z - 1 over z^2, for |z| <= tan(pi / 8), from the Cephes library (Moshier).
ARCTAN = (8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1)


@jax.custom_jvp
def _arctan2(y: Array, x: Array) -> Array:
    if y.dtype != jnp.float32:
        return jnp.arctan2(y, x)
    low, high = jnp.minimum(abs(x), abs(y)), jnp.maximum(abs(x), abs(y))
    slope = low / jnp.where(high > 0, high, 1)
    steep = slope > math.sqrt(2) - 1
    z = jnp.where(steep, (slope - 1) / (slope + 1), slope)
    polynomial = functools.reduce(lambda total, coefficient: total * (z * z) + coefficient, ARCTAN[1:], ARCTAN[0])
    angle = z + z * z * z * polynomial
    angle = jnp.where(steep, angle + math.pi / 4, angle)
    angle = jnp.where(abs(y) > abs(x), math.pi / 2 - angle, angle)
    angle = jnp.where(x < 0, math.pi - angle, angle)
    return jnp.where(y < 0, -angle, angle)


@_arctan2.defjvp
def _arctan2_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (y, x), (dy, dx) = primals, tangents
    return _arctan2(y, x), safe_divide(x * dy - y * dx, x * x + y * y)
