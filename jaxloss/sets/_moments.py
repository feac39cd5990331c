"""Mean and covariance of features that come batch by batch, to more digits than float32 has."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import error_text
from .._types import Array, Counted, FeatureCovariance, FeatureMean, FeatureSet
from ..ops._compensated import Sums, merge, zero_sums
from ._features import check_features


# Products of slices of 8 bits, of up to 192 rows and 5 pairs of slices, add to less than 2^24: float32 holds each
# partial sum exactly, in whatever order and unit they are added, a TPU's bfloat16 and a GPU's TF32 included.
BITS = 8
SLICES = 5  # down to 2^-40 of a column's largest number
ROWS = 192


class Statistics(NamedTuple):
    """What the Fréchet distance needs of a set.

    Attributes:
        mean: `[d]`.
        covariance: `[d, d]`, divided by n - 1.
    """

    mean: FeatureMean
    covariance: FeatureCovariance


def init_moments(dimension: int) -> Sums:
    """The state of an empty set, for `update_moments`.

    Args:
        dimension: d, of the features.

    Returns:
        `Sums` of `[1 + d, 1 + d]`: of the products of all pairs of the numbers 1, x_1, ..., x_d; so of n, of the
        features, and of their products. float64 under `jax.enable_x64`, else float32, which is as good here.

    Raises:
        ValueError: If `dimension` is not positive.

    Example:
        >>> from jaxloss.sets import init_moments
        >>> print(init_moments(2).high.shape)
        (3, 3)
    """
    if dimension < 1:
        raise ValueError(error_text("init_moments", "dimension >= 1", dimension, "It is the length of a row."))
    return zero_sums(1 + dimension, 1 + dimension)


def update_moments(state: Sums, x: FeatureSet, *, mask: Counted | None = None) -> Sums:
    """The state with a batch more.

    Products are summed without error, in slices of few bits, as in Ozaki's scheme: on any device float32 features give
    the covariance that NumPy finds in float64, to about 1e-11 of their mean square. Of features whose mean is more than
    a thousand times their deviation subtract a constant first.

    Args:
        state: Of `init_moments`, or of an earlier batch.
        x: Features `[n, d]`.
        mask: `[n]`, which rows count: the last batch may be padded to the size of the others.

    Returns:
        The state of all.

    Raises:
        ValueError: Also if the dimension is not that of the state.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import init_moments, statistics, update_moments
        >>> state = update_moments(init_moments(2), np.array([[0, 1], [2, 1]], np.float32))
        >>> print(statistics(state).covariance)
        [[2. 0.]
         [0. 0.]]

    Reference:
        Ozaki et al., "Error-free transformations of matrix multiplication", 2012,
        https://doi.org/10.1007/s11075-011-9478-1.
    """
    name, high = "update_moments", state.high
    (x,) = check_features(name, least=0, x=x)
    if high.ndim != 2 or high.shape[0] != 1 + x.shape[1]:
        got = f"{high.shape} and x of shape {x.shape}"
        raise ValueError(error_text(name, "a state of shape [1 + d, 1 + d]", got, "Begin with init_moments(d)."))
    counted = np.ones(x.shape[0], bool) if mask is None else jnp.asarray(mask, bool)
    if counted.shape != x.shape[:1]:
        raise ValueError(error_text(name, f"mask of shape {x.shape[:1]}", counted.shape, "One for each row of x."))
    return _add(state, x, counted)


def statistics(state: Sums) -> Statistics:
    """Mean and covariance of a set, within `jit` as well.

    Args:
        state: Of `update_moments`, of two rows or more.

    Returns:
        `Statistics` in the dtype of the state. To all of its digits they are `host_statistics`.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import init_moments, statistics, update_moments
        >>> print(statistics(update_moments(init_moments(2), np.array([[0, 1], [2, 1]], np.float32))).mean)
        [1. 1.]
    """
    return _statistics(state)


def host_statistics(state: Sums) -> Statistics:
    """Mean and covariance of a set, as NumPy arrays of float64: what `frechet_score` takes, and files keep.

    Args:
        state: Of `update_moments`, on the host.

    Returns:
        `Statistics`.

    Raises:
        ValueError: If the set has fewer than two rows.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import host_statistics, init_moments, update_moments
        >>> state = update_moments(init_moments(2), np.array([[0, 1], [2, 1]], np.float32))
        >>> print(host_statistics(state).covariance.dtype)
        float64
    """
    sums = np.asarray(state.high, np.float64) + np.asarray(state.low, np.float64)
    count = sums[0, 0]
    if count < 2:
        got = f"{count:.0f}"
        raise ValueError(error_text("host_statistics", "at least 2 rows", got, "One image has no covariance."))
    mean = sums[0, 1:] / count
    return Statistics(mean, (sums[1:, 1:] - count * np.outer(mean, mean)) / (count - 1))


@jax.jit  # one program for those who call it without
def _add(state: Sums, x: Array, counted: Array) -> Sums:
    high = state.high
    rows = jnp.where(counted[:, None], x, 0)  # not a product: what does not count may be NaN
    rows = jnp.concatenate([counted[:, None].astype(x.dtype), rows], axis=1).astype(high.dtype)
    if rows.dtype == jnp.float64:
        gram = jnp.dot(rows.T, rows, precision=lax.Precision.HIGHEST)
        return merge(state, Sums(gram, jnp.zeros_like(gram)))
    whole, rest = divmod(rows.shape[0], ROWS)
    if whole:
        blocks = rows[: whole * ROWS].reshape(whole, ROWS, -1)
        state = Sums(*(part + 0 * rows[0, 0] for part in state))  # varies over devices if the features do
        state, _ = lax.scan(lambda total, block: (merge(total, exact_products(block, block)), None), state, blocks)
    if rest:
        rows = rows[whole * ROWS :]
        state = merge(state, exact_products(rows, rows))
    return state


@jax.jit
def _statistics(state: Sums) -> Statistics:
    count, total = Sums(*(z[:1, :1] for z in state)), Sums(*(z[:1, 1:] for z in state))  # [1, 1], [1, d]
    mean = total.high / count.high
    # What the division has rounded away: total - mean * count, which the rounded numbers themselves do not show.
    product = exact_products(mean, count.high).high.T, exact_products(mean, count.high).low.T
    missing = merge(total, Sums(-product[0], -product[1])).high - mean * count.low
    correction = missing / count.high
    left = jnp.concatenate([mean, mean, correction])
    right = jnp.concatenate([total.high, total.low, total.high])
    outer = exact_products(left, right)
    centered = merge(Sums(*(z[1:, 1:] for z in state)), Sums(-outer.high, -outer.low)).high
    covariance = (centered + centered.T) / (2 * (count.high - 1))
    return Statistics(mean[0], covariance)


def exact_products(a: Array, b: Array) -> Sums:
    """`a.T @ b` of at most `ROWS` rows, with errors of about 2^-40 of the largest numbers of their columns."""
    a_slices, a_scale = _slices(a)
    b_slices, b_scale = _slices(b)
    scale = a_scale.T * b_scale
    total = Sums(jnp.zeros_like(scale), jnp.zeros_like(scale))
    for order in range(SLICES):
        left = jnp.concatenate(a_slices[: order + 1])
        right = jnp.concatenate(b_slices[order::-1])
        term = jnp.dot(left.T, right, precision=lax.Precision.HIGHEST) * (scale * 2.0 ** (-BITS * order))
        total = merge(total, Sums(term, jnp.zeros_like(term)))
    return total


def _slices(x: Array) -> tuple[list[Array], Array]:
    """Whole numbers of up to 2^7, each slice worth 2^-8 of the one before, and the unit of the first, `[1, d]`."""
    _, exponent = jnp.frexp(jnp.abs(x).max(axis=0, keepdims=True))
    one = jnp.ones_like(x[:1])
    rest, slices = x * jnp.ldexp(one, BITS - 1 - exponent), []
    for _ in range(SLICES):
        slices.append(jnp.round(rest))
        rest = (rest - slices[-1]) * 2.0**BITS
    return slices, jnp.ldexp(one, exponent - (BITS - 1))
