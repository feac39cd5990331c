"""Quantiles of scores from a histogram of fixed size."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from .._checks import error_text
from .._types import Array
from ..ops._compensated import Sums, merge as merge_sums, sum_over_devices, zero_sums


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class QuantilesState:
    """A histogram of the scores so far; `compute` makes quantiles of it, `[number of probabilities]`.

    Attributes:
        weights: Of `[bins + 3]`: sums of the weights below the range, in each bin, above the range, and of NaN.
        lowest: Where the first bin begins.
        highest: Where the last one ends.
        probabilities: Of the quantiles.
    """

    weights: Sums
    lowest: float = dataclasses.field(metadata={"static": True})
    highest: float = dataclasses.field(metadata={"static": True})
    probabilities: tuple[float, ...] = dataclasses.field(metadata={"static": True})


def init_quantiles(
    lowest: float, highest: float, *, probabilities: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95), bins: int = 1000
) -> QuantilesState:
    """The state of no score, for quantiles of scores within a range.

    A quantile is found to within the width of a bin, `(highest - lowest) / bins`, for it is in the bin of that score
    which NumPy finds by `method="inverted_cdf"`. Within the bin scores are taken to be evenly spread.

    Args:
        lowest: Where the bins begin. A quantile below is -∞; one of scores that hold a NaN is NaN, as in NumPy.
        highest: Where the bins end. A quantile above is ∞.
        probabilities: Of the quantiles, in [0, 1].
        bins: Their number.

    Returns:
        `QuantilesState`.

    Raises:
        ValueError: If the range is empty or infinite, there are no bins, or a probability is none.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> state = streaming.init_quantiles(0, 1, probabilities=[0.5])
        >>> print(f"{streaming.compute(streaming.update(state, jnp.array([0.1, 0.2, 0.9])))[0]:.2f}")
        0.20
    """
    name = "init_quantiles"
    if not (lowest < highest and math.isfinite(highest - lowest)):
        way_out = (
            "Take the range of the metric, as in jaxloss.registry.METRICS, or where its scores are to be expected."
        )
        raise ValueError(error_text(name, "lowest < highest, both finite", f"{lowest} and {highest}", way_out))
    if bins < 1:
        raise ValueError(error_text(name, "bins >= 1", bins, "The more, the more exact."))
    if not all(0 <= probability <= 1 for probability in probabilities):
        raise ValueError(error_text(name, "probabilities in [0, 1]", probabilities, "The median is that of 0.5."))
    return QuantilesState(zero_sums(bins + 3), float(lowest), float(highest), tuple(map(float, probabilities)))


def update_quantiles(state: QuantilesState, scores: Array, weight: Array) -> QuantilesState:
    bins = state.weights.high.shape[0] - 3
    position = (scores - state.lowest) * (bins / (state.highest - state.lowest))
    cell = 1 + jnp.clip(jnp.nan_to_num(jnp.floor(position)), 0, bins - 1).astype(int)
    cell = jnp.where(scores < state.lowest, 0, jnp.where(scores > state.highest, bins + 1, cell))
    cell = jnp.where(jnp.isnan(scores), bins + 2, cell)
    weights = jnp.zeros_like(state.weights.high).at[cell].add(weight)
    return dataclasses.replace(state, weights=merge_sums(state.weights, Sums(weights, jnp.zeros_like(weights))))


def merge_quantiles(state: QuantilesState, other: QuantilesState) -> QuantilesState:
    return dataclasses.replace(state, weights=merge_sums(state.weights, other.weights))


def sum_quantiles_over_devices(state: QuantilesState, axis_name: str | tuple[str, ...]) -> QuantilesState:
    return dataclasses.replace(state, weights=sum_over_devices(state.weights, axis_name))


def compute_quantiles(state: QuantilesState) -> Array:
    weights, nans = state.weights.high[:-1], state.weights.high[-1]
    bins = weights.shape[0] - 2
    up_to = jnp.cumsum(weights)
    wanted = jnp.asarray(state.probabilities, weights.dtype) * up_to[-1]
    cell = jnp.argmax((up_to[None] >= wanted[:, None]) & (weights > 0)[None], axis=1)
    share = jnp.clip((wanted - (up_to - weights)[cell]) / weights[cell], 0, 1)
    value = state.lowest + ((cell - 1).astype(share.dtype) + share) * ((state.highest - state.lowest) / bins)
    value = jnp.where(cell == 0, -jnp.inf, jnp.where(cell == bins + 1, jnp.inf, value))
    return jnp.where((up_to[-1] > 0) & (nans == 0), value, jnp.nan)
