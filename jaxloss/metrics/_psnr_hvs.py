"""Peak signal-to-noise ratios of cosine coefficients as the eye weighs them (Egiazarian 2006, Ponomarenko 2007)."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from .._checks import check_fits, check_positive, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._dct import BLOCK, block_dct, split_blocks
from ..ops._numerics import safe_abs, safe_divide, safe_sqrt
from ..ops._pooling import masked_mean
from ..ops._pyramids import average_pool
from ._pixel import decibels


# Of the authors' psnrhvsm.m, by vertical and horizontal frequency: how visible an error is, and how much a coefficient
# hides the errors of others.
SENSITIVITY = np.array((
    (1.608443, 2.339554, 2.573509, 1.608443, 1.072295, 0.643377, 0.504610, 0.421887),
    (2.144591, 2.144591, 1.838221, 1.354478, 0.989811, 0.443708, 0.428918, 0.467911),
    (1.838221, 1.979622, 1.608443, 1.072295, 0.643377, 0.451493, 0.372972, 0.459555),
    (1.838221, 1.513829, 1.169777, 0.887417, 0.504610, 0.295806, 0.321689, 0.415082),
    (1.429727, 1.169777, 0.695543, 0.459555, 0.378457, 0.236102, 0.249855, 0.334222),
    (1.072295, 0.735288, 0.467911, 0.402111, 0.317717, 0.247453, 0.227744, 0.279729),
    (0.525206, 0.402111, 0.329937, 0.295806, 0.249855, 0.212687, 0.214459, 0.254803),
    (0.357432, 0.279729, 0.270896, 0.262603, 0.229778, 0.257351, 0.249855, 0.259950),
)).ravel()  # fmt: skip
MASKING = np.array((
    (0.390625, 0.826446, 1.000000, 0.390625, 0.173611, 0.062500, 0.038447, 0.026874),
    (0.694444, 0.694444, 0.510204, 0.277008, 0.147929, 0.029727, 0.027778, 0.033058),
    (0.510204, 0.591716, 0.390625, 0.173611, 0.062500, 0.030779, 0.021004, 0.031888),
    (0.510204, 0.346021, 0.206612, 0.118906, 0.038447, 0.013212, 0.015625, 0.026015),
    (0.308642, 0.206612, 0.073046, 0.031888, 0.021626, 0.008417, 0.009426, 0.016866),
    (0.173611, 0.081633, 0.033058, 0.024414, 0.015242, 0.009246, 0.007831, 0.011815),
    (0.041649, 0.024414, 0.016437, 0.013212, 0.009426, 0.006830, 0.006944, 0.009803),
    (0.019290, 0.011815, 0.011080, 0.010412, 0.007972, 0.010000, 0.009426, 0.010203),
)).ravel()  # fmt: skip
# What becomes visible at a masking energy of 1; the mean of a block always is, and hides nothing.
THRESHOLDS = np.concatenate([[0], 1 / MASKING[1:]])
ENERGIES = np.concatenate([[0], MASKING[1:]]) / 32**2
# The variances are those of samples: of the 16 pixels of a quadrant, and of the 64 of a block.
SAMPLES = (16 / 15) / (64 / 63)


def psnr_hvs(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Scores:
    r"""Peak signal-to-noise ratio of the human visual system: errors weigh as much as their frequency is visible.

    $$10 \log_{10} \frac{L^2}{\overline{(C_{uv} (X_{uv} - Y_{uv}))^2}}$$

    over the cosine coefficients X, Y of all blocks of 8 x 8 pixels of luma, with the contrast sensitivity C.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 8 x 8 pixels or more; rows and
            columns that do not fill a block are left out. A block weighs as much as its pixels.

    Returns:
        `[...]` in dB; higher is better, `inf` for equal images (the authors' code has 100000).

    Gradient:
        That of the formula; 0 for equal images.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((8, 8, 3)), jnp.full((8, 8, 3), 0.25)
        >>> print(jax.jit(jaxloss.psnr_hvs)(x, y, data_range=1.0).round(2))
        7.91

    Reference:
        Egiazarian et al., "New full-reference quality metrics based on HVS", VPQM 2006.
        https://ponomarenko.info/psnrhvsm.htm
    """
    difference, _, weight = _blocks("psnr_hvs", x, y, data_range, mask)
    error = _times(SENSITIVITY, block_dct(difference))
    return decibels(masked_mean(error**2, weight), data_range)


def psnr_hvs_m(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Scores:
    r"""PSNR-HVS with masking: of an error counts what the texture around it does not hide.

    $$10 \log_{10} \frac{L^2}{\overline{(C_{uv} \max(0, |X_{uv} - Y_{uv}| - m / M_{uv}))^2}}, \quad
    m = \max_{z \in \{x, y\}} \frac{1}{32} \sqrt{\frac{\sum_q V(z_q)}{V(z)} \sum M_{uv} Z_{uv}^2}$$

    as `psnr_hvs`, less a threshold for all but the mean of a block: energy weighted by the masking M, reduced by the
    ratio of the variances V of the four quadrants and of the whole block, for edges hide little.

    Args:
        x, y, data_range, mask: As for `psnr_hvs`.

    Returns:
        `[...]` in dB; higher is better, `inf` where no error is visible, as for equal images.

    Gradient:
        Finite everywhere; 0 where no error is visible.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 1))
        >>> print(jax.jit(jaxloss.psnr_hvs_m)(0.9 * y, y, data_range=1.0).round(2))
        21.81

    Reference:
        Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", VPQM 2007.
        https://ponomarenko.info/psnrhvsm.htm
    """
    difference, y_blocks, weight = _blocks("psnr_hvs_m", x, y, data_range, mask)
    error, y_dct = block_dct(difference), block_dct(y_blocks)
    masking = jnp.maximum(_masking(y_blocks + difference, y_dct + error), _masking(y_blocks, y_dct))[..., None]
    seen = jnp.maximum(safe_abs(error) - _times(THRESHOLDS, jnp.broadcast_to(masking, error.shape)), 0)
    return decibels(masked_mean(_times(SENSITIVITY, seen) ** 2, weight), data_range)


class Blocks(NamedTuple):
    """What is left of two images."""

    difference: Array  # x - y in luma, exactly 0 for equal images
    y: Array
    weight: Array | None


def _blocks(name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None) -> Blocks:
    check_positive(name, "data_range", data_range)
    pair = masked_pair(name, x, y, mask)
    check_fits(name, "a block of 8 x 8", BLOCK, pair.x, "Enlarge the images.")
    weight = None if pair.mask is None else average_pool(pair.mask[..., None], factor=BLOCK, odd="drop")[..., 0]
    difference, y, _ = luma_pair(name, pair._replace(x=pair.x - pair.y))
    return Blocks(split_blocks(difference), split_blocks(y), weight)


def _masking(blocks: Array, coefficients: Array) -> Array:
    """The root of the masking energy of each block, a product of roots: squares of them would leave the range."""
    energy = _times(ENERGIES, coefficients**2).sum(axis=-1)
    within = ((blocks - blocks.mean(axis=-1, keepdims=True)) ** 2).sum(axis=(-2, -1))
    whole = (coefficients[..., 1:] ** 2).sum(axis=-1)  # the variance of the block, by Parseval
    return safe_sqrt(energy) * safe_divide(safe_sqrt(SAMPLES * within), safe_sqrt(whole))


def _times(table: np.ndarray, coefficients: Array) -> Array:
    return jnp.broadcast_to(table.astype(coefficients.dtype), coefficients.shape) * coefficients
