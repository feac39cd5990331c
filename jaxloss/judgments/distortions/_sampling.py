"""Images between their pixels, bilinear. Beyond the border they go on mirrored, the pixel at the edge repeated."""

import jax
import jax.numpy as jnp

from ..._types import Array


def pixel_lines(image: Array) -> tuple[Array, Array]:
    """Numbers of the rows and of the columns, `[H]` and `[W]`, in the dtype of the image."""
    height, width = image.shape[-3:-1]
    return jnp.arange(height, dtype=image.dtype), jnp.arange(width, dtype=image.dtype)


def pixel_grid(image: Array) -> tuple[Array, Array]:
    """Row and column of each pixel, `[H, W]` each."""
    rows, columns = jnp.meshgrid(*pixel_lines(image), indexing="ij")
    return rows, columns


def sample_lines(image: Array, rows: Array, columns: Array) -> Array:
    """Samples `[..., h, w, C]` where fractional rows `[h]` cross fractional columns `[w]`."""
    for axis, positions in ((-3, rows), (-2, columns)):
        start, share = _parts(positions)
        first, second = (jnp.take(image, _mirror(start + i, image.shape[axis]), axis, mode="clip") for i in (0, 1))
        share = jnp.broadcast_to(share.reshape(-1, *(1,) * (-1 - axis)), first.shape)
        image = (1 - share) * first + share * second
    return image


def sample(image: Array, rows: Array, columns: Array) -> Array:
    """Samples `[..., h, w, C]` at fractional rows and columns `[h, w]`."""
    (top, down), (left, right) = _parts(rows), _parts(columns)
    above, below = (_mirror(top + i, image.shape[-3]) * image.shape[-2] for i in (0, 1))
    before, after = (_mirror(left + i, image.shape[-2]) for i in (0, 1))
    places = jnp.stack([above + before, above + after, below + before, below + after])
    shares = jnp.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
    # One gather of four neighbors: its derivative is one scatter.
    pixels = image.reshape(*image.shape[:-3], -1, image.shape[-1])
    corners = pixels.at[..., places, :].get(mode="promise_in_bounds")
    return (corners * jnp.broadcast_to(shares[..., None], corners.shape)).sum(-4)


def _parts(positions: Array) -> tuple[Array, Array]:
    """The whole part and the rest."""
    # XLA may compute positions twice, rounded differently, and take each part from another one. Without their last bit,
    # those on both sides of a whole number are that number.
    bits = jnp.finfo(positions.dtype)
    positions = jax.lax.reduce_precision(positions, exponent_bits=bits.nexp, mantissa_bits=bits.nmant - 1)
    start = jnp.floor(positions)
    return start, positions - start


def _mirror(position: Array, length: int) -> Array:
    index = jnp.mod(position, 2 * length).astype(jnp.int32)
    return jnp.minimum(index, 2 * length - 1 - index)
