"""Perceptually weighted peak signal-to-noise ratio of blocks (Helmrich et al. 2020), of still images."""

import functools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array, Image, Mask, PlaneScores, Scalar, Scores
from ..ops._filters import filter_maps, repeat_edges
from ..ops._numerics import safe_abs
from ..ops._pooling import mean_from_sums
from ._pixel import decibels
from ._video import Planes, video_planes


UHD = 3840 * 2160  # pixels
SIDE = 128  # of a block at that size
BLOCKS = ("blocks of 4 x 4", 45)  # of smaller images the authors' code takes the PSNR
COARSE = 2048 * 1152  # from more pixels on textures are looked for at half the resolution
SMOOTHED = 640 * 480  # up to so many pixels a block weighs no more than one of its neighbors
LEAST_ACTIVITY = 4.0  # below, nothing is any easier to see


def xpsnr(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, yuv: bool = False) -> Scores:
    r"""Extended perceptually weighted PSNR: errors weigh less where the texture of the reference hides them.

    $$10 \log_{10} \frac{255^2 N}{a \sum_k w_k \sum_{i \in k} (x_i - y_i)^2}, \quad
    w_k = \frac{1}{\max(4, \overline{|h * y|}_k + 2 \overline{y}_k)}, \quad
    a = \sqrt{\frac{2048}{\sqrt{N / (3840 \cdot 2160)}}}$$

    of N pixels of luma, in square blocks k whose sides grow with the image, with a high-pass filter h. The mean of y is
    what the filter of videos takes for motion in their first frame. Pixels of weight 0 are black in both images.

    The method may be patented; the license of its authors' code grants no patents.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 45 x 45 pixels or more. 1 channel (gray) or 3 (RGB), of which
            luma with the levels of video is made as ffmpeg does: `16 + 219 (0.299 R + 0.587 G + 0.114 B)` of 255.
        yuv: Whether they are planes of a video instead, Y or Y, U, V, which are taken as they are.

    Returns:
        `[...]` in dB; higher is better, `inf` for equal images.

    Gradient:
        As that of `psnr`, by x; by y also that of the weights. 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jax.jit(jaxloss.xpsnr)(0.9 * y, y, data_range=1.0).round(2))
        30.48

    Reference:
        "XPSNR: a low-complexity extension of the perceptually weighted peak signal-to-noise ratio", ICASSP 2020.
        https://doi.org/10.1109/ICASSP40776.2020.9054089
    """
    return _scores(video_planes("xpsnr", x, y, data_range, mask, yuv=yuv, fit=BLOCKS))[..., 0]


def xpsnr_planes(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, yuv: bool = False) -> PlaneScores:
    r"""`xpsnr` of luma and of both planes of chroma, all with the weights of luma, as ffmpeg prints them.

    Args:
        x, y, data_range, mask, yuv: As for `xpsnr`; of RGB the planes are those of YUV 4:4:4.

    Returns:
        `[..., 3]` in dB for Y, U and V, `[..., 1]` for gray images; higher is better.

    Gradient:
        As that of `xpsnr`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jax.jit(jaxloss.xpsnr_planes)(0.9 * y, y, data_range=1.0).round(2))
        [30.48 39.68 39.32]

    Reference:
        https://doi.org/10.1109/ICASSP40776.2020.9054089
    """
    return _scores(video_planes("xpsnr_planes", x, y, data_range, mask, yuv=yuv, fit=BLOCKS, chroma=True))


def _scores(planes: Planes) -> Array:
    luma, differences, mask, leading = planes
    _, height, width = luma.shape
    share = height * width / UHD
    side = 4 * math.floor(SIDE / 4 * math.sqrt(share) + 0.5)
    weights = block_weights(luma, side) * math.sqrt(2048 / math.sqrt(share))
    rows, columns = (_lines(length, side, 1).blocks for length in (height, width))
    errors = [_block_sums(d * d if mask is None else mask * (d * d), rows, columns) for d in differences]
    total = jnp.stack([(weights * e).sum(axis=(1, 2)) for e in errors], axis=-1)
    count = jnp.full_like(luma[:, 0, 0], height * width) if mask is None else mask.sum(axis=(1, 2))
    mean = mean_from_sums(total, jnp.broadcast_to(count[:, None], total.shape))
    return decibels(mean, 255.0).reshape(*leading, len(errors))


