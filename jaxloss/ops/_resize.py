"""Resizing as MATLAB's imresize does it, in what metrics are defined on."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array
from ._filters import filter_maps


TAPS = 8  # the cubic is stretched to twice its four pixels, which keeps the finer details from folding over


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -1/2."""
    x = np.abs(x)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))


# Each new pixel lies between two old ones: 0.5, 1.5, ... pixels from those before and after it.
HALVING = tuple(float(w) for w in _cubic((np.arange(TAPS) - (TAPS - 1) / 2) / 2) / 2)


def halve_bicubic(planes: Array) -> Array:
    """`[..., H, W]` to `[..., ceil(H / 2), ceil(W / 2)]`: MATLAB's `imresize(planes, 0.5)`, mirrored at the border."""
    *leading, height, width = planes.shape
    before = TAPS // 2 - 1
    rows, columns = ((before, before + 1 + side % 2) for side in (height, width))
    maps = jnp.pad(planes.reshape(math.prod(leading), height, width), ((0, 0), rows, columns), mode="symmetric")
    (halves,) = filter_maps([maps], HALVING, HALVING, step=1)
    halves = halves[:, ::2, ::2]
    return halves.reshape(*leading, *halves.shape[1:])


def _linear(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


KERNELS = {"cubic": (_cubic, 4), "linear": (_linear, 2)}  # and how many pixels they reach over


def resize_matrix(size: int, new: int, *, kernel: str, scale: float = 0.0, antialias: bool = True) -> np.ndarray:
    """How each of `new` pixels is made of `size` ones, `[new, size]`: MATLAB's `imresize`, mirrored at the border.

    Args:
        size, new: Lengths in pixels.
        kernel: `"cubic"` or `"linear"`.
        scale: Of a pixel, where it is not `new / size`.
        antialias: Whether the kernel is stretched to the distance of the new pixels where that is larger.
    """
    weigh, reach = KERNELS[kernel]
    scale = scale or new / size
    stretch = max(1, 1 / scale) if antialias else 1.0
    centers = (np.arange(new)[:, None] + 0.5) / scale - 0.5
    taps = np.floor(centers - reach / 2 * stretch) + np.arange(np.ceil(reach * stretch) + 3)
    weights = weigh((centers - taps) / stretch)
    # Pixels beyond the border are those before it, in reverse.
    sources = np.mod(taps.astype(int), 2 * size)
    sources = np.where(sources < size, sources, 2 * size - 1 - sources)
    matrix = np.zeros((new, size))
    np.add.at(matrix, (np.broadcast_to(np.arange(new)[:, None], sources.shape), sources), weights)
    return matrix / matrix.sum(axis=1, keepdims=True)


def resize(planes: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """`[..., H, W]` to `[..., h, w]` by a matrix for each axis, `[h, H]` and `[w, W]`."""
    halfway = _times(rows, planes)
    return jnp.matrix_transpose(_times(columns, jnp.matrix_transpose(halfway)))


BLOCK = 32  # new pixels that are computed from one window of old ones, outside of which the matrix is 0
LEAST = 96  # old pixels, fewer of which are all one window


def _times(matrix: np.ndarray, planes: Array) -> Array:
    """The matrix times each plane."""
    new, size = matrix.shape
    if new == size and np.array_equal(matrix, np.eye(size)):
        return planes
    blocks = [matrix[i : i + BLOCK] for i in range(0, new, BLOCK)]
    ends = [np.flatnonzero(block.any(axis=0))[[0, -1]] for block in blocks]
    reach = max(last - first + 1 for first, last in ends)
    if new % BLOCK or size < LEAST or 2 * reach > size:
        whole = jnp.broadcast_to(matrix.astype(planes.dtype), (*planes.shape[:-2], new, size))
        return jnp.matmul(whole, planes, precision=lax.Precision.HIGHEST)
    starts = [min(first, size - reach) for first, _ in ends]
    windows = jnp.stack([planes[..., start : start + reach, :] for start in starts], axis=-3)
    bands = np.stack([block[:, start : start + reach] for block, start in zip(blocks, starts, strict=True)])
    bands = jnp.broadcast_to(bands.astype(planes.dtype), (*windows.shape[:-2], BLOCK, reach))
    out = jnp.matmul(bands, windows, precision=lax.Precision.HIGHEST)
    return out.reshape(*planes.shape[:-2], new, planes.shape[-1])
