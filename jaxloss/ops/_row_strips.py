"""The schedule of long functions of pixels and their neighbors: strips of rows, one after the other."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from .._types import Array


# What a strip needs for its derivative is computed again rather than kept: of all maps that lie between the images and
# the result, only those of one strip are in memory at a time. Larger strips fill a GPU, smaller ones a cache of a CPU.
STRIP_SIZE = 2**24


def in_row_strips(function: Callable[..., Array], *planes: Array, reach: int) -> Array:
    """`function(*planes)` of planes `[..., H, W]`, which it gets `reach` rows higher at both ends and returns without.

    Beyond the border rows are mirrored at the first and the last one.
    """
    height, width = planes[0].shape[-2:]
    count = max(1, min(-(-planes[0].size // STRIP_SIZE), height // max(2 * reach, 1)))
    size = -(-height // count)

    def extend(plane: Array) -> Array:
        margins = (reach, reach + count * size - height)
        return jnp.pad(plane, [(0, 0)] * (plane.ndim - 2) + [margins, (0, 0)], mode="reflect")

    def cut(plane: Array) -> Array:
        own, last = lax.split(extend(plane), (count * size, 2 * reach), axis=-2)
        own = jnp.moveaxis(own.reshape(*plane.shape[:-2], count, size, width), -3, 0)
        following = jnp.concatenate([own[1:, ..., : 2 * reach, :], last[None]])
        return jnp.concatenate([own, following], axis=-2)

    if count == 1:
        return function(*map(extend, planes))
    strips = lax.map(jax.checkpoint(lambda cuts: function(*cuts)), [cut(plane) for plane in planes])
    joined = jnp.moveaxis(strips, 0, -3)
    return joined.reshape(*joined.shape[:-3], count * size, width)[..., :height, :]
