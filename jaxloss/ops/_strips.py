"""Sums over a map of local statistics, taken strip by strip so that the map never leaves the cache.

A metric such as SSIM turns two images into a dozen maps of their size and those into one number. On a CPU writing the
maps to memory costs several times what computing them costs. Here a function of a few rows runs over horizontal strips,
and nothing larger than a strip is stored: not in the backward pass either, which computes each strip again.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._types import Array


# Of one map of a strip, in bytes; about ten such maps are alive at a time. On a CPU with 1 MiB of second-level cache
# per core twice or half of it changes little, but an image under `vmap` is cut without knowing of the others.
STRIP_BYTES = 2**18
# Below this height, or that of the halo, a strip would mostly read what its neighbors have read.
SMALLEST_STRIP = 8

RowFunction = Callable[..., Any]  # maps [n, rows + halo, w] -> pytree of maps [n, rows, w']


def sum_rows(function: RowFunction, *maps: Array, halo: int) -> Any:
    """`function(*maps)` summed over its rows, strip by strip where that is faster: a pytree of `[n, w']`.

    `maps` are `[n, h, w]`, and `function` turns `[n, rows + halo, w]` into a pytree of `[n, rows, w']` for any number
    of rows, each row from its own `halo + 1` input rows alone.
    """
    n, height, width = maps[0].shape
    rows = height - halo
    count = n * rows * width * maps[0].dtype.itemsize // STRIP_BYTES
    count = min(count, rows // max(halo, SMALLEST_STRIP))
    whole = functools.partial(_sum_whole, jax.checkpoint(function))
    if count < 2:
        return whole(*maps)
    strips = functools.partial(_sum_strips, function, -(-rows // count), halo)
    # An accelerator would wait for each of many small kernels; it has the memory bandwidth instead.
    return lax.platform_dependent(*maps, cpu=strips, default=whole)


def _sum_whole(function: RowFunction, *maps: Array) -> Any:
    return jax.tree.map(lambda out: out.sum(axis=1), function(*maps))


def _sum_strips(function: RowFunction, size: int, halo: int, *maps: Array) -> Any:
    rows = maps[0].shape[1] - halo

    # Slicing inside the checkpoint leaves only the strip's number to be stored for the backward pass.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def strip(i: Array, *maps: Array) -> Any:
        start = jnp.minimum(i * size, rows - size)  # the last strip overlaps the one before ...
        new = (start + jnp.arange(size, dtype=i.dtype) >= i * size)[
            :, None
        ]  # ... and counts only the rows that one did not
        out = function(*(lax.dynamic_slice_in_dim(z, start, size + halo, axis=1) for z in maps))
        return jax.tree.map(lambda z: jnp.where(new, z, jnp.zeros_like(z)), out)

    # The accumulator holds whole strips: a sum over rows inside the loop would not be vectorized.
    def add(total: Any, i: Array) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, strip(i, *maps)), None

    shapes = jax.eval_shape(strip, jnp.int32(0), *maps)
    count = -(-rows // size)
    total, _ = lax.scan(add, jax.tree.map(lambda s: _zeros(s.shape, maps), shapes), jnp.arange(count, dtype=jnp.int32))
    return jax.tree.map(lambda z: z.sum(axis=1), total)


def _zeros(shape: tuple[int, ...], maps: tuple[Array, ...]) -> Array:
    """Zeros of which sharding and varying axes are those of a result computed from all the maps."""
    corner = functools.reduce(jnp.add, (jnp.zeros_like(z[:, :1, :1]) for z in maps))
    return jnp.broadcast_to(corner, shape)
