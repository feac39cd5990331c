"""Images between their pixels: the one sampler of the blurs and the warps."""

import jax.numpy as jnp

from ..._types import Array


def pixel_grid(image: Array) -> tuple[Array, Array]:
    """Row and column of each pixel, `[H, W]` each, in the dtype of the image."""
    height, width = image.shape[-3:-1]
    rows, columns = jnp.arange(height, dtype=image.dtype), jnp.arange(width, dtype=image.dtype)
    return jnp.broadcast_to(rows[:, None], (height, width)), jnp.broadcast_to(columns[None, :], (height, width))


def sample(image: Array, rows: Array, columns: Array) -> Array:
    """Bilinear samples `[..., h, w, C]` at fractional rows and columns `[h, w]`.

    Beyond the border the image goes on mirrored, the pixel at the edge repeated, so that no position is outside.
    """
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = rows - top, columns - left
    above, below = (_mirror(top + i, image.shape[-3]) * image.shape[-2] for i in (0, 1))
    before, after = (_mirror(left + i, image.shape[-2]) for i in (0, 1))
    places = jnp.stack([above + before, above + after, below + before, below + after])
    shares = jnp.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
    # One gather of four neighbors: its derivative is one scatter.
    pixels = image.reshape(*image.shape[:-3], -1, image.shape[-1])
    corners = pixels.at[..., places, :].get(mode="promise_in_bounds")
    return (corners * jnp.broadcast_to(shares[..., None], corners.shape)).sum(-4)


def _mirror(position: Array, length: int) -> Array:
    index = jnp.mod(position, 2 * length).astype(jnp.int32)
    return jnp.minimum(index, 2 * length - 1 - index)
