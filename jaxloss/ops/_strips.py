"""The schedule of a sum on a CPU and on a TPU: strips of rows, of which all maps fit into fast memory.

    image                     strip i reads       and gives

    0  ┌────────────────┐
       │                │     ┌────────────┐      ┌────────────┐  its first `halo` rows of the gradient are added to
       │   strip 0      │     │            │      │ + strip 0  │  what the strip above has given them,
       │                │     │ `height`   │      ├────────────┤
       ├ ─ ─ ─ ─ ─ ─ ─ ─┤     │  + `halo`  │      │    new     │  the other `height` rows are new
       │   strip 1      │     │   rows     │      │            │
       │                │     └────────────┘      └────────────┘
       └────────────────┘

A window of `halo + 1` rows belongs to the strip that it begins in. All strips are equally high, so the first overlaps
the second unless `height` divides the number of windows: the windows that both see are counted by the second alone.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._types import Array


# Of one map of a strip, in bytes, by platform. Up to a dozen such maps are alive at a time: they should fit into the
# last-level cache of a CPU, or into the 128 MiB of vector memory of a TPU v5e or v6e. Half or twice of it changes
# little, but an image under `vmap` is cut without knowing of the others.
STRIP_BYTES = {"cpu": 2**20, "tpu": 2**23}
# Below this height, or that of the halo, a strip would mostly read what its neighbors have read.
SMALLEST_STRIP = 8

# (counted [height, 1], parameters, *maps) -> values [n, height, w'], gradients [n, height + halo, w].
Piece = Callable[..., tuple[Array, tuple[Array, ...]]]


def fitting_height(image: Array, halo: int, platform: str) -> int:
    """How many rows of windows a strip of maps `[n, h, w]` should have: all, where the whole fits."""
    n, height, width = image.shape
    rows = height - halo
    count = n * rows * width * image.dtype.itemsize // STRIP_BYTES[platform]
    count = min(count, rows // max(halo, SMALLEST_STRIP))
    return -(-rows // max(count, 1))


def sweep_strips(piece: Piece, halo: int, height: int, parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
    """The values of all strips added to one strip, `[n, height, w']`, and the gradients put together."""
    rows = maps[0].shape[1] - halo
    count = -(-rows // height)

    def start(i: Array) -> Array:
        return jnp.maximum(0, rows - (count - i) * height)  # the first strip overlaps the second ...

    # Slicing inside the checkpoint leaves only the strip's number to be stored for a derivative of second order.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def take(i: Array, parameters: Any, *maps: Array) -> tuple[Array, tuple[Array, ...]]:
        cut = (lax.dynamic_slice_in_dim(z, start(i), height + halo, axis=1) for z in maps)
        counted = (i > 0) | (jnp.arange(height) < rows - (count - 1) * height)  # ... and leaves their rows to it
        return piece(counted[:, None], parameters, *cut)

    def add(image: Array, gradient: Array, i: Array) -> Array:
        upper = gradient[:, :halo] + lax.dynamic_slice_in_dim(image, start(i), halo, axis=1)
        image = lax.dynamic_update_slice_in_dim(image, upper, start(i), axis=1)
        return lax.dynamic_update_slice_in_dim(image, gradient[:, halo:], start(i) + halo, axis=1)

    # A gradient waits one round before it is added: in its own round XLA would compute it as a part of the update, on
    # one core. The sum, too, holds whole strips: a sum over rows inside the loop would not be vectorized.
    def step(carry: Any, i: Array) -> tuple[Any, None]:
        total, waiting, images = carry
        images = [add(*pair, i - 1) for pair in zip(images, waiting, strict=True)]
        values, gradients = take(i, parameters, *maps)
        return (total + values, gradients, images), None

    first = jnp.int32(0)
    total, waiting = jax.tree.map(lambda s: _zeros(s.shape, maps), jax.eval_shape(take, first, parameters, *maps))
    images = [_zeros(maps[0].shape, maps) for _ in waiting]
    carry, _ = lax.scan(step, (total, waiting, images), jnp.arange(count, dtype=first.dtype))
    total, waiting, images = carry
    return total, [add(*pair, first + count - 1) for pair in zip(images, waiting, strict=True)]


def _zeros(shape: tuple[int, ...], maps: tuple[Array, ...]) -> Array:
    """Zeros of which sharding and varying axes are those of a result computed from all the maps."""
    corner = functools.reduce(jnp.add, (jnp.zeros_like(z[:, :1, :1]) for z in maps))
    return jnp.broadcast_to(corner, shape)
