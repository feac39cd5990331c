"""Mean of scores that come batch by batch, with its standard error: to the digits of float32 after any number."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._types import Array
from ..ops._compensated import Sums, merge as merge_sums, zero_sums
from ..ops._numerics import safe_divide


N, NANS, WEIGHT, SQUARED_WEIGHT, SPREAD = range(5)


class MeanState(NamedTuple):
    """What is known of the scores so far; `compute` makes a `Mean` of it.

    Attributes:
        totals: Of `[5]`: the number of scores, and of those that are NaN; of the finite ones the sums of weights, of
            squared weights, and of weighted squared deviations from their mean.
        mean: Of the finite scores.
        nonfinite: The sum of all others: 0 for none, infinite, or NaN.
    """

    totals: Sums
    mean: Sums
    nonfinite: Array


class Mean(NamedTuple):
    """Of the scores so far, each a number.

    Attributes:
        mean: Infinite or NaN if one of the scores is, as the mean of an array; NaN of none.
        error: Standard error of the mean. With weights that are not all 0 or 1 for Kish's effective number of scores.
        deviation: Standard deviation of the scores, of n - 1 degrees of freedom. Both NaN of less than two scores, or
            where the mean is not finite.
        n: Number of scores whose weight is not 0.
        nans: How many of them are NaN.
    """

    mean: Array
    error: Array
    deviation: Array
    n: Array
    nans: Array


def init_mean() -> MeanState:
    """The state of no score, for a `Mean`.

    Returns:
        `MeanState`; float64 under `jax.enable_x64`, else float32.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> state = streaming.update(streaming.init_mean(), jnp.array([1.0, 3.0]))
        >>> print(streaming.compute(state).mean, streaming.compute(streaming.init_mean()).n)
        2.0 0.0
    """
    return MeanState(zero_sums(5), zero_sums(), jnp.zeros((), jnp.result_type(float)))


def update_mean(state: MeanState, scores: Array, weight: Array) -> MeanState:
    return merge_means(state, _mean_of_batch(scores, weight))


def _mean_of_batch(scores: Array, weight: Array) -> MeanState:
    """In two passes, of which the second corrects the mean that the first has found."""
    counts, finite = weight > 0, jnp.isfinite(scores)
    n, nans = (z.sum().astype(scores.dtype) for z in (counts, counts & jnp.isnan(scores)))
    nonfinite = jnp.where(counts & ~finite, scores, 0).sum()
    weight, scores = (jnp.where(counts & finite, z, 0) for z in (weight, scores))
    total = weight.sum()
    mean = safe_divide((weight * scores).sum(), total)
    correction = safe_divide((weight * (scores - mean)).sum(), total)
    spread = (weight * ((scores - mean) - correction) ** 2).sum()
    totals = jnp.stack([n, nans, total, (weight**2).sum(), spread])
    return MeanState(Sums(totals, jnp.zeros_like(totals)), Sums(mean, correction), nonfinite)


def merge_means(state: MeanState, other: MeanState) -> MeanState:
    """Chan's rule, from the mean of what weighs more, so that the order of many merges does not matter."""
    is_heavier = other.totals.high[WEIGHT] > state.totals.high[WEIGHT]
    heavy, light = (
        jax.tree.map(lambda a, b, swap=swap: jnp.where(swap, b, a), state, other) for swap in (is_heavier, ~is_heavier)
    )
    totals = merge_sums(state.totals, other.totals)
    share = safe_divide(light.totals.high[WEIGHT], totals.high[WEIGHT])
    distance = merge_sums(light.mean, Sums(-heavy.mean.high, -heavy.mean.low)).high
    mean = merge_sums(heavy.mean, Sums(share * distance, jnp.zeros_like(share)))
    between = jnp.zeros_like(totals.high).at[SPREAD].set(heavy.totals.high[WEIGHT] * share * distance**2)
    totals = merge_sums(totals, Sums(between, jnp.zeros_like(between)))
    return MeanState(totals, mean, state.nonfinite + other.nonfinite)


def compute_mean(state: MeanState) -> Mean:
    n, nans, weight, squared_weight, spread = state.totals.high
    effective = weight**2 / squared_weight
    freedom = jnp.where(effective > 1 + 8 * jnp.finfo(weight.dtype).eps, effective - 1, jnp.nan)
    variance = spread / weight + (state.nonfinite - state.nonfinite)
    return Mean(
        mean=jnp.where(n > 0, state.mean.high + state.nonfinite, jnp.nan),
        error=jnp.sqrt(variance / freedom),
        deviation=jnp.sqrt(variance * effective / freedom),
        n=n,
        nans=nans,
    )
