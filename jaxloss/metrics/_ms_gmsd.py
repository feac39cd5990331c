"""Gradient magnitude similarity deviation on several scales, and of color images (Zhang, Sander, Bermak 2017)."""

from collections.abc import Sequence

import jax.numpy as jnp

from .._checks import Pair, as_scalar, check_choice, check_fits, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import COLOR_MATRICES, check_rgb, luma_pair, weigh
from ..ops._gradients import gradient_magnitude
from ..ops._numerics import safe_sqrt
from ..ops._pooling import keep_nan, masked_deviation, masked_mean
from ..ops._pyramids import average_pool
from ._gmsd import DEVIATIONS, T


MS_GMSD_WEIGHTS = (0.096, 0.596, 0.289, 0.019)  # of the scales, the finest first
ALPHA = 0.5  # how much of the product of two gradients masks their difference
BETA_1 = 0.01 * 255  # of errors of chroma relative to the data range
BETA_2 = 0.32
BETA_3 = 15.0


def ms_gmsd(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    weights: Sequence[float] = MS_GMSD_WEIGHTS,
    deviation: str = "population",
) -> Scores:
    r"""Gradient magnitude similarity deviation on several scales, each half as large as the one before.

    $$\sqrt{\sum_s w_s \, \mathrm{std}\left(
    \frac{(2 - \alpha) m_x m_y + T}{m_x^2 + m_y^2 - \alpha m_x m_y + T}\right)_s^2}$$

    of the Prewitt gradient magnitudes m of luma; the first scale is the image itself, unlike that of `gmsd`.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), with four scales 17 x 17 pixels or
            more. Pixels of weight 0 are black in both images.
        weights: Of the scales, from the finest; `jaxloss.MS_GMSD_WEIGHTS` by default.
        deviation: `"population"` (the paper's formula, piq) or `"sample"`, as for `gmsd`.

    Returns:
        `[...]` in [0, 1]; lower is better, exactly 0 for equal images.

    Gradient:
        Finite everywhere; 0 for equal images, and where all positions of a scale are equally similar.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.ms_gmsd)(0.5 * y, y, data_range=1.0).round(3))
        0.067

    Reference:
        "Gradient magnitude similarity deviation on multiple scales for color image quality assessment", ICASSP 2017.
        https://doi.org/10.1109/ICASSP.2017.7952357
    """
    pair = _checked("ms_gmsd", x, y, mask, weights)
    return _over_scales("ms_gmsd", luma_pair("ms_gmsd", pair), data_range, weights, deviation)


def ms_gmsdc(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    weights: Sequence[float] = MS_GMSD_WEIGHTS,
    deviation: str = "population",
) -> Scores:
    r"""MS-GMSD of color images: with the errors of chroma, which count the more the smaller those of luma are.

    $$\gamma D + (1 - \gamma) \beta_1 E, \qquad \gamma = \frac{2}{1 + \beta_2 e^{-\beta_3 D}} - 1$$

    with D, the `ms_gmsd` of luma, and E, the root mean square difference of I and Q of YIQ on the coarsest scale.

    Args:
        x, y, data_range, mask, weights, deviation: See `ms_gmsd`. 3 channels (RGB).

    Returns:
        `[...]`, >= 0; lower is better, exactly 0 for equal images.

    Gradient:
        Finite everywhere; 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.ms_gmsdc)(0.5 * y, y, data_range=1.0).round(3))
        0.061

    Reference:
        "Gradient magnitude similarity deviation on multiple scales for color image quality assessment", ICASSP 2017.
        https://doi.org/10.1109/ICASSP.2017.7952357
    """
    pair = _checked("ms_gmsdc", x, y, mask, weights)
    check_rgb("ms_gmsdc", pair.x)
    structure = _over_scales("ms_gmsdc", luma_pair("ms_gmsdc", pair), data_range, weights, deviation)
    difference, counts = pair.x - pair.y, None if pair.mask is None else pair.mask[..., None]
    for _ in weights[1:]:
        difference, counts = _halve(difference), None if counts is None else average_pool(counts)
    i, q = (weigh(difference, row) for row in COLOR_MATRICES["yiq"][1:])
    mean = masked_mean(i**2 + q**2, None if counts is None else counts[..., 0])
    error = keep_nan(safe_sqrt(mean), mean) / as_scalar(data_range, mean.dtype)
    gamma = 2 / (1 + BETA_2 * jnp.exp(-BETA_3 * structure)) - 1
    return gamma * structure + (1 - gamma) * BETA_1 * error


def _checked(name: str, x: Image, y: Image, mask: Mask | None, weights: Sequence[float]) -> Pair:
    if not weights:
        raise ValueError(error_text(name, "at least one weight", weights, "jaxloss.MS_GMSD_WEIGHTS has those of four."))
    pair, scales = masked_pair(name, x, y, mask), len(weights)
    check_fits(name, f"{scales} scales", 2**scales + 1, pair.x, "Use fewer weights.")
    return pair


def _over_scales(name: str, pair: Pair, data_range: Scalar, weights: Sequence[float], deviation: str) -> Array:
    """The weighted root mean square of the deviations of gray images."""
    check_positive(name, "data_range", data_range)
    check_choice(name, "deviation", deviation, DEVIATIONS)
    constant = T * as_scalar(data_range, pair.x.dtype) ** 2
    total = jnp.zeros((), pair.x.dtype)
    x, y, counts = pair.x, pair.y, None if pair.mask is None else pair.mask[..., None]
    for scale, weight in enumerate(weights):
        if scale:
            x, y, counts = _halve(x), _halve(y), None if counts is None else average_pool(counts)
        # Without an axis of one channel, of which a GPU would write both magnitudes to memory.
        m_x, m_y = (gradient_magnitude(z, kernel="prewitt", scale=2.0)[..., 0] for z in (x, y))
        apart = (m_x - m_y) ** 2 / (m_x**2 + m_y**2 - ALPHA * m_x * m_y + constant)
        position = None if counts is None else counts[..., 0]
        total = total + weight * masked_deviation(apart[..., None], position, less=DEVIATIONS[deviation]) ** 2
    return keep_nan(safe_sqrt(total), total)


def _halve(image: Array) -> Array:
    return average_pool(image, odd="zero_after")