class Lines(NamedTuple):
    """Which block each row (or column) belongs to, as zeros and ones `[length, blocks]`, and how many each block has.

    Then the same of those at which the filter is taken, and how many of them each block has at full resolution.
    """

    blocks: np.ndarray
    sizes: np.ndarray
    inner: np.ndarray
    inner_sizes: np.ndarray


def _lines(length: int, side: int, reach: int) -> Lines:
    blocks = np.eye(-(-length // side))[np.arange(length) // side]
    inner = blocks[reach : length - reach]
    return Lines(blocks, blocks.sum(axis=0), inner[::reach], inner.sum(axis=0))


def block_weights(luma: Array, side: int) -> Array:
    """Of blocks `[n, rows, columns]` of luma `[n, H, W]`."""
    _, height, width = luma.shape
    coarse = height * width > COARSE
    rows, columns = (_lines(length, side, 2 if coarse else 1) for length in (height, width))
    texture = _block_sums(_coarse_texture(luma) if coarse else _texture(luma), rows.inner, columns.inner)
    level = _block_sums(luma, rows.blocks, columns.blocks)
    looked_at = np.outer(rows.inner_sizes, columns.inner_sizes)[None].astype(luma.dtype)
    pixels = np.outer(rows.sizes, columns.sizes)[None].astype(luma.dtype)
    activity = texture / np.maximum(looked_at, 1) + 2 * level / pixels
    # Blocks of a border that the filter does not reach weigh 1 in the authors' code.
    weights = jnp.where(looked_at > 0, 1 / jnp.maximum(activity, LEAST_ACTIVITY), 1)
    return _smooth(weights) if height * width <= SMOOTHED and min(weights.shape[1:]) > 1 else weights


def _texture(luma: Array) -> Array:
    (blurred,) = filter_maps([luma], (1.0, 2.0, 1.0), (1.0, 2.0, 1.0), step=1)
    return safe_abs(16 * luma[:, 1:-1, 1:-1] - blurred)


def _coarse_texture(luma: Array) -> Array:
    """Of cells of 2 x 2 pixels; odd sides are made even, where the authors' code reads beyond the image."""
    luma = repeat_edges(luma, *((0, length % 2) for length in luma.shape[1:]))
    (cells,) = filter_maps([luma], (1.0, 1.0), (1.0, 1.0), step=1)
    (around,) = filter_maps([luma], (1.0,) * 4, (1.0,) * 4, step=1)
    crosses = around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2] + around[:, 1:-1, 2:]
    return safe_abs(16 * cells[:, 2:-2:2, 2:-2:2] - crosses[:, ::2, ::2])


def _block_sums(z: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """`[n, h, w]` by what says to which block rows and columns belong."""
    product = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)
    return product(product(rows.T.astype(z.dtype), z), columns.astype(z.dtype))


def _smooth(weights: Array) -> Array:
    """No block weighs more than the heaviest of those to its left (once smoothed), above (likewise) and to its right.

    From left to right a smoothed weight is the one before it between two bounds, which is an associative operation.
    """

    def of_row(above: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
        weight, right = given
        low, high = lax.associative_scan(_join, (jnp.maximum(right, above), weight), axis=-1)
        smoothed = jnp.minimum(low, high)
        return smoothed, smoothed

    right = jnp.concatenate([weights[..., 1:], jnp.zeros_like(weights[..., :1])], axis=-1)
    rows = jnp.moveaxis(weights, 1, 0), jnp.moveaxis(right, 1, 0)
    _, smoothed = lax.scan(of_row, jnp.zeros_like(weights[:, 0]), rows)
    return jnp.moveaxis(smoothed, 0, 1)


def _join(first: tuple[Array, Array], then: tuple[Array, Array]) -> tuple[Array, Array]:
    """Bounds that have the effect of one pair after the other: of `v -> min(high, max(low, v))`."""
    (low, high), (next_low, next_high) = first, then
    return jnp.maximum(low, next_low), jnp.minimum(next_high, jnp.maximum(next_low, high))
