"""Values by their rank, with gradients."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

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
        enough = (keys >= higher[..., None]).sum(axis=-1, dtype=number) >= jnp.asarray(count, number)
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
        return attained(upper, values)
    repeated = (bare >= upper[..., None]).sum(axis=-1) > n // 2
    below = jnp.where(bare < upper[..., None], bare, -jnp.inf).max(axis=-1)
    return (attained(upper, values) + attained(jnp.where(repeated, upper, below), values)) / 2


def extremes(values: Array) -> tuple[Array, Array]:
    """The smallest and the largest value along the last axis, two `[...]`; equal ones share the gradient."""
    bare = lax.stop_gradient(values)
    return attained(bare.min(axis=-1), values), attained(bare.max(axis=-1), values)


def attained(level: Array, values: Array) -> Array:
    """The level `[...]`, with the gradient of those values along the last axis that are equal to it but for rounding.

    JAX's own derivative of a minimum looks for values that are equal to it. Where a fused loop computes them again, and
    rounds differently, there are none, and the gradient is NaN.
    """
    return attained_p.bind(level, values)


# A primitive, for JAX forgets the rule of a custom_jvp in a scan once it was used, and second derivatives with it.
attained_p = Primitive("attained")


def _jvp(primals: Sequence[Array], tangents: Sequence[Any]) -> tuple[Array, Any]:
    (level, values), (_, change) = primals, tangents
    result = attained(level, values)
    if type(change) is ad.Zero:
        return result, ad.Zero(jax.typeof(result).to_tangent_aval())
    near = jnp.abs(values - level[..., None]) <= 8 * jnp.finfo(values.dtype).eps * jnp.abs(level[..., None])
    count = jnp.maximum(near.sum(axis=-1), 1)
    return result, jnp.where(near, change, 0).sum(axis=-1) / count.astype(values.dtype)


def _batched(operands: Sequence[Array], axes: Sequence[int | None]) -> tuple[Array, int]:
    size = next(z.shape[axis] for z, axis in zip(operands, axes, strict=True) if axis is not None)
    return attained(*(batching.bdim_at_front(z, axis, size) for z, axis in zip(operands, axes, strict=True))), 0


attained_p.def_impl(lambda level, values: level)
attained_p.def_abstract_eval(lambda level, values: level)
mlir.register_lowering(attained_p, lambda context, level, values: [level])
ad.primitive_jvps[attained_p] = _jvp
batching.primitive_batchers[attained_p] = _batched
