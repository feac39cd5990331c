"""Convolution in float32 arranged for XLA on a CPU; elsewhere it is XLA's own.

XLA hands most convolutions on a CPU to a kernel library that runs on one core, but not those whose output has more rows
than their input: these run on all cores. So a row of zeros is put below the images, and a row of the result dropped.
Padding and dropping fuse into their neighbors, and autodiff turns each into the other: the adjoint is taller, too.

Without a word on precision accelerators would round what they multiply, a TPU to bfloat16 and an NVIDIA GPU to TF32,
in silence. So single and double precision ask for the highest, if the caller asks for nothing else; lower ones are left
as they are: who chose them wants the speed. A CPU knows one precision.

Few channels fill no vector, and the adjoint in steps of four pixels or more is mostly multiplications by zero. There
blocks of pixels become channels first. In smaller steps that pays for the values alone, but for large windows.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from .._types import Array


Pads = Sequence[tuple[int, int]]
Bilinear = Callable[[Array, Array], Array]  # of image and kernel
Shape = tuple[int, ...]

FEW_CHANNELS = 4  # half a vector register of a usual CPU


def convolution(x: Array, kernel: Array, strides: Sequence[int], padding: str | Pads, **options: Any) -> Array:
    """`lax.conv_general_dilated` of `[n, H, W, C]` with kernels `[height, width, C, features]`; a hook of `nn.Conv`."""
    groups = options.pop("feature_group_count", 1)
    if groups > 1:  # apart, for XLA's own are slower on a CPU, and not arranged
        pairs = zip(jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
        return jnp.concatenate([convolution(*pair, strides, padding, **options) for pair in pairs], axis=-1)
    rounded = jnp.finfo(x.dtype).bits >= 32
    options["precision"] = (options.get("precision") or lax.Precision.HIGHEST) if rounded else None
    if x.dtype != jnp.float32:  # arranged, float64 would run in XLA's own loops, ten times slower than the library
        return lax.conv_general_dilated(x, kernel, strides, padding, **options)
    arranged, reference = both_ways(x.shape, kernel.shape, strides, padding, **options)
    if arranged is reference:
        return reference(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=arranged, default=reference)


def both_ways(
    shape: Shape, kernel_shape: Shape, strides: Sequence[int], padding: str | Pads, **options: Any
) -> tuple[Bilinear, Bilinear]:
    """The same function of image and kernel, arranged for a CPU and as XLA has it; one twice if nothing is gained."""
    dilation = tuple(options.get("rhs_dilation") or (1, 1))
    window = [(side - 1) * step + 1 for side, step in zip(kernel_shape[:2], dilation, strict=True)]
    pads = lax.padtype_to_pads(shape[1:3], window, strides, padding) if isinstance(padding, str) else padding
    reference = partial(lax.conv_general_dilated, window_strides=strides, padding=pads, **options)
    stride, square = strides[0], strides[0] == strides[1] and kernel_shape[0] == kernel_shape[1]
    if tuple(strides) == (1, 1):
        return partial(_taller, window=window[0], padding=pads, **options), reference
    if square and dilation == (1, 1) and (stride >= 4 or shape[3] <= FEW_CHANNELS):
        arranged = partial(_blockwise, stride=stride, padding=pads, **options)
        both = stride >= 4 or window[0] > 3 * stride
        return (arranged if both else _values_by(arranged, reference)), reference
    return reference, reference


def _values_by(arranged: Bilinear, reference: Bilinear) -> Bilinear:
    """Two ways to compute one bilinear function: values by the first, derivatives by the second."""
    product = jax.custom_jvp(arranged)

    def derivative(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
        (x, kernel), (dx, dkernel) = primals, tangents
        value = product(x, kernel)
        changes = [] if isinstance(dx, SymbolicZero) else [reference(dx, kernel)]
        changes += [] if isinstance(dkernel, SymbolicZero) else [reference(x, dkernel)]
        return value, sum(changes, jnp.zeros_like(value))

    product.defjvp(derivative, symbolic_zeros=True)
    return product


def _taller(x: Array, kernel: Array, window: int, padding: Pads, **options: Any) -> Array:
    (top, bottom), columns = padding
    height = max(0, x.shape[1] + top + bottom - window + 1)
    extra = max(1, window - top - bottom)
    x = jnp.pad(x, ((0, 0), (0, extra), (0, 0), (0, 0)))
    return lax.conv_general_dilated(x, kernel, (1, 1), ((top, bottom), columns), **options)[:, :height]


def _blockwise(x: Array, kernel: Array, stride: int, padding: Pads, **options: Any) -> Array:
    """Blocks of `stride` x `stride` pixels become the channels of one pixel, and the strides become 1."""
    n, *sides, channels = x.shape
    taps = -(-kernel.shape[0] // stride)
    # Of whole blocks, as many as the windows of all outputs reach.
    blocks = [(side + sum(p) - kernel.shape[0]) // stride + taps for side, p in zip(sides, padding, strict=True)]
    margins = [(low, b * stride - side - low) for b, side, (low, _) in zip(blocks, sides, padding, strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *((low, high, 0) for low, high in margins), (0, 0, 0)))
    # One axis at a time: explicit meshes refuse to reshape several at once.
    rows, columns = (count * stride for count in blocks)
    x = x.reshape(n, rows, columns * channels).reshape(n, rows, blocks[1], stride * channels)
    x = x.reshape(n, blocks[0], stride, blocks[1], stride * channels)
    x = jnp.concatenate([x[:, :, row] for row in range(stride)], axis=-1)  # a transposition would take twice as long
    fill = taps * stride - kernel.shape[0]
    kernel = jnp.pad(kernel, ((0, fill), (0, fill), (0, 0), (0, 0)))
    features = kernel.shape[-1]
    kernel = kernel.reshape(taps, stride, taps, stride * channels, features).swapaxes(1, 2)
    kernel = kernel.reshape(taps, taps, stride * stride * channels, features)
    return _taller(x, kernel, taps, ((0, 0), (0, 0)), **options)
