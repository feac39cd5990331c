"""The lowest and the highest scores, and whose they are."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from .._checks import error_text
from .._types import Array


NOBODY = -1


class Extremes(NamedTuple):
    """The most extreme of the scores so far, each `[count]`; the state, and what `compute` returns.

    NaN is more extreme than any number, in both directions: what went wrong comes first. Of equal scores those of the
    smaller index are kept.

    Attributes:
        lowest: The lowest scores, lowest first.
        lowest_index: Whose they are. -1, with a score of NaN, where there were not so many.
        highest: The highest, highest first.
        highest_index: Whose they are.
    """

    lowest: Array
    lowest_index: Array
    highest: Array
    highest_index: Array


def init_extremes(*, count: int = 1) -> Extremes:
    """The state of no score, for the lowest and the highest.

    Args:
        count: How many of each to keep.

    Returns:
        `Extremes`.

    Raises:
        ValueError: If `count` is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> state = streaming.update(streaming.init_extremes(), jnp.array([0.9, 0.2]), index=jnp.array([70, 71]))
        >>> print(state.lowest, state.lowest_index)
        [0.2] [71]
    """
    if count < 1:
        raise ValueError(error_text("init_extremes", "count >= 1", count, "It is the number of examples to keep."))
    return Extremes(*_nobody(count), *_nobody(count))


def _nobody(count: int) -> tuple[Array, Array]:
    return jnp.full(count, jnp.nan, jnp.result_type(float)), jnp.full(count, NOBODY, jnp.result_type(int))


def update_extremes(state: Extremes, scores: Array, weight: Array, index: Array) -> Extremes:
    index = jnp.where(weight > 0, index, NOBODY)
    return merge_extremes(state, Extremes(scores, index, scores, index))


def merge_extremes(state: Extremes, other: Extremes) -> Extremes:
    count = state.lowest.shape[0]
    lowest, lowest_index, highest, highest_index = map(jnp.concatenate, zip(state, other, strict=True))
    return Extremes(*_first(count, 1, lowest, lowest_index), *_first(count, -1, highest, highest_index))


def _first(count: int, sign: int, scores: Array, index: Array) -> tuple[Array, Array]:
    nobody, is_nan = index < 0, jnp.isnan(scores)
    rank = jnp.where(nobody, 2, jnp.where(is_nan, 0, 1))
    scores = jnp.where(nobody, jnp.nan, scores)
    order = jnp.where(nobody | is_nan, 0, sign * scores)
    *_, index, scores = lax.sort((rank, order, index, scores), num_keys=3)
    return scores[:count], index[:count]
