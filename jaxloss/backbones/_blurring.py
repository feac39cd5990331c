"""Features blurred before every other one is left out, so that shifting an image by one pixel shifts no peak away."""

from typing import Any

import jax.numpy as jnp
from jax import lax

from .._types import Array
from ..ops._convolution import Pads, convolution
from ._layers import Blur


BLUR = Blur("blur", padding=2, reflect=True)  # that of a blurred convolution
SQUARE_EPSILON = 1e-12  # with which the root of a mean of squares has a slope at 0


def blur(x: Array, layer: Blur) -> Array:
    """Of `[n, h, w, c]`."""
    widths = [(0, 0), (layer.padding, layer.padding), (layer.padding, layer.padding), (0, 0)]
    x = jnp.pad(x * x if layer.norm else x, widths, mode="reflect" if layer.reflect else "constant")
    x = _blur_along(_blur_along(x, 2), 1)
    return jnp.sqrt(x + SQUARE_EPSILON) if layer.norm else x


def _blur_along(x: Array, axis: int) -> Array:
    last = x.shape[axis] - 2
    return _weigh(*(lax.slice_in_dim(x, i, last + i, 2, axis) for i in range(3)))


def _weigh(left: Array, middle: Array, right: Array) -> Array:
    return 0.25 * (left + right) + 0.5 * middle


def blurred_convolution(x: Array, kernel: Array, strides: Any, padding: Pads, **options: Any) -> Array:
    """`BLUR` of a convolution of stride 1; a hook of `nn.Conv`.

    It is a convolution by a wider kernel in steps of two, of a third of the products. That has no border to mirror at:
    but a mirrored first window sees what the second one sees, and so does the last, if the size is odd. For an even one
    the last row and column are computed as they are defined.
    """
    size = kernel.shape[0]
    sides = {axis: x.shape[axis] + sum(padding[axis - 1]) - size + 1 for axis in (1, 2)}
    if min(sides.values()) < 3:
        return blur(convolution(x, kernel, strides, padding, **options), BLUR)
    inner = blurred = convolution(x, _widened(kernel), (2, 2), padding, **options)
    for axis, side in sides.items():
        first, last = (lax.slice_in_dim(blurred, i, i + 1, axis=axis) for i in (0, blurred.shape[axis] - 1))
        if side % 2 == 0:
            pads = list(padding)
            _, beyond = pads[axis - 1]
            pads[axis - 1] = (0, beyond)
            end = lax.slice_in_dim(x, x.shape[axis] - (size + 1 - beyond), None, axis=axis)  # the last two windows
            end = blur(convolution(end, kernel, strides, pads, **options), BLUR)
            last = lax.slice_in_dim(end, end.shape[axis] - 1, None, axis=axis)
            if axis == 1:  # without the columns that are to come
                last = lax.slice_in_dim(last, 1, 1 + inner.shape[2], axis=2)
        blurred = lax.concatenate([first, blurred, last], axis)
    return blurred


def _widened(kernel: Array) -> Array:
    """A kernel `[k, k, c, features]` blurred, `[k + 2, k + 2, c, features]`."""
    for axis in (0, 1):
        margins = [[(i, 2 - i) if k == axis else (0, 0) for k in range(4)] for i in range(3)]
        kernel = _weigh(*(jnp.pad(kernel, margin) for margin in margins))
    return kernel
