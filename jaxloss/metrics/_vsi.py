"""Visual saliency-induced index (Zhang, Shen, Li 2014)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import as_scalar, check_choice, check_fits, check_positive, error_text, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import check_rgb, lab_lightness, linear_light, mix, weigh
from ..ops._fft import irfft2, rfft2
from ..ops._fourier import frequencies, log_gabor
from ..ops._gradients import gradient_magnitude
from ..ops._numerics import safe_sqrt
from ..ops._pointwise import pointwise
from ..ops._pooling import masked_ratio
from ..ops._resize import resize_planes
from ._fsim import (
    DOWNSAMPLING,
    Chroma,
    chroma_difference,
    difference,
    either,
    power_difference,
    shrink,
    shrink_mask,
    stretch,
)


# Of saliency, and for values in [0, 1] of gradients and of chroma.
C1 = 1.27
C2 = 386 / 255**2
C3 = 130 / 255**2
ALPHA, BETA = 0.4, 0.02
L = (0.06, 0.63, 0.27)
CHROMA: Chroma = ((0.3, 0.04, -0.35), (0.34, -0.6, 0.17))  # M and N

# Saliency by simple priors (SDSP): frequencies, the center, and warm colors count.
SIZE = 256  # of the square for which the next are chosen
CENTER_FREQUENCY, BANDWIDTH = 0.021, 1.34
SIGMA_D = 145  # pixels
SIGMA_C = 0.001
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.072175), (0.0193339, 0.119192, 0.9503041))
WHITE = (0.9642, 1.0, 0.8251)  # D50


def vsi(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    downsample: str = "matlab",
    chroma_exponent: float = BETA,
    saliency_size: int = SIZE,
) -> Scores:
    r"""Visual saliency-induced index: how alike saliency, gradients and chroma are, where the images are salient.

    $$\mathrm{VSI} = \frac{\sum S_V S_G^{0.4} \, \mathrm{Re}(S_M S_N)^\beta V_m}{\sum V_m}, \quad V_m = \max(V_x, V_y)$$

    with the similarity $(2ab + C) / (a^2 + b^2 + C)$ of saliency V, of Scharr gradient magnitude and of both channels
    of chroma in the color space LMN. Saliency is that of SDSP, found at 256 x 256 pixels.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 3 channels (RGB), 3 x 3 pixels or more. Pixels of weight 0 are
            black in both images.
        downsample: As of `fsim`; after saliency was found.
        chroma_exponent: beta > 0, how much chroma counts; 0.02. See `fsimc`.
        saliency_size: Side in pixels of the square, even, at which saliency is found; what is in pixels there is scaled
            with it.

    Returns:
        `[...]` in (0, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.vsi)(0.5 * y, y, data_range=1.0).round(1))
        0.9

    Reference:
        "VSI: a visual saliency-induced index for perceptual image quality assessment", IEEE TIP 23, 2014.
        https://doi.org/10.1109/TIP.2014.2346028
    """
    apart, weight, mask = _compare("vsi", x, y, data_range, mask, downsample, chroma_exponent, saliency_size)
    return 1 - masked_ratio(apart * weight, weight, mask)


def vsi_map(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    downsample: str = "matlab",
    chroma_exponent: float = BETA,
    saliency_size: int = SIZE,
) -> Map:
    """The similarity at each position, `[..., H / f, W / f, 1]`; `vsi` is its mean, weighted by saliency."""
    return 1 - _compare("vsi_map", x, y, data_range, mask, downsample, chroma_exponent, saliency_size)[0]


def _compare(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None,
    downsample: str,
    chroma_exponent: float,
    saliency_size: int,
) -> tuple[Array, Array, Array | None]:
    """How far apart the images are at each position, how much it counts, and the mask of the positions."""
    check_positive(name, "data_range", data_range)
    check_positive(name, "chroma_exponent", chroma_exponent)
    check_choice(name, "downsample", downsample, DOWNSAMPLING)
    if saliency_size < 4 or saliency_size % 2:
        raise ValueError(error_text(name, "saliency_size even, >= 4", saliency_size, "The authors take 256."))
    pair = masked_pair(name, x, y, mask)
    check_rgb(name, pair.x)
    check_fits(name, "the kernel of the gradient", 3, pair.x, "Enlarge the images.")
    unit = as_scalar(data_range, pair.x.dtype)
    v_x, v_y = (shrink(saliency(z / unit, saliency_size), downsample) for z in (pair.x, pair.y))
    images = [shrink(z, downsample) for z in (pair.x, pair.y)]
    g_x, g_y = (gradient_magnitude(weigh(z, L), kernel="scharr", scale=2.0) for z in images)
    apart = either(
        difference(v_x, v_y, C1),
        pointwise(lambda a, b: power_difference(difference(a, b, C2 * unit**2), ALPHA), g_x, g_y),
        chroma_difference(images, CHROMA, C3 * unit**2, chroma_exponent),
    )
    return apart, jnp.maximum(v_x, v_y), shrink_mask(pair.mask, downsample)


@functools.partial(jax.jit, static_argnames="size")  # so that it is traced once for both images
def saliency(image: Array, size: int) -> Array:
    """That of SDSP, `[..., H, W, 1]` in [0, 1], of an RGB image in [0, 1]."""
    height, width = image.shape[-3:-1]
    planes = jnp.stack(jnp.unstack(image, axis=-1))
    rgb = resize_planes(planes, (size, size), "matlab_bilinear")
    lab = pointwise(_lab, *(plane[..., None] for plane in jnp.unstack(rgb)))
    lab = jnp.stack([plane[..., 0] for plane in lab], axis=-3)
    salient = _by_frequency(lab) * _by_place(lab[..., 0, :, :]) * _by_color(lab[..., 1:, :, :])
    return stretch(resize_planes(salient, (height, width), "matlab_bilinear")[..., None])


def _lab(*rgb: Array) -> list[Array]:
    linear = [linear_light(plane) for plane in rgb]
    f_x, f_y, f_z = (
        lab_lightness(mix(linear, row) / white, slope=903.3 / 116) for row, white in zip(TO_XYZ, WHITE, strict=True)
    )
    return [116 * f_y - 16, 500 * (f_x - f_y), 200 * (f_y - f_z)]


def _by_frequency(lab: Array) -> Array:
    """Where the middle frequencies of lightness and color have their energy."""
    size = lab.shape[-1]
    frequency = frequencies(size).reshape((1,) * (lab.ndim - 2) + (1, size)).astype(lab.dtype)
    squares = frequency[..., : size // 2 + 1] ** 2 + np.swapaxes(frequency, -1, -2) ** 2
    radius = jnp.sqrt(jnp.where(squares <= 0.25, squares, 0))
    band = log_gabor(radius, CENTER_FREQUENCY * SIZE / size, BANDWIDTH)
    spectra = rfft2(lab)
    filtered = irfft2(lax.complex(spectra.real * band, spectra.imag * band), size)
    lightness, red, yellow = jnp.unstack(filtered, axis=-3)
    return safe_sqrt(lightness**2 + red**2 + yellow**2)


def _by_place(like: Array) -> Array:
    """The center of the image counts most."""
    *leading, size, _ = like.shape
    distance = (np.arange(1, size + 1) - size / 2).reshape((1,) * len(leading) + (1, size))
    line = np.exp(-((distance / (SIGMA_D * size / SIZE)) ** 2)).astype(like.dtype)
    return jnp.asarray(line) * jnp.asarray(np.swapaxes(line, -1, -2))


def _by_color(chroma: Array) -> Array:
    """Only the coldest colors of the image do not count."""
    warmth = stretch(chroma[..., None])[..., 0]
    red, yellow = jnp.unstack(warmth, axis=-3)
    return -jnp.expm1(-(red**2 + yellow**2) / SIGMA_C**2)
