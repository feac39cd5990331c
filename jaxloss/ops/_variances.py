"""Variances within windows, also where they are small beside the square of the mean.

E[z^2] - mu^2 loses twice as many digits there as a difference of two values. Here a variance is a mean of squared
differences, which loses them once. The derivatives are those of the plain form, which are filters, and in which nothing
cancels twice.

What a difference is taken from depends on the platform, and is chosen when that is known:

* In general it is the mean: within the lines of a window first, then between their means.
* On a GPU it is the pixel in the middle of a small window without weights, so that one pass over the images is enough.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from .._types import Array
from ._filters import GPUS, Taps, filter_maps
from ._moments import filter_moments
from ._numerics import safe_divide


LARGEST_AT_ONCE = 8  # side of a window: reads grow with its square


class PairStatistics(NamedTuple):
    """Of the sum and of the difference of two maps: of them are made the squares of both, and their product."""

    mean_sum: Array
    mean_difference: Array
    variance_sum: Array
    variance_difference: Array


def pair_statistics(x: Array, y: Array, *weight: Array, taps: Taps, step: int) -> PairStatistics:
    """Of maps `[n, h, w * step]` in square windows, whose taps add up to 1; under a weight, of the weighted pixels."""
    return PairStatistics(*_statistics(taps, step, x, y, *weight))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _statistics(taps: Taps, step: int, *maps: Array) -> tuple[Array, ...]:
    in_lines, at_once = (functools.partial(form, taps, step) for form in (line_by_line, around_middle))
    if len(maps) > 2 or len(taps) > LARGEST_AT_ONCE:
        return in_lines(*maps)
    return lax.platform_dependent(*maps, default=in_lines, **dict.fromkeys(GPUS, at_once))


@functools.partial(_statistics.defjvp, symbolic_zeros=True)
def _statistics_jvp(taps: Taps, step: int, primals: Sequence, tangents: Sequence) -> tuple:
    moving = [i for i, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)]
    # In memory: beside the arithmetic of a derivative a GPU would compute them in many parts.
    found = lax.optimization_barrier(_statistics(taps, step, *primals))

    def plain(*moved: Array) -> tuple[Array, ...]:
        replaced = dict(zip(moving, moved, strict=True))
        maps = (replaced[i] if i in replaced else z for i, z in enumerate(primals))
        return _from_moments(taps, step, found[:2], *maps)

    _, slopes = jax.jvp(plain, [primals[i] for i in moving], [tangents[i] for i in moving])
    return found, slopes


def around_middle(taps: Taps, step: int, x: Array, y: Array) -> tuple[Array, ...]:
    """By moments of the differences from the pixel in the middle, in one pass."""
    size = len(taps)
    height, width = x.shape[1] - size + 1, x.shape[2] - (size - 1) * step
    zero = lax.optimization_barrier(jnp.int32(0))  # as in the moments: XLA would add up the images before it cuts them

    def shifts(z: Array) -> Iterator[Array]:
        for i in range(size):
            lines = lax.dynamic_slice_in_dim(z, zero + i, height, axis=1)
            yield from (lax.slice_in_dim(lines, j * step, j * step + width, axis=2) for j in range(size))

    of_x, of_y = list(shifts(x)), list(shifts(y))
    middle = size // 2 * (size + 1)
    terms = []
    for weight, a, b in zip(np.outer(taps, taps).flat, of_x, of_y, strict=True):
        # By operations of lax, which are traced in a fraction of the time, also where this form is not chosen.
        a, b = lax.sub(a, of_x[middle]), lax.sub(b, of_y[middle])
        s, d, tap = lax.add(a, b), lax.sub(a, b), lax.full_like(a, weight)
        share_s, share_d = lax.mul(tap, s), lax.mul(tap, d)
        terms.append((share_s, share_d, lax.mul(share_s, s), lax.mul(share_d, d)))
    mean_s, mean_d, square_s, square_d = (functools.reduce(lax.add, term) for term in zip(*terms, strict=True))
    x, y = of_x[middle], of_y[middle]
    return x + y + mean_s, x - y + mean_d, square_s - mean_s**2, square_d - mean_d**2


def line_by_line(taps: Taps, step: int, x: Array, y: Array, *weight: Array) -> tuple[Array, ...]:
    (mean_s, variance_s), (mean_d, variance_d) = (_two_passes(taps, step, z, *weight) for z in (x + y, x - y))
    return mean_s, mean_d, variance_s, variance_d


def _two_passes(taps: Taps, step: int, z: Array, *weight: Array) -> tuple[Array, Array]:
    mean, variance, counts = _merge(taps, 1, 1, z, [], list(weight))
    # Fused with the second pass, the first would be computed anew for each tap.
    mean, variance, counts = lax.optimization_barrier((mean, variance, counts))
    mean, variance, _ = _merge_in_halves(taps, step, mean, [variance], counts)
    return mean, variance


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


def _from_moments(taps: Taps, step: int, means: Sequence[Array], x: Array, y: Array, *weight: Array) -> tuple:
    """The same by E[z^2] - mu^2, in which mu^2 stands as its tangent at the means that are known."""
    if weight:
        (w,) = weight
        total, *sums = filter_maps([w, *(w * z for z in (x, y, *_squares(x, y)))], taps, taps, step=step)
        moments = [safe_divide(z, total) for z in sums]
    else:
        moments = filter_moments(_squares, [x, y], taps, taps, step=step)
    mean_x, mean_y, *squares = moments
    moved = mean_x + mean_y, mean_x - mean_y
    pairs = zip(squares, moved, means, strict=True)
    return *moved, *(square - mean * (2 * new - mean) for square, new, mean in pairs)


def _squares(x: Array, y: Array) -> tuple[Array, Array]:
    return (x + y) ** 2, (x - y) ** 2
