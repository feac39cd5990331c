"""Covariance of the 3 x 3 neighborhoods of a plane, of which Gaussian scale mixtures are made."""

import functools

import jax.numpy as jnp
from jax import lax

from .._types import Array


SIDE = 3
BLOCK = 4  # of neighborhoods, a side
PATCH = BLOCK + SIDE - 1  # pixels that they cover


def neighborhood_covariance(planes: Array) -> Array:
    """Of all 3 x 3 neighborhoods that lie within planes `[n, H, W]`, row by row: `[n, 9, 9]`.

    From the second moments of patches of 6 x 6, each of which holds sixteen neighborhoods. A ninth of the memory of
    the neighborhoods themselves, and on a CPU a tenth of the time.
    """
    height, width = (side - SIDE + 1 for side in planes.shape[1:])
    rows, columns = height // BLOCK * BLOCK, width // BLOCK * BLOCK
    around = SIDE - 1
    parts = []
    if rows and columns:
        parts.append(_of_blocks(planes[:, : rows + around, : columns + around]))
    if rows < height:
        parts.append(_one_by_one(planes[:, rows:]))
    if rows and columns < width:
        parts.append(_one_by_one(planes[:, : rows + around, columns:]))
    products, totals = (functools.reduce(jnp.add, z) / (height * width) for z in zip(*parts, strict=True))
    return products - totals[:, :, None] * totals[:, None]


def _of_blocks(planes: Array) -> tuple[Array, Array]:
    """Sums of products and of values, of planes that hold whole blocks of neighborhoods."""
    n, rows, columns = (*planes.shape[:1], *(side // BLOCK for side in planes.shape[1:]))
    lacking = BLOCK - SIDE + 1
    blocks = jnp.pad(planes, ((0, 0), (0, lacking), (0, lacking)))
    blocks = blocks.reshape(n, rows + 1, BLOCK, columns + 1, BLOCK)
    tall = jnp.concatenate([blocks[:, :-1], blocks[:, 1:, : SIDE - 1]], axis=2)
    patches = jnp.concatenate([tall[:, :, :, :-1], tall[:, :, :, 1:, : SIDE - 1]], axis=4)
    patches = patches.transpose(0, 1, 3, 2, 4).reshape(n, rows * columns, PATCH**2)
    moments = _products(jnp.matrix_transpose(patches)).reshape(n, PATCH, PATCH, PATCH, PATCH)
    totals = patches.sum(axis=1).reshape(n, PATCH, PATCH)
    at = [(slice(i, i + SIDE), slice(j, j + SIDE)) for i in range(BLOCK) for j in range(BLOCK)]
    products = jnp.stack([moments[:, *place, *place] for place in at]).sum(axis=0)
    totals = jnp.stack([totals[:, *place] for place in at]).sum(axis=0)
    return products.reshape(n, SIDE**2, SIDE**2), totals.reshape(n, SIDE**2)


def _one_by_one(planes: Array) -> tuple[Array, Array]:
    height, width = (side - SIDE + 1 for side in planes.shape[1:])
    shifts = [planes[:, i : i + height, j : j + width] for i in range(SIDE) for j in range(SIDE)]
    neighborhoods = jnp.stack(shifts, axis=1).reshape(-1, SIDE**2, height * width)
    return _products(neighborhoods), neighborhoods.sum(axis=2)


def _products(z: Array) -> Array:
    return jnp.matmul(z, jnp.matrix_transpose(z), precision=lax.Precision.HIGHEST)
