"""Similarity of saliency by the spectral residual (Zhang, Li 2012)."""

import math

import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_choice, check_fits, check_positive, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import LUMA, check_rgb, luma_pair, weigh
from ..ops._fft import fft2, ifft2
from ..ops._filters import gaussian_window, repeat_edges, separable_filter, uniform_window
from ..ops._gradients import gradient_magnitude
from ..ops._numerics import safe_sqrt
from ..ops._pooling import masked_ratio
from ..ops._resize import resize_planes
from ._fsim import (
    CHROMA,
    DOWNSAMPLING,
    T3,
    chroma_difference,
    difference,
    either,
    power_difference,
    shrink,
    shrink_mask,
    stretch,
)


C1 = 0.4
C2 = 225 / 255**2  # of values in [0, 1]
ALPHA = 0.5
SCALE = 0.25  # at which saliency is found
WINDOW = gaussian_window(10, 3.8)
SMALLEST = 16  # pixels a side, for a spectrum of 4 x 4


def sr_sim(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    downsample: str = "matlab",
    chroma_exponent: float | None = None,
) -> Scores:
    r"""Spectral residual similarity: how alike saliency and gradients of luma are, where the images are salient.

    $$\mathrm{SR\text{-}SIM} = \frac{\sum S_V \sqrt{S_G} \, V_m}{\sum V_m}, \quad V_m = \max(V_x, V_y)$$

    with the similarity $(2ab + C) / (a^2 + b^2 + C)$ of saliency V and of Scharr gradient magnitude. Salient is what
    stands out from the average of the spectrum's neighborhoods, at a quarter of the resolution.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 16 x 16 pixels or more. Pixels of
            weight 0 are black in both images.
        downsample: As of `fsim`.
        chroma_exponent: For SR-SIMc the power of the similarity of chroma by which that of luma is multiplied, 0.03 as
            of `fsimc`; None (default) leaves chroma out, as the paper.

    Returns:
        `[...]` in (0, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.sr_sim)(0.5 * y, y, data_range=1.0).round(1))
        0.9

    Reference:
        "SR-SIM: a fast and high performance IQA index based on spectral residual", ICIP 2012.
        https://doi.org/10.1109/ICIP.2012.6467149
    """
    apart, weight, mask = _compare("sr_sim", x, y, data_range, mask, downsample, chroma_exponent)
    return 1 - masked_ratio(apart * weight, weight, mask)


def sr_sim_map(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    downsample: str = "matlab",
    chroma_exponent: float | None = None,
) -> Map:
    """The similarity at each position, `[..., H / f, W / f, 1]`; `sr_sim` is its mean, weighted by saliency."""
    return 1 - _compare("sr_sim_map", x, y, data_range, mask, downsample, chroma_exponent)[0]


def _compare(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None,
    downsample: str,
    chroma_exponent: float | None,
) -> tuple[Array, Array, Array | None]:
    """How far apart the images are at each position, how much it counts, and the mask of the positions."""
    check_positive(name, "data_range", data_range)
    check_choice(name, "downsample", downsample, DOWNSAMPLING)
    pair = masked_pair(name, x, y, mask)
    check_fits(name, "a spectrum of a quarter of the resolution", SMALLEST, pair.x, "Enlarge the images.")
    unit = as_scalar(data_range, pair.x.dtype)
    if chroma_exponent is None:
        images = lumas = [shrink(z, downsample) for z in luma_pair(name, pair)[:2]]
    else:
        check_rgb(name, pair.x)
        check_positive(name, "chroma_exponent", chroma_exponent)
        images = [shrink(z, downsample) for z in (pair.x, pair.y)]
        lumas = [weigh(z, LUMA) for z in images]
    v_x, v_y = (saliency(z, unit) for z in lumas)
    g_x, g_y = (gradient_magnitude(z, kernel="scharr", scale=2.0) for z in lumas)
    apart = either(difference(v_x, v_y, C1), power_difference(difference(g_x, g_y, C2 * unit**2), ALPHA))
    if chroma_exponent is not None:
        apart = either(apart, chroma_difference(images, CHROMA, T3 * unit**2, chroma_exponent))
    return apart, jnp.maximum(v_x, v_y), shrink_mask(pair.mask, downsample)


def saliency(image: Array, unit: Scalar) -> Array:
    """That of Hou and Zhang's spectral residual, `[..., H, W, 1]`, from about 0 to about 1."""
    height, width = image.shape[-3:-1]
    small = math.ceil(SCALE * height), math.ceil(SCALE * width)
    resized = resize_planes(image[..., 0], small, "matlab_bicubic", scale=SCALE)
    spectrum = fft2(lax.complex(resized, jnp.zeros_like(resized)))
    # exp(residual + i phase) is the spectrum divided by its geometric mean around each frequency.
    amplitude = safe_sqrt(spectrum.real**2 + spectrum.imag**2)
    logarithms = repeat_edges(jnp.log(amplitude + jnp.finfo(amplitude.dtype).eps * unit), (1, 1), (1, 1))
    divisor = jnp.exp(separable_filter(logarithms[..., None], uniform_window(3)))[..., 0]
    residual = ifft2(lax.complex(spectrum.real / divisor, spectrum.imag / divisor))
    power = separable_filter((residual.real**2 + residual.imag**2)[..., None], WINDOW, border="zero")
    return resize_planes(stretch(power)[..., 0], (height, width), "matlab_bicubic")[..., None]
