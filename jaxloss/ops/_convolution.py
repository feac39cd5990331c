"""Convolution arranged for XLA on a CPU; on every other device it is XLA's own.

XLA hands most convolutions on a CPU to a kernel library that runs on one core, but not those whose output has more rows
than their input: these run on all cores. So a row of zeros is put below the images, and a row of the result dropped.
Padding and dropping fuse into their neighbors, and autodiff turns each into the other: the adjoint is taller, too.

A convolution of three channels fills no vector, and its adjoint in steps of four pixels is mostly multiplications by
zero. There blocks of pixels become channels first.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax

from .._types import Array


Padding = Sequence[tuple[int, int]]


def convolution(x: Array, kernel: Array, strides: Sequence[int], padding: Padding, **options: Any) -> Array:
    """`lax.conv_general_dilated` of `[n, H, W, C]` with a square kernel `[k, k, C, features]`; a hook of `nn.Conv`."""
    stride = strides[0]
    reference = partial(lax.conv_general_dilated, window_strides=strides, padding=padding, **options)
    if stride == 1:
        arranged = partial(_taller, padding=padding, **options)
    elif stride >= 4:
        arranged = partial(_blockwise, stride=stride, padding=padding, **options)
    else:
        return reference(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=arranged, default=reference)


def _taller(x: Array, kernel: Array, padding: Padding, **options: Any) -> Array:
    (top, bottom), columns = padding
    height = x.shape[1] + top + bottom - kernel.shape[0] + 1
    extra = max(1, kernel.shape[0] - top - bottom)
    x = jnp.pad(x, ((0, 0), (0, extra), (0, 0), (0, 0)))
    return lax.conv_general_dilated(x, kernel, (1, 1), ((top, bottom), columns), **options)[:, :height]


def _blockwise(x: Array, kernel: Array, stride: int, padding: Padding, **options: Any) -> Array:
    """Blocks of `stride` x `stride` pixels become the channels of one pixel, and the strides become 1."""
    n, *sides, channels = x.shape
    taps = -(-kernel.shape[0] // stride)
    # Of whole blocks, as many as the windows of all outputs reach.
    blocks = [(side + sum(p) - kernel.shape[0]) // stride + taps for side, p in zip(sides, padding, strict=True)]
    margins = [(low, b * stride - side - low) for b, side, (low, _) in zip(blocks, sides, padding, strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *((low, high, 0) for low, high in margins), (0, 0, 0)))
    # One axis at a time: explicit meshes refuse to reshape several at once.
    x = x.reshape(n, blocks[0] * stride, -1).reshape(n, blocks[0] * stride, blocks[1], stride * channels)
    x = x.reshape(n, blocks[0], stride, blocks[1], stride * channels)
    x = jnp.concatenate([x[:, :, row] for row in range(stride)], axis=-1)  # a transposition would take twice as long
    fill = taps * stride - kernel.shape[0]
    kernel = jnp.pad(kernel, ((0, fill), (0, fill), (0, 0), (0, 0)))
    kernel = kernel.reshape(taps, stride, taps, stride * channels, -1).swapaxes(1, 2)
    kernel = kernel.reshape(taps, taps, stride * stride * channels, -1)
    return _taller(x, kernel, ((0, 0), (0, 0)), **options)
