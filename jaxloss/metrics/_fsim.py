"""Feature similarity (Zhang, Zhang, Mou, Zhang 2011), and what other metrics of Lin Zhang's share with it."""

import functools
import math
from collections.abc import Sequence

import jax.numpy as jnp

from .._checks import as_scalar, check_choice, check_fits, check_positive, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import LUMA, check_rgb, luma_pair, mix, split_rgb, weigh
from ..ops._fourier import phase_congruency
from ..ops._gradients import gradient_magnitude
from ..ops._numerics import safe_divide
from ..ops._pointwise import pointwise
from ..ops._pooling import masked_ratio
from ..ops._pyramids import average_pool
from ..ops._selection import extremes


Chroma = tuple[tuple[float, float, float], tuple[float, float, float]]

# For values in [0, 1].
T1 = 0.85
T2 = 160 / 255**2
T3 = 200 / 255**2
FLOOR = 1e-4 / 255
LAMBDA = 0.03
CHROMA: Chroma = ((0.596, -0.274, -0.322), (0.211, -0.523, 0.312))  # the authors' I and Q

# How each way of shrinking treats a remainder: the `odd` of `average_pool`.
DOWNSAMPLING = {"matlab": "zero_after", "average": "drop", "none": None}


def fsim(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, downsample: str = "matlab") -> Scores:
    r"""Feature similarity: how alike phase congruency and gradients of luma are, where the phase is congruent.

    $$\mathrm{FSIM} = \frac{\sum S_{PC} S_G \, PC_m}{\sum PC_m}, \quad PC_m = \max(PC_x, PC_y)$$

    with the similarity $(2ab + T) / (a^2 + b^2 + T)$ of phase congruency and of Scharr gradient magnitude.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 3 x 3 pixels or more. Pixels of
            weight 0 are black in both images.
        downsample: Shrink by `f = max(1, round(min(H, W) / 256))` first: `"matlab"` (default) as the authors' code,
            `"average"` by means of f x f cells, remainders dropped, as piq; or `"none"`.

    Returns:
        `[...]` in (0, 1]; higher is better, exactly 1 for equal images, and for those without any structure.

    Gradient:
        Finite everywhere, 0 for equal images. It has kinks, where responses of filters are in phase.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.fsim)(0.5 * y, y, data_range=1.0).round(1))
        0.8

    Reference:
        "FSIM: a feature similarity index for image quality assessment", IEEE TIP 20, 2011.
        https://doi.org/10.1109/TIP.2011.2109730
    """
    apart, weight, mask = _compare("fsim", x, y, data_range, mask, downsample)
    return 1 - masked_ratio(apart * weight, weight, mask)


def fsimc(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    downsample: str = "matlab",
    chroma_exponent: float = LAMBDA,
) -> Scores:
    r"""Feature similarity of color images: `fsim` with the similarity of both channels of chroma.

    $$\mathrm{FSIM}_C = \frac{\sum S_{PC} S_G \, \mathrm{Re}(S_I S_Q)^\lambda PC_m}{\sum PC_m}$$

    Args:
        x, y, data_range, mask, downsample: See `fsim`. 3 channels (RGB).
        chroma_exponent: lambda > 0, how much chroma counts; 0.03. Its similarity is negative where it is opposite, and
            with a small exponent steep before that; with 1 it is smooth.

    Returns:
        `[...]` in (0, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images, with kinks as `fsim`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.fsimc)(0.5 * y, y, data_range=1.0).round(1))
        0.8

    Reference:
        "FSIM: a feature similarity index for image quality assessment", IEEE TIP 20, 2011.
        https://doi.org/10.1109/TIP.2011.2109730
    """
    apart, weight, mask = _compare("fsimc", x, y, data_range, mask, downsample, chroma_exponent)
    return 1 - masked_ratio(apart * weight, weight, mask)


def fsim_map(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, downsample: str = "matlab") -> Map:
    """The similarity at each position, `[..., H / f, W / f, 1]`; `fsim` is its mean, weighted by phase congruency."""
    return 1 - _compare("fsim_map", x, y, data_range, mask, downsample)[0]


def fsimc_map(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    downsample: str = "matlab",
    chroma_exponent: float = LAMBDA,
) -> Map:
    """The similarity at each position, `[..., H / f, W / f, 1]`; `fsimc` is its mean, weighted by phase congruency."""
    return 1 - _compare("fsimc_map", x, y, data_range, mask, downsample, chroma_exponent)[0]


