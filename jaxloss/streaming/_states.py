"""States of all kinds and trees of them: one more batch, two parts, all devices, and what it comes to."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import error_text
from .._types import Array, ArrayLike
from ._extremes import Extremes, merge_extremes, update_extremes
from ._mean import MeanState, compute_mean, merge_means, update_mean
from ._quantiles import (
    QuantilesState,
    compute_quantiles,
    merge_quantiles,
    sum_quantiles_over_devices,
    update_quantiles,
)


class GroupsState(NamedTuple):
    """One state for each group of examples; `compute` makes of each what it makes of one.

    Attributes:
        states: A state, or a tree of states, whose arrays have a leading axis of groups.
    """

    states: Any


class Batch(NamedTuple):
    """Scores, `[n]` as all here, and what was said of them."""

    scores: Array
    weights: Array
    indices: Array | None
    groups: Array | None


def update(
    state: Any,
    scores: Any,
    *,
    weight: ArrayLike | None = None,
    index: ArrayLike | None = None,
    group: ArrayLike | None = None,
) -> Any:
    """The state with a batch more.

    Scores are taken as constants: nothing is differentiated through a state.

    Args:
        state: Of one of the `init_` functions, or a tree of such states.
        scores: Of any metric, of any shape, floating. Or a tree of them, say a dictionary by the names of metrics; all
            states at or below its place in the tree of states get what is there.
        weight: Of the shape of the scores, >= 0: 0 for examples that pad the last batch, whatever their score.
        index: Likewise whole numbers >= 0: which example each score is of. `init_extremes` needs it.
        group: Likewise: which group it belongs to. `init_groups` needs it; a score of none of its groups is left out.

    Returns:
        The state of all, of the same shapes: for a `jit` that donates it, or as what `scan` carries.

    Raises:
        TypeError: If scores are not floating, or something is no state.
        ValueError: If shapes differ, or a state needs an index or a group that is not given.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> states = {"ssim": streaming.init_mean(), "psnr": (streaming.init_mean(), streaming.init_quantiles(0, 60))}
        >>> scores = {"ssim": jnp.array([0.9, 0.8]), "psnr": jnp.array([30.0, 20.0])}
        >>> states = streaming.update(states, scores, weight=jnp.array([1.0, 0.0]))
        >>> print(streaming.compute(states)["psnr"][0].mean)
        30.0
    """
    return jax.tree.map(lambda part, states: _update_all(states, _batch(part, weight, index, group)), scores, state)


def merge(state: Any, other: Any) -> Any:
    """The state of two parts of the data together, in whatever order.

    Args:
        state: Of one part.
        other: Of the other one, a state or a tree of states of the same kinds.

    Returns:
        The state of both.

    Raises:
        ValueError: If they are of different kinds, sizes or ranges.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> first, second = (streaming.update(streaming.init_mean(), jnp.array([z])) for z in (1.0, 3.0))
        >>> print(streaming.compute(streaming.merge(first, second)).mean)
        2.0
    """
    one, two = (jax.tree.map(jnp.shape, z) for z in (state, other))
    if jax.tree.structure(state) != jax.tree.structure(other) or one != two:
        way_out = "Begin both with the same init_ functions of the same arguments."
        raise ValueError(error_text("merge", "states of the same kinds and sizes", f"{one} and {two}", way_out))
    return _merge_all(state, other)


def merge_stacked(states: Any) -> Any:
    """The state of all parts whose states are stacked along a leading axis: by `vmap`, `pmap` or `process_allgather`.

    Args:
        states: A state, or a tree of states, each array of which has one more axis in front.

    Returns:
        The state of all.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> states = jax.vmap(lambda scores: streaming.update(streaming.init_mean(), scores))(jnp.array([[1.0], [3.0]]))
        >>> print(streaming.compute(streaming.merge_stacked(states)).mean)
        2.0
    """
    first, rest = (jax.tree.map(lambda z, part=part: jnp.asarray(z)[part], states) for part in (0, slice(1, None)))
    return lax.scan(lambda total, part: (_merge_all(total, part), None), first, rest)[0]


def merge_over_devices(state: Any, axis_name: str | tuple[str, ...]) -> Any:
    """The state of all devices together, on each of them.

    Args:
        state: Of one device's share, within `shard_map`, `pmap` or `vmap`.
        axis_name: The axis that the devices are along.

    Returns:
        The state of all, the same everywhere to the last bit. Histograms are summed; of other states, which are small,
        each device merges what all have sent, in one order.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> def of_all(scores):
        ...     state = streaming.update(streaming.init_mean(), scores)
        ...     return streaming.compute(streaming.merge_over_devices(state, "batch"))
        >>> print(jax.jit(jax.vmap(of_all, axis_name="batch"))(jnp.array([[1.0], [3.0]])).mean)
        [2. 2.]
    """
    return jax.tree.map(lambda one: _kind(one).merge_over_devices(one, axis_name), state, is_leaf=_is_state)


def compute(state: Any) -> Any:
    """What the scores so far come to.

    Args:
        state: A state or a tree of states, within `jit` or outside.

    Returns:
        In place of each state `Mean`, `Extremes`, or quantiles, one for each probability; of groups with an axis of
        groups in front.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> state = streaming.update(streaming.init_mean(), jnp.array([1.0, 3.0]))
        >>> print(streaming.compute(state).error)
        1.0
    """
    return _compute_all(state)


def init_groups(state: Any, *, groups: int) -> GroupsState:
    """One state for each group of examples: distortions, classes, resolutions, time steps.

    Args:
        state: Of no score, or a tree of such states.
        groups: How many there are, numbered from 0.

    Returns:
        `GroupsState`. An update takes `groups` times the work of one of `state`, a matrix of groups by scores.

    Raises:
        ValueError: If `groups` is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss import streaming
        >>> state = streaming.init_groups(streaming.init_mean(), groups=2)
        >>> state = streaming.update(state, jnp.array([1.0, 3.0, 7.0]), group=jnp.array([0, 0, 1]))
        >>> print(streaming.compute(state).mean)
        [2. 7.]
    """
    if groups < 1:
        raise ValueError(error_text("init_groups", "groups >= 1", groups, "It is their number."))
    return GroupsState(jax.tree.map(lambda z: jnp.broadcast_to(z, (groups, *jnp.shape(z))), state))


class Kind(NamedTuple):
    """What can be done with a state of one kind."""

    update: Callable[[Any, Batch], Any]
    merge: Callable[[Any, Any], Any]
    compute: Callable[[Any], Any]
    merge_over_devices: Callable[[Any, str | tuple[str, ...]], Any]


def _gather_and_merge(state: Any, axis_name: str | tuple[str, ...]) -> Any:
    here = jnp.arange(lax.axis_size(axis_name)) == lax.axis_index(axis_name)

    def gather(z: Array) -> Array:  # by a sum, whose result shard_map knows to be the same on all devices
        return lax.psum(jnp.where(here.reshape(-1, *[1] * z.ndim), z[None], jnp.zeros_like(z)[None]), axis_name)

    return merge_stacked(jax.tree.map(gather, state))


def _with_index(state: Extremes, batch: Batch) -> Extremes:
    if batch.indices is None:
        way_out = "Say which example each score is of, such as start + jnp.arange(n)."
        raise ValueError(error_text("update", "index, for init_extremes", None, way_out))
    return update_extremes(state, batch.scores, batch.weights, batch.indices)


def _in_groups(state: GroupsState, batch: Batch) -> GroupsState:
    if batch.groups is None:
        way_out = "Say which group each score belongs to."
        raise ValueError(error_text("update", "group, for init_groups", None, way_out))
    groups = jax.tree.leaves(state)[0].shape[0]
    # Not segment_sum: sums of a fixed order are the same in every run, also on a GPU, and serve every kind of state.
    weight = jnp.where(batch.groups[None] == jnp.arange(groups)[:, None], batch.weights[None], 0)
    return GroupsState(jax.vmap(lambda states, w: _update_all(states, batch._replace(weights=w)))(state.states, weight))


KINDS = {
    MeanState: Kind(
        update=lambda state, batch: update_mean(state, batch.scores, batch.weights),
        merge=merge_means,
        compute=compute_mean,
        merge_over_devices=_gather_and_merge,
    ),
    QuantilesState: Kind(
        update=lambda state, batch: update_quantiles(state, batch.scores, batch.weights),
        merge=merge_quantiles,
        compute=compute_quantiles,
        merge_over_devices=sum_quantiles_over_devices,
    ),
    Extremes: Kind(
        update=_with_index,
        merge=merge_extremes,
        compute=lambda state: state,
        merge_over_devices=_gather_and_merge,
    ),
    GroupsState: Kind(
        update=_in_groups,
        merge=lambda a, b: GroupsState(jax.vmap(_merge_all)(a.states, b.states)),
        compute=lambda state: jax.vmap(_compute_all)(state.states),
        merge_over_devices=lambda state, axis: GroupsState(
            jax.vmap(lambda states: merge_over_devices(states, axis))(state.states)
        ),
    ),
}


def _batch(scores: Any, weight: Any, index: Any, group: Any) -> Batch:
    """All of one shape, flat; scores and weights in the dtype of states."""
    scores = jnp.asarray(scores)
    if not jnp.issubdtype(scores.dtype, jnp.floating):
        way_out = "Convert with scores.astype(jnp.float32)."
        raise TypeError(error_text("update", "scores of a floating dtype", scores.dtype, way_out))
    dtype = jnp.result_type(float)

    def flat(name: str, value: Any, kind: Any) -> Array | None:
        if value is not None and jnp.shape(value) != scores.shape:
            expected = f"{name} of the shape of the scores, {scores.shape}"
            raise ValueError(error_text("update", expected, jnp.shape(value), "One for each score."))
        return None if value is None else jnp.asarray(value).astype(kind).ravel()

    weights = flat("weight", weight, dtype)
    return Batch(
        scores=lax.stop_gradient(scores).astype(dtype).ravel(),
        weights=jnp.ones(scores.size, dtype) if weights is None else weights,
        indices=flat("index", index, int),
        groups=flat("group", group, int),
    )


def _kind(state: Any) -> Kind:
    if type(state) not in KINDS:
        way_out = "Begin with init_mean, init_extremes, init_quantiles or init_groups."
        raise TypeError(error_text("streaming", "states", f"an array of shape {jnp.shape(state)}", way_out))
    return KINDS[type(state)]


def _is_state(state: Any) -> bool:
    return type(state) in KINDS


@jax.jit  # one program for those who call it without
def _update_all(state: Any, batch: Batch) -> Any:
    return jax.tree.map(lambda one: _kind(one).update(one, batch), state, is_leaf=_is_state)


@jax.jit
def _merge_all(state: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: _kind(a).merge(a, b), state, other, is_leaf=_is_state)


@jax.jit
def _compute_all(state: Any) -> Any:
    return jax.tree.map(lambda one: _kind(one).compute(one), state, is_leaf=_is_state)
