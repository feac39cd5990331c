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
    """Of two maps, at each window."""

    mean_x: Array
    mean_y: Array
    variances: Array  # that of x plus that of y
    variance_of_difference: Array


def window_statistics(x: Array, y: Array, *weight: Array, taps: Taps, step: int) -> WindowStatistics:
    """Of maps `[n, h, w * step]` in square windows, whose taps add up to 1; under a weight, of the weighted pixels."""
    return WindowStatistics(*_statistics(taps, step, x, y, *weight))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _statistics(taps: Taps, step: int, x: Array, y: Array, *weight: Array) -> tuple[Array, ...]:
    lines = _merge(taps, 1, 1, [x, y], [], weight)
    # Fused with what follows, they would be computed anew for each tap.
    mean_x, mean_y, variances, difference, *counts = lax.optimization_barrier(lines)
    return tuple(_merge(taps, 2, step, [mean_x, mean_y], [variances, difference], counts)[:4])


@functools.partial(_statistics.defjvp, symbolic_zeros=True)
def _statistics_jvp(taps: Taps, step: int, primals: Sequence, tangents: Sequence) -> tuple:
    moving = [i for i, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)]

    def plain(*moved: Array) -> tuple[Array, ...]:
        replaced = dict(zip(moving, moved, strict=True))
        return _from_moments(taps, step, *(replaced[i] if i in replaced else z for i, z in enumerate(primals)))

    _, slopes = jax.jvp(plain, [primals[i] for i in moving], [tangents[i] for i in moving])
    return _statistics(taps, step, *primals), slopes


def _merge(
    taps: Taps, axis: int, stride: int, means: Sequence[Array], within: Sequence[Array], weight: Sequence[Array]
) -> list[Array]:
    """Of windows along an axis, from the means, variances and weights of their parts."""
    parts_x, parts_y = (_shifts(z, len(taps), axis, stride) for z in means)
    shares = [jnp.asarray(tap, parts_x[0].dtype) for tap in taps]
    total = []
    if weight:
        shares = [tap * w for tap, w in zip(shares, _shifts(weight[0], len(taps), axis, stride), strict=True)]
        total = [functools.reduce(jnp.add, shares)]

    def mean(values: Sequence[Array]) -> Array:
        sums = functools.reduce(jnp.add, (share * z for share, z in zip(shares, values, strict=True)))
        return safe_divide(sums, *total) if total else sums

    mean_x, mean_y = mean(parts_x), mean(parts_y)
    from_means = [(x - mean_x, y - mean_y) for x, y in zip(parts_x, parts_y, strict=True)]
    squares = [[dx * dx + dy * dy for dx, dy in from_means], [(dx - dy) ** 2 for dx, dy in from_means]]
    for values, inner in zip(squares, within, strict=False):
        values[:] = map(jnp.add, values, _shifts(inner, len(taps), axis, stride))
    return [mean_x, mean_y, *map(mean, squares), *total]


def _shifts(z: Array, count: int, axis: int, stride: int) -> list[Array]:
    def cut(i: int) -> Array:
        start, end = [0] * z.ndim, list(z.shape)
        start[axis], end[axis] = i * stride, z.shape[axis] - (count - 1 - i) * stride
        return lax.slice(z, start, end)

    return [cut(i) for i in range(count)]


def _from_moments(taps: Taps, step: int, x: Array, y: Array, *weight: Array) -> tuple[Array, ...]:
    """The same by E[z^2] - mu^2."""
    if weight:
        (w,) = weight
        sums = filter_maps([w * z for z in (x, y, *_squares(x, y))] + [w], taps, taps, step=step)
        mean_x, mean_y, squares, difference = (safe_divide(z, sums[-1]) for z in sums[:-1])
    else:
        mean_x, mean_y, squares, difference = filter_moments(_squares, [x, y], taps, taps, step=step)
    return mean_x, mean_y, squares - mean_x**2 - mean_y**2, difference - (mean_x - mean_y) ** 2


def _squares(x: Array, y: Array) -> tuple[Array, Array]:
    return x * x + y * y, (x - y) ** 2
