"""Variances within windows, also where they are small beside the square of the mean.

E[z^2] - mu^2 loses twice as many digits there as a difference of two values. Here a variance is a mean of squared
differences, which loses them once: within the lines of a window first, then between their means. The derivatives are
those of the plain form, which are filters, and in which nothing cancels twice.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from .._types import Array
from ._filters import Taps, filter_maps
from ._moments import filter_moments
from ._numerics import safe_divide


class WindowStatistics(NamedTuple):
    mean: Array
    variance: Array


def window_statistics(z: Array, *weight: Array, taps: Taps, step: int) -> WindowStatistics:
    """Of a map `[n, h, w * step]` in square windows, whose taps add up to 1; under a weight, of the weighted pixels."""
    return WindowStatistics(*_statistics(taps, step, z, *weight))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _statistics(taps: Taps, step: int, z: Array, *weight: Array) -> tuple[Array, Array]:
    mean, variance, counts = _merge(taps, 1, 1, z, [], list(weight))
    # Fused with the second pass, the first would be computed anew for each tap.
    mean, variance, counts = lax.optimization_barrier((mean, variance, counts))
    mean, variance, _ = _merge_in_halves(taps, step, mean, [variance], counts)
    return mean, variance


@functools.partial(_statistics.defjvp, symbolic_zeros=True)
def _statistics_jvp(taps: Taps, step: int, primals: Sequence, tangents: Sequence) -> tuple:
    moving = [i for i, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)]

    def plain(*moved: Array) -> tuple[Array, Array]:
        replaced = dict(zip(moving, moved, strict=True))
        return _from_moments(taps, step, *(replaced[i] if i in replaced else z for i, z in enumerate(primals)))

    _, slopes = jax.jvp(plain, [primals[i] for i in moving], [tangents[i] for i in moving])
    return _statistics(taps, step, *primals), slopes


# Mean, variance and, where there is one, weight of a part of a window; a pixel has no variance.
Merged = tuple[Array, Array, list[Array]]


def _merge_in_halves(taps: Taps, step: int, mean: Array, variance: list[Array], weight: list[Array]) -> Merged:
    """Along a row, in a loop of its own: XLA fuses nothing across a concatenation of halves along the last axis.

    Together with the arithmetic that follows, the loop would be so large that it is no longer vectorized.
    """
    parts, reach = (mean, variance, weight), (len(taps) - 1) * step
    half = (mean.shape[2] - reach) // step // 2 * step
    if half == 0:
        return _merge(taps, 2, step, *parts)
    left = _merge(taps, 2, step, *jax.tree.map(lambda z: z[..., : half + reach], parts))
    right = _merge(taps, 2, step, *jax.tree.map(lambda z: z[..., half:], parts))
    return jax.tree.map(lambda *halves: lax.concatenate(halves, 2), left, right)


def _merge(taps: Taps, axis: int, stride: int, mean: Array, variance: list[Array], weight: list[Array]) -> Merged:
    """Of windows along an axis, from their parts."""

    def shifts(z: Array) -> list[Array]:
        size = z.shape[axis] - (len(taps) - 1) * stride
        return [lax.slice_in_dim(z, i * stride, i * stride + size, axis=axis) for i in range(len(taps))]

    parts = shifts(mean)
    shares = [jnp.asarray(tap, mean.dtype) for tap in taps]
    for z in weight:
        shares = [tap * share for tap, share in zip(shares, shifts(z), strict=True)]
    total = [functools.reduce(jnp.add, shares) for _ in weight]

    def average(values: Sequence[Array]) -> Array:
        products = functools.reduce(jnp.add, (share * value for share, value in zip(shares, values, strict=True)))
        return safe_divide(products, *total) if total else products

    center = average(parts)
    squares = [(part - center) ** 2 for part in parts]
    for z in variance:
        squares = list(map(jnp.add, squares, shifts(z)))
    return center, average(squares), total


def _from_moments(taps: Taps, step: int, z: Array, *weight: Array) -> tuple[Array, Array]:
    """The same by E[z^2] - mu^2."""
    if weight:
        (w,) = weight
        total, *sums = filter_maps([w, w * z, w * z * z], taps, taps, step=step)
        mean, square = (safe_divide(z, total) for z in sums)
    else:
        mean, square = filter_moments(_square, [z], taps, taps, step=step)
    return mean, square - mean**2


def _square(z: Array) -> tuple[Array]:
    return (z * z,)
