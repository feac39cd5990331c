"""Color differences of the CIE: the mean over the pixels of how different their colors look."""

import jax.numpy as jnp

from .._checks import Pair, as_scalar, check_positive, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import check_rgb, lab_planes
from ..ops._color_difference import FORMULAS, Formula, Planes
from ..ops._pointwise import pointwise
from ..ops._pooling import masked_mean


def delta_e_76(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Scores:
    r"""CIE 1976 color difference: the mean distance of colors in L*a*b*.

    $$\Delta E_{76} = \sqrt{(\Delta L^*)^2 + (\Delta a^*)^2 + (\Delta b^*)^2}$$

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. sRGB with its gamma, under D65.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images; about 2.3 is just noticeable.

    Gradient:
        Finite everywhere; 0 where colors are equal.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.delta_e_76)(0.9 * y, y, data_range=1.0).round(2))
        7.32

    Reference:
        CIE 15:2004, "Colorimetry". https://en.wikipedia.org/wiki/Color_difference#CIE76
    """
    return _mean("delta_e_76", FORMULAS["cie76"], x, y, data_range, mask)


def delta_e_76_map(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Map:
    """The difference at each pixel, `[..., H, W, 1]`; `delta_e_76` is its mean."""
    return _difference("delta_e_76_map", FORMULAS["cie76"], masked_pair("delta_e_76_map", x, y, mask), data_range)


def ciede2000(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Scores:
    """CIEDE2000 color difference, averaged over the pixels: L*a*b* with its non-uniformities corrected.

    The formula is `jaxloss.ops.color_difference`, for colors that are in L*a*b* already.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. sRGB with its gamma, under D65.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images; about 1 is just noticeable.

    Gradient:
        Finite everywhere; 0 where colors are equal, and of chroma and hue where they are gray.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.ciede2000)(0.9 * y, y, data_range=1.0).round(2))
        4.57

    Reference:
        Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Research & Application 30, 2005.
        https://doi.org/10.1002/col.20070
    """
    return _mean("ciede2000", _ciede2000, x, y, data_range, mask)


def ciede2000_map(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Map:
    """The difference at each pixel, `[..., H, W, 1]`; `ciede2000` is its mean."""
    return _difference("ciede2000_map", _ciede2000, masked_pair("ciede2000_map", x, y, mask), data_range)


def _mean(name: str, formula: Formula, x: Image, y: Image, data_range: Scalar, mask: Mask | None) -> Scores:
    pair = masked_pair(name, x, y, mask)
    return masked_mean(_difference(name, formula, pair, data_range), pair.mask)


def _difference(name: str, formula: Formula, pair: Pair, data_range: Scalar) -> Array:
    check_positive(name, "data_range", data_range)
    check_rgb(name, pair.x)
    unit = as_scalar(data_range, pair.x.dtype)
    difference = formula(lab_planes(pair.x / unit), lab_planes(pair.y / unit))
    # Exactly 0 for equal colors, which XLA may round in two ways.
    return jnp.where((pair.x == pair.y).all(axis=-1, keepdims=True), 0, difference)


def _ciede2000(x: Planes, y: Planes) -> Array:
    return pointwise(lambda *planes: FORMULAS["ciede2000"](planes[:3], planes[3:]), *x, *y)
