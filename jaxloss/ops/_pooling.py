"""From a field of values to one number per image: mean, deviation, ratio of sums and norm, each with its mask.

All take values `[..., H, W, C]` and a mask `[..., H, W]` of weights >= 0, or None. Values of weight 0 have no
influence, not even NaN ones. An empty mask gives NaN, for no pixel has no mean, with a gradient of 0, so that one empty
image does not spoil a batch.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import blank
from .._types import Array, Mask
from ._numerics import safe_abs, safe_divide, safe_power, safe_sqrt


IMAGE = (-3, -2, -1)  # the axes of one image


def masked_mean(values: Array, mask: Mask | None = None) -> Array:
    """Mean over height, width and channels, weighted by a mask.

    Args:
        values: `[..., H, W, C]`, floating.
        mask: `[..., H, W]`, weights >= 0.

    Returns:
        `[...]`: `sum(mask * values) / (C * sum(mask))`; NaN where the mask is empty.

    Gradient:
        `mask / (C * sum(mask))`; 0 where the mask is empty.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> values = jnp.array([[[1.0], [3.0]]])
        >>> print(jaxloss.ops.masked_mean(values), jaxloss.ops.masked_mean(values, jnp.array([[1.0, 0.0]])))
        2.0 1.0
    """
    if mask is None:
        return values.mean(axis=IMAGE)
    return mean_from_sums(_weighted_sum(values, mask), _total_weight(values, mask))


def gray_mean(values: Array, mask: Mask | None = None) -> Array:
    """`masked_mean` of maps `[..., H, W, 1]` that are made of interleaved channels.

    By a product, before which they are written: a CPU has no vectors for sums of what it picks out of pixels.
    """
    if mask is not None:
        return masked_mean(values, mask)
    *leading, height, width, _ = values.shape
    ones = jnp.ones((1,) * len(leading) + (1, height), values.dtype)
    rows = jnp.matmul(ones, values[..., 0], precision=lax.Precision.HIGHEST)
    return rows.sum(axis=(-2, -1)) / (height * width)


def masked_deviation(values: Array, mask: Mask | None = None, *, less: int = 0) -> Array:
    """Standard deviation over height, width and channels, weighted by a mask: the root of the mean squared distance.

    Args:
        values: `[..., H, W, C]`, floating.
        mask: `[..., H, W]`, weights >= 0.
        less: What to subtract from the number of values that count: 1 for the deviation of a sample.

    Returns:
        `[...]`, >= 0; NaN where the mask is empty; 0 where no more than `less` values count.

    Gradient:
        That of the deviation, 0 where all values are equal: there the root has none.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.masked_deviation(jnp.array([[[1.0], [3.0]]])))
        1.0
    """
    values = values if mask is None else blank(values, mask)
    mean = jnp.nan_to_num(masked_mean(values, mask))[..., None, None, None]  # that of no pixel: any number
    variance = masked_mean((values - mean) ** 2, mask)
    if less:
        counted = np.prod(values.shape[-3:-1]) if mask is None else (jnp.asarray(mask) > 0).sum(axis=(-2, -1))
        n = jnp.asarray(values.shape[-1] * counted, values.dtype)
        variance = keep_nan(variance * safe_divide(n, jnp.maximum(n - less, 0)), variance)
    return keep_nan(safe_sqrt(variance), variance)


def masked_ratio(numerator: Array, denominator: Array, mask: Mask | None = None) -> Array:
    """Ratio of two sums over height, width and channels, weighted by a mask.

    Args:
        numerator: `[..., H, W, C]`, floating.
        denominator: Same shape, of sum > 0.
        mask: `[..., H, W]`, weights >= 0.

    Returns:
        `[...]`: `sum(mask * numerator) / sum(mask * denominator)`; 0 where the denominator vanishes, NaN where the mask
        is empty.

    Gradient:
        That of the ratio, 0 where the denominator vanishes.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> values, weights = jnp.array([[[1.0], [3.0]]]), jnp.array([[[3.0], [1.0]]])
        >>> print(jaxloss.ops.masked_ratio(weights * values, weights))
        1.5
    """
    top, bottom = masked_mean(numerator, mask), masked_mean(denominator, mask)
    return keep_nan(safe_divide(top, bottom), bottom)


def masked_norm(values: Array, mask: Mask | None = None, *, order: float = 2.0) -> Array:
    """Root of the mean power (Minkowski pooling) over height, width and channels, weighted by a mask.

    Args:
        values: `[..., H, W, C]`, floating.
        mask: `[..., H, W]`, weights >= 0.
        order: p > 0.

    Returns:
        `[...]`, >= 0: `mean(|values|^p)^(1/p)`; NaN where the mask is empty.

    Gradient:
        That of the norm, 0 where all values are 0.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.masked_norm(jnp.array([[[1.0], [7.0]]])))
        5.0
    """
    values = values if mask is None else blank(values, mask)
    mean = masked_mean(safe_power(safe_abs(values), order), mask)
    return keep_nan(safe_power(mean, 1 / order), mean)


def mean_from_sums(total: Array, weight: Array) -> Array:
    """`total / weight`, and where the weight is 0: NaN with a gradient of 0."""
    return safe_divide(total, weight) + jnp.where(weight > 0, 0, jnp.nan).astype(total.dtype)


def _weighted_sum(values: Array, mask: Mask) -> Array:
    weight = mask[..., None]
    return jnp.where(weight > 0, weight * values, 0).sum(axis=IMAGE)


def _total_weight(values: Array, mask: Mask) -> Array:
    return values.shape[-1] * jnp.asarray(mask).sum(axis=(-2, -1))


def keep_nan(value: Array, source: Array) -> Array:
    """The total functions take NaN, the mean of an empty mask, for a value without a root."""
    return jnp.where(jnp.isnan(source), source, value)
