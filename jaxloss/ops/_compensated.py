"""Sums in twice the digits of their dtype: what streaming states are made of."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .._types import Array


class Sums(NamedTuple):
    """Sums over a set, each as the unevaluated sum of two numbers: 48 bits in float32.

    States are additive: `merge` those of two parts of a set, in any order, and they are that of the whole; over the
    devices of a `shard_map` or `pmap` with `sum_over_devices`. Pass them between processes and files as any pytree.

    Attributes:
        high: The sums, rounded.
        low: What rounding has taken from them.
    """

    high: Array
    low: Array


def zero_sums(*shape: int) -> Sums:
    """Of nothing; two arrays, for a buffer cannot be donated twice."""
    return Sums(*(jnp.zeros(shape, jnp.result_type(float)) for _ in range(2)))


def merge(state: Sums, other: Sums) -> Sums:
    """The state of two sets together.

    Args:
        state: Of one set.
        other: Of the other one.

    Returns:
        The state of both.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import init_moments, merge, statistics, update_moments
        >>> x = np.arange(8, dtype=np.float32).reshape(4, 2)
        >>> first, second = (update_moments(init_moments(2), part) for part in (x[:2], x[2:]))
        >>> print(statistics(merge(first, second)).mean)
        [3. 4.]
    """
    return _merge(state, other)


def sum_over_devices(state: Sums, axis_name: str | tuple[str, ...]) -> Sums:
    """The state of the sets of all devices together, on each of them: `psum` without its rounding.

    Leading bits on one scale for all devices add without error; what is below them is small enough to be rounded.

    Args:
        state: Of one device's share, within `shard_map`, `pmap` or `vmap`.
        axis_name: The axis that the devices are along.

    Returns:
        The state of all, in any order of the devices to about the last of its digits.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import Sums, sum_over_devices
        >>> states = Sums(*jax.device_put(np.array([[1, 2], [0, 0]], np.float32)))
        >>> print(jax.jit(jax.vmap(lambda state: sum_over_devices(state, "batch"), axis_name="batch"))(states).high)
        [3. 3.]
    """
    high, low = state
    info = jnp.finfo(high.dtype)
    digits = info.nmant - math.ceil(math.log2(lax.axis_size(axis_name)))
    _, exponent = jnp.frexp(lax.pmax(jnp.abs(high), axis_name))
    exponent = jnp.maximum(exponent, info.minexp + 2 * digits)  # so that no step is 0
    sums = []
    for part in (1, 2):
        step = jnp.ldexp(jnp.ones_like(high), exponent - part * digits)
        leading = jnp.round(high / step) * step
        high = high - leading
        sums.append(lax.psum(leading, axis_name))
    sums.append(lax.psum(high + low, axis_name))
    return functools.reduce(merge, [Sums(total, jnp.zeros_like(total)) for total in sums])


@jax.jit  # one program for those who call it without
def _merge(state: Sums, other: Sums) -> Sums:
    high, error = two_sum(state.high, other.high)
    low, lower = two_sum(state.low, other.low)
    high, low = ordered_two_sum(high, error + low)
    return Sums(*ordered_two_sum(high, low + lower))


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The rounded sum and its rounding error (Knuth)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def ordered_two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Likewise where `|a| >= |b|` (Dekker)."""
    total = a + b
    return total, b - (total - a)