def _compare(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None,
    downsample: str,
    chroma_exponent: float | None = None,  # none leaves chroma out
) -> tuple[Array, Array, Array | None]:
    """How far apart the images are at each position, how much it counts, and the mask of the positions."""
    check_positive(name, "data_range", data_range)
    check_choice(name, "downsample", downsample, DOWNSAMPLING)
    pair = masked_pair(name, x, y, mask)
    check_fits(name, "the kernel of the gradient", 3, pair.x, "Enlarge the images.")
    unit = as_scalar(data_range, pair.x.dtype)
    if chroma_exponent is None:
        images = lumas = [shrink(z, downsample) for z in luma_pair(name, pair)[:2]]
    else:
        check_rgb(name, pair.x)
        check_positive(name, "chroma_exponent", chroma_exponent)
        images = [shrink(z, downsample) for z in (pair.x, pair.y)]
        lumas = [weigh(z, LUMA) for z in images]
    pc_x, pc_y = (z[..., None] for z in phase_congruency([z[..., 0] for z in lumas], floor=FLOOR * unit))
    g_x, g_y = (gradient_magnitude(z, kernel="scharr", scale=2.0) for z in lumas)
    apart = either(difference(pc_x, pc_y, T1), difference(g_x, g_y, T2 * unit**2))
    if chroma_exponent is not None:
        apart = either(apart, chroma_difference(images, CHROMA, T3 * unit**2, chroma_exponent))
    return apart, jnp.maximum(pc_x, pc_y), shrink_mask(pair.mask, downsample)


def shrink(image: Array, downsample: str) -> Array:
    """To a shorter side of about 256 pixels, for which the metrics of this family were made."""
    ratio = min(image.shape[-3:-1]) / 256
    # MATLAB rounds halves away from zero, Python (and so piq) to even.
    factor = max(1, math.floor(ratio + 0.5) if downsample == "matlab" else round(ratio))
    odd = DOWNSAMPLING[downsample]
    return image if odd is None or factor == 1 else average_pool(image, factor=factor, odd=odd)


def shrink_mask(mask: Array | None, downsample: str) -> Array | None:
    return None if mask is None else shrink(mask[..., None], downsample)[..., 0]


def difference(a: Array, b: Array, constant: Scalar) -> Array:
    """One minus the similarity `(2 a b + c) / (a^2 + b^2 + c)`, exactly 0 where a and b are equal."""
    return (a - b) ** 2 / (a * a + b * b + constant)


def either(*differences: Array) -> Array:
    """One minus the product of the similarities."""
    return functools.reduce(lambda p, q: p + q - p * q, differences)


def power_difference(d: Array, exponent: float) -> Array:
    """One minus the real part of `(1 - d) ** exponent`, for d in [0, 2]: finite in its slope everywhere."""
    opposite = d > 1
    mirrored = jnp.where(opposite, 2 - d, d)
    defined = mirrored < 1
    power = jnp.expm1(exponent * jnp.log1p(-jnp.where(defined, mirrored, 0)))  # of |1 - d|, less 1
    turned = jnp.where(opposite, 1 - math.cos(math.pi * exponent) * (1 + power), -power)
    return jnp.where(defined, turned, 1)


def chroma_difference(images: Sequence[Array], matrix: Chroma, constant: Scalar, exponent: float) -> Array:
    """One minus a power of the product of the similarities of two channels of chroma."""
    x, y = (split_rgb(image) for image in images)
    channels = (mix(planes, row) for row in matrix for planes in (x, y))

    def combine(i_x: Array, i_y: Array, q_x: Array, q_y: Array) -> Array:
        return power_difference(either(difference(i_x, i_y, constant), difference(q_x, q_y, constant)), exponent)

    return pointwise(combine, *channels)


def stretch(plane: Array) -> Array:
    """Each image from its smallest value to its largest, [0, 1]: MATLAB's `mat2gray`, but 0 where all are equal."""
    pixels = plane.reshape(*plane.shape[:-3], math.prod(plane.shape[-3:]))
    low, high = (z[..., None, None, None] for z in extremes(pixels))
    # What varies by less is a rounding error, and its inverse square would be infinite.
    varies = high - low > float(jnp.finfo(plane.dtype).tiny) ** 0.4
    return safe_divide(plane - low, jnp.where(varies, high - low, 0))
