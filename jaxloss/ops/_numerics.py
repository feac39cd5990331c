"""Functions whose plain form has an undefined value or derivative somewhere, made total.

Each replaces the argument before the dangerous operation and the result after it ("double where"): a single `where`
around the result would still let `0 * inf = nan` into the gradient.
"""

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
    x = jnp.asarray(x)
    return jnp.where(x > 0, x, jnp.where(x == 0, jnp.zeros_like(x), -x))  # NaN stays NaN


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


def masked_mean(values: Array, mask: Array | None = None) -> Array:
    """Mean over height, width and channels, weighted by a mask.

    Args:
        values: `[..., H, W, C]`, floating.
        mask: `[..., H, W, 1]`, weights >= 0; values of weight 0 have no influence, not even NaN ones.

    Returns:
        `[...]`: `sum(mask * values) / (C * sum(mask))`; NaN where the mask is empty, for no pixel has no mean.

    Gradient:
        `mask / (C * sum(mask))`; 0 where the mask is empty, so that one empty image does not spoil a batch.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> values = jnp.array([[[1.0], [3.0]]])
        >>> print(jaxloss.ops.masked_mean(values), jaxloss.ops.masked_mean(values, jnp.array([[[1.0], [0.0]]])))
        2.0 1.0
    """
    if mask is None:
        return values.mean(axis=(-3, -2, -1))
    total = jnp.where(mask > 0, mask * values, 0).sum(axis=(-3, -2, -1))
    return mean_from_sums(total, values.shape[-1] * mask.sum(axis=(-3, -2, -1)))


def mean_from_sums(total: Array, weight: Array) -> Array:
    """`total / weight`, and where the weight is 0: NaN with a gradient of 0."""
    return safe_divide(total, weight) + jnp.where(weight > 0, 0, jnp.nan).astype(total.dtype)
