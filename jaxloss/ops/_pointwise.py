"""Schedules of functions of single pixels: of those that are long, such as a color difference, or read many times."""

import functools
import math
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from .._types import Array


# What XLA makes of their derivative on a CPU is one loop, in which the same is computed again for each channel of the
# image, or a hundred maps in memory. A loop over strips is a boundary to the first, and keeps the second small.
STRIP_PIXELS = 2**15


Planes = TypeVar("Planes", Array, list[Array])


def pointwise(function: Callable[..., Planes], *planes: Array) -> Planes:
    """`function(*planes)`, one plane or a list, of planes `[..., H, W, 1]`: each pixel from itself alone.

    On a CPU it is computed strip by strip.
    """
    count = -(-math.prod(planes[0].shape) // STRIP_PIXELS)
    if count < 2:
        return function(*planes)
    return lax.platform_dependent(*planes, cpu=functools.partial(_in_strips, function, count), default=function)


def computed_once(function: Callable[..., Array], *images: Array) -> Array:
    """`function(*images)`, `[..., H, W, C]`, of images with as many rows: each pixel from itself alone.

    In two halves: XLA, which fuses nothing across a concatenation, would compute it anew for each of its readers.
    """
    halves = zip(*(jnp.array_split(image, 2, axis=-3) for image in images), strict=True)
    return jnp.concatenate([function(*half) for half in halves], axis=-3)


def _in_strips(function: Callable[..., Planes], count: int, *planes: Array) -> Planes:
    *leading, height, width, _ = planes[0].shape
    size = -(-height * width // count)

    def cut(plane: Array) -> Array:
        rows = plane.reshape(*leading, height * width)
        rows = jnp.pad(rows, [(0, 0)] * len(leading) + [(0, count * size - height * width)])
        return jnp.moveaxis(rows.reshape(*leading, count, size), -2, 0)

    # What a strip needs for its derivative is computed again, rather than kept for all of them.
    strips = lax.map(jax.checkpoint(lambda cuts: function(*cuts)), [cut(plane) for plane in planes])

    def join(strips: Array) -> Array:
        rows = jnp.moveaxis(strips, 0, -2).reshape(*leading, count * size)
        return rows[..., : height * width].reshape(planes[0].shape)

    return jax.tree.map(join, strips)
