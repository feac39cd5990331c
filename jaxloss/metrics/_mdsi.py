"""Mean deviation similarity index (Nafchi, Shahkolaei, Hedjam, Cheriet 2016)."""

import math
from typing import NamedTuple

import jax.numpy as jnp

from .._checks import as_scalar, check_choice, check_fits, check_positive, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import check_rgb, mix, split_rgb
from ..ops._gradients import gradient_magnitude
from ..ops._numerics import safe_power, safe_sqrt
from ..ops._pooling import keep_nan, masked_mean
from ._fsim import DOWNSAMPLING, difference, shrink, shrink_mask


LUMA = (0.2989, 0.587, 0.114)  # the authors'
CHROMA = ((0.3, 0.04, -0.35), (0.34, -0.6, 0.17))  # H and M of a Gaussian color model
C1, C2, C3 = 140 / 255**2, 55 / 255**2, 550 / 255**2  # of values in [0, 1]
ALPHA = 0.6  # how much gradients count in a sum,
GAMMA, BETA = 0.2, 0.1  # and gradients and chroma in a product
POWER = 0.25  # of similarities before their deviation is taken, and of the deviation


class _Complex(NamedTuple):
    """A similarity: powers of negative ones are complex, as MATLAB has them."""

    magnitude: Array
    angle: Array


def mdsi(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    combination: str = "sum",
    downsample: str = "matlab",
) -> Scores:
    r"""Mean deviation similarity index: how unevenly gradients and chroma are kept.

    $$\left(\overline{|S^{1/4} - \overline{S^{1/4}}|}\right)^{1/4}, \quad
    S = 0.6 \, S_G + 0.4 \, S_C \;\text{or}\; S_G^{0.2} S_C^{0.1}, \quad S_G = S_{xy} + S_{x\bar{z}} - S_{y\bar{z}}$$

    with similarities of the Prewitt gradients of luma of x, y and their mean z, and of two channels of chroma.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 3 channels (RGB), 3 x 3 pixels or more. Pixels of weight 0 are
            black in both images.
        combination: `"sum"` or `"product"` of the two similarities.
        downsample: To a shorter side of about 256 pixels first: `"matlab"`, `"average"` or `"none"`, see `fsim`.

    Returns:
        `[...]`, >= 0, usually below 1; lower is better, exactly 0 for equal images.

    Gradient:
        Finite, but steep near equal images, where a fourth root is taken; 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.mdsi)(0.5 * y, y, data_range=1.0).round(2))
        0.28

    Reference:
        "Mean deviation similarity index: efficient and reliable full-reference image quality evaluator", IEEE Access
        4, 2016. https://doi.org/10.1109/ACCESS.2016.2604042
    """
    similarity, weight = _similarity("mdsi", x, y, data_range, mask, combination, downsample)
    # One minus the fourth root, which equal images have exactly 0 of.
    root, angle = safe_power(similarity.magnitude, POWER), POWER * similarity.angle
    parts = [jnp.where(angle == 0, 1 - root, 1 - root * jnp.cos(angle)), root * jnp.sin(angle)]
    means = [jnp.nan_to_num(masked_mean(part, weight))[..., None, None, None] for part in parts]
    distance = safe_sqrt(sum((part - mean) ** 2 for part, mean in zip(parts, means, strict=True)))
    mean = masked_mean(distance, weight)
    return keep_nan(safe_power(mean, POWER), mean)


def mdsi_map(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    combination: str = "sum",
    downsample: str = "matlab",
) -> Map:
    """The similarity at each position, `[..., H / f, W / f, 1]`, 1 where equal; of products its magnitude."""
    similarity, _ = _similarity("mdsi_map", x, y, data_range, mask, combination, downsample)
    sign = (
        1.0 if combination == "product" else jnp.where(similarity.angle == 0, 1.0, -1.0).astype(similarity.angle.dtype)
    )
    return sign * similarity.magnitude


def _similarity(
    name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, combination: str, downsample: str
) -> tuple[_Complex, Array | None]:
    check_positive(name, "data_range", data_range)
    check_choice(name, "combination", combination, COMBINATIONS)
    check_choice(name, "downsample", downsample, DOWNSAMPLING)
    pair = masked_pair(name, x, y, mask)
    check_rgb(name, pair.x)
    check_fits(name, "the kernel of the gradient", 3, pair.x, "Enlarge the images.")
    rgb_x, rgb_y = (split_rgb(shrink(z, downsample)) for z in (pair.x, pair.y))
    square = as_scalar(data_range, pair.x.dtype) ** 2
    luma_x, luma_y = (mix(z, LUMA) for z in (rgb_x, rgb_y))
    g_x, g_y, g_mean = (
        gradient_magnitude(z, kernel="prewitt", scale=2.0) for z in (luma_x, luma_y, (luma_x + luma_y) / 2)
    )
    gradients = difference(g_x, g_y, C1 * square) + (
        difference(g_x, g_mean, C2 * square) - difference(g_y, g_mean, C2 * square)
    )
    (h_x, m_x), (h_y, m_y) = ([mix(z, row) for row in CHROMA] for z in (rgb_x, rgb_y))
    energy = h_x**2 + m_x**2 + h_y**2 + m_y**2
    chroma = ((h_x - h_y) ** 2 + (m_x - m_y) ** 2) / (energy + C3 * square)
    return COMBINATIONS[combination](gradients, chroma), shrink_mask(pair.mask, downsample)


def _polar(d: Array) -> _Complex:
    """Of one minus a difference."""
    similarity = 1 - d
    return _Complex(jnp.abs(similarity), jnp.where(similarity < 0, math.pi, 0.0).astype(d.dtype))


def _sum(gradients: Array, chroma: Array) -> _Complex:
    return _polar(ALPHA * gradients + (1 - ALPHA) * chroma)


def _product(gradients: Array, chroma: Array) -> _Complex:
    s, t = _polar(gradients), _polar(chroma)
    magnitude = safe_power(s.magnitude, GAMMA) * safe_power(t.magnitude, BETA)
    return _Complex(magnitude, GAMMA * s.angle + BETA * t.angle)


COMBINATIONS = {"sum": _sum, "product": _product}
