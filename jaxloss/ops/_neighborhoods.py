"""Covariance of the 3 x 3 neighborhoods of a plane, of which Gaussian scale mixtures are made."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array


SIDE = 3
BLOCK = 4  # of neighborhoods, a side
PATCH = BLOCK + SIDE - 1  # pixels that they cover


def neighborhood_covariance(planes: Array) -> Array:
    """Of all 3 x 3 neighborhoods that lie within planes `[n, H, W]`, row by row: `[n, 9, 9]`.

    From the second moments of patches of 6 x 6, each of which holds sixteen neighborhoods: in a fourth of the memory of
    the neighborhoods themselves, and on a CPU in a tenth of the time. Where patches reach beyond the plane, the last
    row and column of them are counted once more, to take away the neighborhoods that they hold in excess.
    """
    n = planes.shape[0]
    height, width = (side - SIDE + 1 for side in planes.shape[1:])
    rows, columns = (-(-count // BLOCK) for count in (height, width))
    patches = _patches(planes, rows, columns)
    groups = [patches, patches[:, -1:], patches[:, :, -1:], patches[:, -1:, -1:]]
    groups = [group.reshape(n, group.shape[1] * group.shape[2], PATCH**2) for group in groups]
    moments = [jnp.matmul(jnp.matrix_transpose(z), z, precision=lax.Precision.HIGHEST) for z in groups]
    totals = jnp.stack([group.sum(axis=1) for group in groups], axis=1)
    held = _held()
    i, j = np.indices((BLOCK, BLOCK)).reshape(2, -1)
    below, beyond = (rows - 1) * BLOCK + i >= height, (columns - 1) * BLOCK + j >= width
    times = np.stack([np.ones(BLOCK**2), -1.0 * below, -1.0 * beyond, below & beyond])
    counted, held = (jnp.asarray(z, planes.dtype) for z in (times[:, :, None, None] * held, held))
    high = lax.Precision.HIGHEST
    products = jnp.einsum("gkap,ngpq,kbq->nab", counted, jnp.stack(moments, axis=1), held, precision=high)
    mean = jnp.einsum("gkap,ngp->na", counted, totals, precision=high) / (height * width)
    return products / (height * width) - mean[:, :, None] * mean[:, None]


def _patches(planes: Array, rows: int, columns: int) -> Array:
    """`[n, rows, columns, 36]`, of a plane that goes on with zeros."""
    n, height, width = planes.shape
    lacking = [(0, BLOCK * (count + 1) - side) for side, count in ((height, rows), (width, columns))]
    # One axis at a time: of more than one JAX would not know on an explicit mesh how the result is spread.
    blocks = jnp.pad(planes, ((0, 0), *lacking)).reshape(n, rows + 1, BLOCK, (columns + 1) * BLOCK)
    blocks = blocks.reshape(n, rows + 1, BLOCK, columns + 1, BLOCK)
    tall = jnp.concatenate([blocks[:, :-1], blocks[:, 1:, : SIDE - 1]], axis=2)
    patches = jnp.concatenate([tall[:, :, :, :-1], tall[:, :, :, 1:, : SIDE - 1]], axis=4)
    return patches.transpose(0, 1, 3, 2, 4).reshape(n, rows, columns, PATCH**2)


def _held() -> np.ndarray:
    """Which pixels of a patch are those of each neighborhood that it holds: `[16, 9, 36]`, zeros and ones."""
    pixels = np.arange(PATCH**2).reshape(PATCH, PATCH)
    neighborhoods = np.lib.stride_tricks.sliding_window_view(pixels, (SIDE, SIDE)).reshape(BLOCK**2, SIDE**2)
    return np.eye(PATCH**2)[neighborhoods]
