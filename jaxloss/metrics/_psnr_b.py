"""Peak signal-to-noise ratio with a penalty for visible blocks (Yim and Bovik 2011)."""

import functools
import math

import jax.numpy as jnp
from jax import lax

from .._checks import check_choice, check_fits, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._numerics import safe_divide
from ..ops._pooling import gray_mean
from ._pixel import decibels


COUNTS = ("pairs", "area")


def psnr_b(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    block_size: int = 8,
    counts: str = "pairs",
) -> Scores:
    r"""PSNR of blocks: steps at the boundaries of blocks, where they are higher than elsewhere, count as errors, too.

    $$10 \log_{10} \frac{L^2}{\mathrm{MSE} + \eta \max(0, D_B - D_B^C)}, \quad
    \eta = \frac{\log_2 B}{\log_2 \min(H, W)}$$

    of luma, with the mean squared differences of neighboring pixels of x that a boundary of blocks of B x B separates,
    and of all others.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), both sides longer than a block. Two
            neighbors have the product of their weights.
        block_size: B > 1; 8.
        counts: What the sums of differences are divided by: the number of `"pairs"` (default; at whole numbers of
            blocks the paper's formula), or `"area"`, 2 H W / B - 2 of boundaries (sewar, torchmetrics).

    Returns:
        `[...]` in dB; higher is better. `inf` for equal images, unless x has higher steps at its boundaries.

    Gradient:
        That of the formula. 0 for equal images of `inf`, else it smooths the boundaries of x.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> y = jnp.zeros((16, 16, 1))
        >>> x = y.at[:8, :8].set(0.25)
        >>> psnr, psnr_b = jax.jit(jaxloss.psnr), jax.jit(jaxloss.psnr_b)
        >>> print(psnr(x, y, data_range=1.0).round(2), psnr_b(x, y, data_range=1.0).round(2))
        18.06 14.08

    Reference:
        "Quality assessment of deblocked images", IEEE TIP 20, 2011. https://doi.org/10.1109/TIP.2010.2061859
    """
    check_positive("psnr_b", "data_range", data_range)
    check_choice("psnr_b", "counts", counts, COUNTS)
    if block_size < 2:
        raise ValueError(error_text("psnr_b", "block_size > 1", block_size, "JPEG's blocks have 8 pixels a side."))
    pair = masked_pair("psnr_b", x, y, mask)
    check_fits("psnr_b", f"a block of {block_size} and its neighbor", block_size + 1, pair.x, "Enlarge the images.")
    # The luma of a difference, which is exactly 0 for equal images.
    difference, tested, _ = luma_pair("psnr_b", pair._replace(x=pair.x - pair.y, y=pair.x))
    blocking = _blocking(tested[..., 0], pair.mask, block_size, counts)
    return decibels(gray_mean(difference**2, pair.mask) + blocking, data_range)


def _blocking(x: Array, weight: Array | None, block_size: int, counts: str) -> Array:
    """The blocking effect factor of images `[..., H, W]`."""
    height, width = x.shape[-2:]
    pairs = height * (width - 1) + width * (height - 1)
    at_boundaries = height * ((width - 1) // block_size) + width * ((height - 1) // block_size)
    numbers = at_boundaries, pairs - at_boundaries
    squares = [jnp.diff(x, axis=axis) ** 2 for axis in (-2, -1)]
    if weight is None:
        across, within = (z / n for z, n in zip(_sums(squares, block_size), numbers, strict=True))
    else:
        weights = [_of_neighbors(weight, axis) for axis in (-2, -1)]
        weighted = [w * z for w, z in zip(weights, squares, strict=True)]
        across, within = map(safe_divide, _sums(weighted, block_size), _sums(weights, block_size))
    if counts == "area":
        area = 2 * height * width / block_size - 2
        across, within = across * (numbers[0] / area), within * (numbers[1] / (pairs - area))
    share = math.log2(block_size) / math.log2(min(height, width))
    return share * jnp.maximum(across - within, 0)


def _sums(between: list[Array], block_size: int) -> tuple[Array, Array]:
    """Of what is between rows `[..., H - 1, W]` and between columns `[..., H, W - 1]`: at boundaries, and elsewhere."""
    rows, columns = between
    lines = rows.sum(axis=-1), columns.sum(axis=-2)
    across = functools.reduce(jnp.add, (line[..., block_size - 1 :: block_size].sum(axis=-1) for line in lines))
    return across, functools.reduce(jnp.add, (line.sum(axis=-1) for line in lines)) - across


def _of_neighbors(weight: Array, axis: int) -> Array:
    return lax.slice_in_dim(weight, 1, None, axis=axis) * lax.slice_in_dim(weight, 0, -1, axis=axis)
