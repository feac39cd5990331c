"""Values by their rank, with gradients."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from .._types import Array


RANK = "rank"  # the name of what was found by rank, for policies of `jax.checkpoint`: it takes long, and is small


def mean_of_largest(values: Array, count: int) -> Array:
    """The mean of the `count` largest values along the last axis, `[..., n]` to `[...]`.

    The gradient is that of the values that are among them; those that are equal to the last one share what is left.
    """
    last = lax.stop_gradient(largest(lax.stop_gradient(values), count))[..., None]
    above, ties = values > last, values == last
    share = (count - above.sum(axis=-1, keepdims=True)) / ties.sum(axis=-1, keepdims=True)
    weights = jnp.where(above, 1, jnp.where(ties, share.astype(values.dtype), 0))
    return (weights * values).sum(axis=-1) / count


def largest(values: Array, count: int | Array) -> Array:
    """The `count`-th largest value along the last axis, `[..., n]` to `[...]`; the count may be `[...]`, too.

    Found bit by bit, from counts of the values that are not below: on a CPU XLA takes ten times as long to sort them.
    """
    bits = jnp.finfo(values.dtype).bits
    number = (
        jnp.float32 if values.shape[-1] <= 2**24 else jnp.int32
    )  # floats are summed faster, and exactly up to there
    kind = jnp.uint32 if bits == 32 else jnp.uint64
    sign = kind(1 << (bits - 1))
    # As integers floating-point numbers are in order, but for the sign: negative ones grow downwards.
    raw = lax.bitcast_convert_type(values, kind)
    keys = jnp.where(raw < sign, raw | sign, ~raw)

    def step(i: Array, found: Array) -> Array:
        higher = found | sign >> i.astype(kind)
        enough = (keys >= higher[..., None]).sum(axis=-1, dtype=number) >= count
        return jnp.where(enough, higher, found)

    found = jax.lax.fori_loop(0, bits, step, keys[..., 0] & kind(0))
    return checkpoint_name(lax.bitcast_convert_type(jnp.where(found < sign, ~found, found ^ sign), values.dtype), RANK)


def median(values: Array) -> Array:
    """The median along the last axis, `[..., n]` to `[...]`; of an even number, the mean of the two in the middle.

    The gradient is that of the values in the middle; those that are equal share it.
    """
    bare, n = lax.stop_gradient(values), values.shape[-1]
    upper = largest(bare, (n + 1) // 2)
    if n % 2:
        return mean_of_those_at(upper, values)
    repeated = (bare >= upper[..., None]).sum(axis=-1) > n // 2
    below = jnp.where(bare < upper[..., None], bare, -jnp.inf).max(axis=-1)
    return (mean_of_those_at(upper, values) + mean_of_those_at(jnp.where(repeated, upper, below), values)) / 2


def extremes(values: Array) -> tuple[Array, Array]:
    """The smallest and the largest value along the last axis, two `[...]`; equal ones share the gradient."""
    bare = lax.stop_gradient(values)
    return mean_of_those_at(bare.min(axis=-1), values), mean_of_those_at(bare.max(axis=-1), values)


def mean_of_those_at(position: Array, values: Array) -> Array:
    """Of the values that are equal but for rounding.

    JAX's own derivative of a minimum looks for values that are equal to it. Where a fused loop computes them again, and
    rounds differently, there are none, and the gradient is NaN.
    """
    position = lax.stop_gradient(position)[..., None]
    near = jnp.abs(values - position) <= 8 * jnp.finfo(values.dtype).eps * jnp.abs(position)
    count = jnp.maximum(near.sum(axis=-1), 1)
    return jnp.where(near, values, 0).sum(axis=-1) / count.astype(values.dtype)
