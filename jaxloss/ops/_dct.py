"""The cosine transform of blocks of 8 x 8 pixels, as JPEG has it, but orthonormal."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array


BLOCK = 8
HALF = BLOCK // 2

# A row for each frequency.
COSINES = np.cos(np.pi / 16 * np.outer(np.arange(BLOCK), 2 * np.arange(BLOCK) + 1))
COSINES *= np.where(np.arange(BLOCK) == 0, np.sqrt(1 / BLOCK), np.sqrt(2 / BLOCK))[:, None]

ALL_FREQUENCIES = np.ones((BLOCK, BLOCK), bool)


def split_blocks(image: Array) -> Array:
    """Blocks of an image, quadrant by quadrant: pixels that do not fill a block are left out.

    Args:
        image: `[..., H, W, 1]`, at least 8 x 8 pixels.

    Returns:
        `[..., H // 8, W // 8, 4, 16]`, the pixels of each quadrant row by row.
    """
    *leading, height, width, _ = image.shape
    rows, columns = height // BLOCK, width // BLOCK
    whole = image[..., : rows * BLOCK, : columns * BLOCK, 0]
    # One axis at a time: under an explicit mesh a reshape may not split or merge several.
    parts = whole.reshape(*leading, rows, 2, HALF, whole.shape[-1])
    parts = parts.reshape(*leading, rows, 2, HALF, columns, 2, HALF)
    n = len(leading)
    blocks = parts.transpose(*range(n), *(n + axis for axis in (0, 3, 1, 4, 2, 5)))
    blocks = blocks.reshape(*leading, rows, columns, 4, HALF, HALF)
    return blocks.reshape(*leading, rows, columns, 4, HALF * HALF)


def block_dct(blocks: Array, frequencies: np.ndarray = ALL_FREQUENCIES) -> Array:
    """Coefficients of the blocks of `split_blocks`, orthonormal: the first is 8 times the mean of its block.

    Args:
        blocks: `[..., 4, 16]`.
        frequencies: `[8, 8]`, bool: which of them, by vertical and by horizontal frequency.

    Returns:
        `[..., n]`, row by row.
    """
    # One product for both axes: of so small matrices it takes no longer than two, and needs no transpose between them.
    basis = np.kron(COSINES, COSINES)[frequencies.ravel()]
    by_quadrant = basis.reshape(-1, 2, HALF, 2, HALF).transpose(0, 1, 3, 2, 4).reshape(len(basis), -1)
    pixels = blocks.reshape(*blocks.shape[:-2], BLOCK * BLOCK)
    return jnp.matmul(pixels, by_quadrant.T.astype(blocks.dtype), precision=lax.Precision.HIGHEST)
