"""Similarity of the subbands of the cosine transform (Balanov, Schwartz, Moshe, Peleg 2015)."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import as_scalar, check_fits, check_positive, masked_pair
from .._types import Array, Image, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._dct import BLOCK, block_dct, split_blocks
from ..ops._filters import gaussian_window
from ..ops._numerics import safe_sqrt
from ..ops._selection import mean_of_largest


# How much each subband counts, by its distance from frequency 0; those that hardly do are left out.
_DISTANCES = np.arange(BLOCK) + 0.5
_WEIGHTS = np.exp(-np.add.outer(_DISTANCES**2, _DISTANCES**2) / (2 * 1.55**2))
SUBBANDS = _WEIGHTS >= 0.01
WEIGHTS = _WEIGHTS[SUBBANDS] / _WEIGHTS[SUBBANDS].sum()
# For values in [0, 255]: of the means of blocks, and of all else.
C_DC, C_AC = 1000.0, 300.0
LARGEST = 255.0 * BLOCK
WINDOW = np.outer(gaussian_window(3, 1.5), gaussian_window(3, 1.5))


def dss(x: Image, y: Image, *, data_range: Scalar) -> Scores:
    r"""DCT subband similarity: how alike blocks of 8 x 8 pixels vary around each other, frequency by frequency.

    $$\sum_{uv} w_{uv} \left\langle \frac{2 \sigma_x \sigma_y + C}{\sigma_x^2 + \sigma_y^2 + C} \right\rangle, \quad
    \text{that of frequency 0 times} \left\langle \frac{\sigma_{xy} + C}{\sigma_x \sigma_y + C} \right\rangle$$

    of local moments, with a 3 x 3 Gaussian, of the coefficients of one frequency in all blocks of luma. The brackets
    are means of the worst 5 % of the blocks.

    Args:
        x, y, data_range: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 32 x 32 pixels or more, so that there is
            a worst block; rows and columns that do not fill a block are left out. There is no mask: the score is that
            of a few blocks.

    Returns:
        `[...]` in (-1, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images. Only the worst blocks and their neighbors have any.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 1))
        >>> print(jax.jit(jaxloss.dss)(0.5 * y, y, data_range=1.0).round(3))
        0.806

    Reference:
        "Image quality assessment based on DCT subband similarity", ICIP 2015.
        https://doi.org/10.1109/ICIP.2015.7351172
    """
    check_positive("dss", "data_range", data_range)
    pair = masked_pair("dss", x, y, None)
    check_fits("dss", "4 x 4 blocks, of which 5 % count", 4 * BLOCK, pair.x, "Enlarge the images.")
    unit = 255 / as_scalar(data_range, pair.x.dtype)
    x_dct, y_dct = (block_dct(split_blocks(unit * z), SUBBANDS) for z in luma_pair("dss", pair)[:2])
    # A loop, for in one piece with what follows XLA computes that anew for each of nine neighbors.
    variances = lax.map(_local_variance, jnp.stack([x_dct, y_dct]))
    # Each term is one minus the similarity, in which equal images differ by exactly 0.
    x_root, y_root = safe_sqrt(variances)
    apart = (x_root - y_root) ** 2
    constants = np.array([C_DC] + [C_AC] * (len(WEIGHTS) - 1), x_dct.dtype)
    contrast = _mean_of_worst(apart / (variances[0] + variances[1] + jnp.broadcast_to(constants, apart.shape)))
    # 2 (sigma_x sigma_y - sigma_xy) is the variance of the difference less the square of the difference of deviations.
    unlike = _local_variance(x_dct[..., :1] - y_dct[..., :1]) - apart[..., :1]
    product = (x_root * y_root)[..., :1]
    structure = _mean_of_worst(jnp.where(product > 0, unlike, 0) / (2 * product + 2 * C_DC))
    both = contrast[..., :1] + structure - contrast[..., :1] * structure
    terms = jnp.concatenate([both, contrast[..., 1:]], axis=-1)
    return 1 - (jnp.broadcast_to(WEIGHTS.astype(terms.dtype), terms.shape) * terms).sum(axis=-1)


def _local_variance(z: Array) -> Array:
    """Of each position and its neighbors, about their own mean; beyond the border all is 0."""
    *_, rows, columns, _ = z.shape
    wide = jnp.pad(z, [(0, 0)] * (z.ndim - 3) + [(1, 1), (1, 1), (0, 0)])
    taps = [(i, j, float(weight)) for (i, j), weight in np.ndenumerate(WINDOW)]
    shifted = [(weight, wide[..., i : i + rows, j : j + columns, :]) for i, j, weight in taps]
    mean = sum(weight * neighbor for weight, neighbor in shifted)
    variance = sum((weight * (neighbor - mean) ** 2 for weight, neighbor in shifted), start=jnp.zeros_like(z))
    # Equal coefficients, of which compressed images have many, differ by rounding, of which the root has a steep slope.
    rounding = 8 * float(jnp.finfo(z.dtype).eps) * LARGEST
    return jnp.where(variance > rounding**2, variance, 0)


def _mean_of_worst(values: Array) -> Array:
    """The mean over the largest 5 % of the positions, `[..., rows, columns, n]` to `[..., n]`."""
    *leading, rows, columns, n = values.shape
    count = (rows * columns + 10) // 20  # rounded as by MATLAB
    return mean_of_largest(jnp.moveaxis(values.reshape(*leading, rows * columns, n), -1, -2), count)
