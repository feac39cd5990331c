"""Resizing as MATLAB's imresize does it, in what metrics are defined on."""

import math

import jax.numpy as jnp
import numpy as np

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
