"""A resampling matrix times the lines of planes: by sums of shifted lines where it repeats, else by products."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array


LEAST = 96  # old pixels, fewer of which are all one window
BLOCK = 32  # new pixels that are computed from one window of old ones, outside of which the matrix is 0
PERIODS = 1, 2, 3  # new pixels after which a matrix may repeat
TAPS = 8  # more of them are faster as a product on a CPU


class Repetition(NamedTuple):
    """Of a matrix: new pixel `period * n + i` is made of old pixels `step * n + offset`, for offsets of each i."""

    period: int
    step: int
    offsets: list[list[int]]


def resample(matrix: np.ndarray, planes: Array, axis: int) -> Array:
    """`[new, size]` times `[..., size, ...]` along one of the last two axes."""
    size, axis = matrix.shape[1], axis % planes.ndim
    repetition = find_repetition(matrix) if size >= LEAST else None
    if repetition is not None:
        return _by_shifts(matrix, repetition, planes, axis)
    if axis == planes.ndim - 2:
        return _by_products(matrix, planes)
    return jnp.matrix_transpose(_by_products(matrix, jnp.matrix_transpose(planes)))


def find_repetition(matrix: np.ndarray) -> Repetition | None:
    """None for a matrix that does not repeat with a few taps; at the border, some of these may be 0."""
    new, size = matrix.shape
    target, source = np.nonzero(matrix)
    for period in PERIODS:
        step = max(1, round(period * size / new))
        offsets = source - step * (target // period)
        found = [np.unique(offsets[target % period == i]).tolist() for i in range(period)]
        if all(0 < len(of_one) <= TAPS for of_one in found):
            return Repetition(period, step, found)
    return None


def _by_shifts(matrix: np.ndarray, repetition: Repetition, planes: Array, axis: int) -> Array:
    period, step, offsets = repetition
    new, size = matrix.shape
    count = -(-new // period)
    before = -min(0, *(of_one[0] // step for of_one in offsets))
    total = before + max(-(-size // step), *(count + of_one[-1] // step for of_one in offsets))
    widths = [(0, 0)] * planes.ndim
    widths[axis] = (before * step, (total - before) * step - size)
    steps = jnp.pad(planes, widths).reshape(*planes.shape[:axis], total, step, *planes.shape[axis + 1 :])
    # Unstacked, of which the transpose is a concatenation; that of strided slices is a sum of what is mostly zeros.
    lines = jnp.unstack(steps, axis=axis + 1)
    n = np.arange(count)

    def term(i: int, offset: int) -> Array:
        target, source = period * n + i, step * n + offset
        inside = (target < new) & (source >= 0) & (source < size)
        weights = np.where(inside, matrix[target.clip(max=new - 1), source.clip(0, size - 1)], 0).astype(planes.dtype)
        start = offset // step + before
        shifted = lax.slice_in_dim(lines[offset % step], start, start + count, axis=axis)
        return shifted * weights.reshape(np.where(np.arange(planes.ndim) == axis, count, 1))

    sums = [functools.reduce(jnp.add, (term(i, offset) for offset in of_one)) for i, of_one in enumerate(offsets)]
    if period == 1:
        return sums[0]
    joined = jnp.stack(sums, axis=axis + 1).reshape(*planes.shape[:axis], count * period, *planes.shape[axis + 1 :])
    return lax.slice_in_dim(joined, 0, new, axis=axis)


def _by_products(matrix: np.ndarray, planes: Array) -> Array:
    """Along the rows, window by window where the matrix is banded."""
    new, size = matrix.shape
    matrix = np.pad(matrix, ((0, -new % BLOCK), (0, 0)))
    blocks = matrix.reshape(-1, BLOCK, size)
    used = [np.flatnonzero(block.any(axis=0)) for block in blocks]
    ends = [(int(found[0]), int(found[-1])) if found.size else (0, 0) for found in used]
    reach = max(last - first + 1 for first, last in ends)
    if size < LEAST or 2 * reach > size:
        return jnp.matmul(_for_each(matrix[:new], planes), planes, precision=lax.Precision.HIGHEST)
    starts = [min(first, size - reach) for first, _ in ends]
    windows = jnp.stack([planes[..., start : start + reach, :] for start in starts], axis=-3)
    bands = np.stack([block[:, start : start + reach] for block, start in zip(blocks, starts, strict=True)])
    out = jnp.matmul(_for_each(bands, windows), windows, precision=lax.Precision.HIGHEST)
    return out.reshape(*planes.shape[:-2], len(matrix), planes.shape[-1])[..., :new, :]


def _for_each(matrices: np.ndarray, planes: Array) -> Array:
    """Matrices for all planes, spread over devices as these are."""
    matrices = matrices.astype(planes.dtype).reshape((1,) * (planes.ndim - matrices.ndim) + matrices.shape)
    return jnp.zeros_like(planes[..., :1, :1]) + matrices
