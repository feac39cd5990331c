"""JPEG as an array function: what is left of an image after libjpeg has compressed and expanded it."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import NUMBERS, check_choice, check_image, error_text
from ..._types import Array, Image, ImageArray, Scalar
from ...ops._filters import repeat_edges
from ._quantization import ROUNDINGS, nearest, straight_through
from ._ycbcr import rgb_to_ycbcr, ycbcr_to_rgb


Rounding = Callable[[Array], Array]

SUBSAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}  # rows and columns of luma to one of chroma
BLOCK = 8

# Annex K of the standard: steps at quality 50 by vertical and horizontal frequency.
LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)

# Rows are the cosines of a frequency, scaled so that those of 0 and 4 are exact: dividing by 8 makes it orthonormal.
COSINES = np.cos(np.pi / 16 * np.outer(np.arange(8), 2 * np.arange(8) + 1)) * np.where(np.arange(8), 2**0.5, 1)[:, None]

# Samples to coefficients along rows, then along columns; and back, columns first.
AXES = "...ibj,vj->...ibv", "...aibv,ui->...aubv"
INVERSE_AXES = "...aubv,ui->...aibv", "...ibv,vj->...ibj"

# libjpeg rounds halves of colors down, and those of transforms up. So does this, taken or added before rounding: more
# than the error of float32, which would otherwise decide between the two, and differently in each compiled program.
LESS, MORE = 2**-17, 2**-8


class Codec(NamedTuple):
    """How numbers are rounded: coefficients, and samples on their way."""

    coefficients: Rounding
    samples: Rounding


def jpeg(x: Image, *, quality: Scalar, subsampling: str = "4:2:0", rounding: str = "hard") -> ImageArray:
    """What is left of an image after JPEG: 8 x 8 cosine transforms, rounded to the steps of Annex K.

    All that libjpeg does to the pixels: its rounding of samples, its chroma filters, its padding. On photographs the
    mean difference from libjpeg-turbo is below 0.05 gray levels, and 19 of 20 values are the same.

    Args:
        x: `[..., H, W, 1]` (gray) or `[..., H, W, 3]` (RGB), of any size.
        quality: 1 (worst) to 100, as libjpeg counts.
        subsampling: Of chroma: `"4:4:4"` (none), `"4:2:2"` (columns) or `"4:2:0"` (rows and columns).
        rounding: `"hard"` as the codec has it; `"straight-through"` is the same except in its gradient; `"soft"` rounds
            coefficients to `n + (c - n)³`, n the nearest integer (Shin and Song), and differs from hard by 0.3 (quality
            95) to 1.3 (quality 10) gray levels on average.

    Returns:
        Same shape, values in [0, 1], multiples of 1/255 unless soft.

    Raises:
        ValueError: For other numbers of channels, another subsampling or rounding.

    Gradient:
        Hard: 0. Straight-through: that of the codec without rounding. Soft: coefficients have `3 (c - n)²`, which is 0
        for those that are 0. Of the quality, that of the steps; 0 if hard.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import jpeg
        >>> ramp = jnp.arange(8.0).reshape(1, 8, 1) / 8
        >>> values = jax.jit(lambda x: 255 * jpeg(x, quality=10))(ramp).ravel()
        >>> print(" ".join(f"{value:.0f}" for value in values))
        0 22 62 95 121 154 194 225

    Reference:
        Recommendation ITU-T T.81. https://www.w3.org/Graphics/JPEG/itu-t81.pdf
        Shin and Song, NIPS workshop 2017. https://machine-learning-and-security.github.io/papers/mlsec17_paper_54.pdf
    """
    x = check_image("jpeg", "x", x)
    check_choice("jpeg", "subsampling", subsampling, SUBSAMPLINGS)
    check_choice("jpeg", "rounding", rounding, ROUNDINGS)
    if x.shape[-1] not in (1, 3):
        way_out = "JPEG has no alpha: x[..., :3]."
        raise ValueError(error_text("jpeg", "1 channel (gray) or 3 (RGB)", x.shape, way_out))
    codec = Codec(ROUNDINGS[rounding], nearest if rounding == "hard" else straight_through)
    luma_steps, chroma_steps = (steps.astype(x.dtype) for steps in quantization_steps(quality, codec.samples))
    samples = codec.samples(255 * jnp.clip(x, 0, 1))
    if x.shape[-1] == 1:
        planes = [_compressed(samples[..., 0] - 128, luma_steps, codec) + 128]
    else:
        luma, *chroma = (codec.samples(plane - LESS) for plane in rgb_to_ycbcr(samples))
        luma = _compressed(luma - 128, luma_steps, codec) + 128
        blue, red = (_compressed_chroma(plane, chroma_steps, codec, *SUBSAMPLINGS[subsampling]) for plane in chroma)
        planes = ycbcr_to_rgb(luma, blue, red)
    return jnp.clip(codec.samples(jnp.stack(planes, -1)) / 255, 0, 1)


def quantization_steps(quality: Scalar, rounding: Rounding) -> tuple[Array, Array]:
    """What coefficients of luma and of chroma are divided by, `[8, 8]` each."""
    if isinstance(quality, NUMBERS) and not 1 <= quality <= 100:
        raise ValueError(error_text("jpeg", "quality from 1 to 100", quality, "75 is libjpeg's default."))

    def floor(fraction: Array) -> Array:  # of a fraction of integers, as long as its denominator is below 128
        return rounding(fraction - 0.5 + 1 / 256)

    quality = rounding(jnp.clip(jnp.asarray(quality, jnp.float32), 1, 100))
    percent = jnp.where(quality < 50, floor(5000 / quality), 200 - 2 * quality)
    tables = (jnp.asarray(steps, jnp.float32) for steps in (LUMA_STEPS, CHROMA_STEPS))
    luma, chroma = (jnp.clip(floor((table * percent + 50) / 100), 1, 255) for table in tables)
    return luma, chroma


def _compressed(plane: Array, steps: Array, codec: Codec) -> Array:
    """A plane `[..., H, W]` of samples from -128 to 127 after its blocks were transformed, rounded and put back."""
    *leading, height, width = plane.shape
    plane = repeat_edges(plane, (0, -height % BLOCK), (0, -width % BLOCK))
    # One axis at a time: of several at once JAX cannot tell on an explicit mesh how the result is spread.
    lines = plane.reshape(*leading, plane.shape[-2] // BLOCK, BLOCK, plane.shape[-1])
    blocks = lines.reshape(*lines.shape[:-1], plane.shape[-1] // BLOCK, BLOCK)
    coefficients = codec.samples(_transformed(blocks, codec, AXES) + MORE) / BLOCK
    steps = jnp.broadcast_to(steps[:, None, :], blocks.shape)
    coefficients = codec.coefficients(coefficients / steps) * steps
    samples = codec.samples(_transformed(coefficients, codec, INVERSE_AXES) / BLOCK + MORE)
    samples = jnp.clip(samples, -128, 127)
    return samples.reshape(lines.shape).reshape(plane.shape)[..., :height, :width]


def _transformed(blocks: Array, codec: Codec, axes: tuple[str, str]) -> Array:
    """One axis of the blocks after the other. Between them libjpeg keeps quarters, which shows in the last bit."""
    cosines = jnp.asarray(COSINES, blocks.dtype)
    first, second = (functools.partial(jnp.einsum, axis, precision=jax.lax.Precision.HIGHEST) for axis in axes)
    return second(codec.samples(4 * first(blocks, cosines) + MORE) / 4, cosines)


def _compressed_chroma(plane: Array, steps: Array, codec: Codec, rows: int, columns: int) -> Array:
    """A plane at the resolution of luma, whose samples were averaged, compressed, and interpolated."""
    height, width = plane.shape[-2:]
    if columns == 1:
        return _compressed(plane, steps, codec)
    # libjpeg extends columns before it takes averages, and rows afterwards.
    whole = repeat_edges(plane, (0, height % rows), (0, -width % (columns * BLOCK)))
    reduced = codec.samples(_averages(whole, rows, columns))
    expanded = _compressed(reduced, steps, codec)[..., : -(-width // columns)]
    if width <= 4:  # too narrow for libjpeg to interpolate
        return jnp.repeat(jnp.repeat(expanded, rows, -2), columns, -1)[..., :height, :width]
    for axis in (-2, -1) if rows == 2 else (-1,):
        expanded = _doubled(expanded, axis)
    dither = _alternating(expanded) * (1 if rows == 2 else -1)
    return codec.samples((expanded + dither) / 4**rows)[..., :height, :width]


def _averages(plane: Array, rows: int, columns: int) -> Array:
    *leading, height, width = plane.shape
    lines = plane.reshape(*leading, height // rows, rows, width)
    sums = lines.reshape(*lines.shape[:-1], width // columns, columns).sum((-3, -1))
    return (sums - _alternating(sums)) / (rows * columns)


def _doubled(plane: Array, axis: int) -> Array:
    """Twice as many samples along an axis, each 3 parts of the nearer old one and 1 of the other, times 4."""
    length = plane.shape[axis]
    before, after = np.maximum(np.arange(length) - 1, 0), np.minimum(np.arange(length) + 1, length - 1)
    pairs = [3 * plane + jnp.take(plane, neighbor, axis) for neighbor in (before, after)]
    shape = [2 * side if i == plane.ndim + axis else side for i, side in enumerate(plane.shape)]
    return jnp.stack(pairs, plane.ndim + axis + 1).reshape(shape)


def _alternating(plane: Array) -> Array:
    """1/2 and -1/2 in turn along a row: of sums that lie halfway, libjpeg rounds every other one up."""
    return jnp.broadcast_to(jnp.asarray(0.5 - np.arange(plane.shape[-1]) % 2, plane.dtype), plane.shape)
