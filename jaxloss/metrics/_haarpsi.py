"""Haar wavelet-based perceptual similarity (Reisenhofer, Bosse, Kutyniok, Wiegand 2018)."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_fits, check_positive, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair, weigh
from ..ops._numerics import safe_abs, safe_divide
from ..ops._pooling import masked_ratio
from ..ops._pyramids import average_pool
from ._fsim import CHROMA, difference


C = 30 / 255**2  # of values in [0, 1]
ALPHA = 4.2
SCALES = 3  # the coarsest weighs the similarity of the two finer ones
SMALLEST = 2 ** (SCALES + 1) - 1


class _Wavelets(NamedTuple):
    """Magnitudes of the coefficients of luma, for edges along columns and along rows, the finest scale first."""

    across: list[Array]
    down: list[Array]


def haarpsi(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, subsample: bool = True) -> Scores:
    r"""Haar wavelet-based perceptual similarity index.

    $$\left(\frac{1}{\alpha} \mathrm{logit} \frac{\sum W \, \sigma(\alpha S)}{\sum W}\right)^2, \quad
    S = \frac{1}{2} \sum_{s = 1}^{2} \frac{2 |x_s| |y_s| + C}{x_s^2 + y_s^2 + C}, \quad W = \max(|x_3|, |y_3|)$$

    over Haar coefficients on scale s of luma, of both orientations; of color images also over I and Q of YIQ.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 15 x 15 pixels or more, without
            subsampling 8 x 8. Pixels of weight 0 are black in both images.
        subsample: Halve the resolution first, as the authors do for the usual distance of an observer.

    Returns:
        `[...]` in [0, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images, with kinks where a coefficient is 0.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.haarpsi)(0.5 * y, y, data_range=1.0).round(2))
        0.71

    Reference:
        "A Haar wavelet-based perceptual similarity index for image quality assessment", Signal Processing: Image
        Communication 61, 2018. https://doi.org/10.1016/j.image.2017.11.001
    """
    check_positive("haarpsi", "data_range", data_range)
    pair = masked_pair("haarpsi", x, y, mask)
    smallest = SMALLEST if subsample else 2**SCALES
    check_fits("haarpsi", f"wavelets of {2**SCALES}", smallest, pair.x, "Enlarge the images.")
    gray, constant = luma_pair("haarpsi", pair), C * as_scalar(data_range, pair.x.dtype) ** 2
    x_waves, y_waves = (_wavelets(_halve(z, subsample)) for z in (gray.x, gray.y))
    weights, apart = [], []
    for x_scales, y_scales in zip(x_waves, y_waves, strict=True):
        *fine, (coarse_x, coarse_y) = zip(x_scales, y_scales, strict=True)
        apart.append(sum(difference(a, b, constant) for a, b in fine) / (SCALES - 1))
        weights.append(jnp.maximum(coarse_x, coarse_y))
    if pair.x.shape[-1] == 3:
        apart.append(_chroma_difference(_halve(pair.x, subsample), _halve(pair.y, subsample), constant))
        weights.append(sum(weights) / 2)
    apart, weight, where = jnp.concatenate(apart, axis=-1), jnp.concatenate(weights, axis=-1), pair.mask
    if where is not None and subsample:
        where = average_pool(where[..., None])[..., 0]
    # Relative weights do not depend on their unit, and inverse squares of tiny ones would be infinite.
    weight = safe_divide(weight, lax.stop_gradient(weight.max(axis=(-3, -2, -1), keepdims=True)))
    return _similarity(masked_ratio(weight * _sigmoid_difference(apart), weight, where))


def _halve(image: Array, subsample: bool) -> Array:
    return average_pool(image, odd="zero_after") if subsample else image


def _wavelets(image: Array) -> _Wavelets:
    """Of a gray image surrounded by zeros: sums of squares of 1, 2 and 4 pixels a side, and their differences."""
    height, width = image.shape[-3:-1]
    widest = 2 ** (SCALES - 1)
    margin = (widest - 1, widest)  # as MATLAB's conv2 has it
    boxes = jnp.pad(image, [(0, 0)] * (image.ndim - 3) + [margin, margin, (0, 0)])
    waves = _Wavelets([], [])
    for scale in range(SCALES):
        half = 2**scale
        top, bottom = boxes[..., :-half, :, :], boxes[..., half:, :, :]
        inside = (
            ...,
            slice(widest - half, widest - half + height),
            slice(widest - half, widest - half + width),
            slice(None),
        )
        added, taken = top + bottom, top - bottom
        down = taken[..., :-half, :] + taken[..., half:, :]
        across = added[..., :-half, :] - added[..., half:, :]
        boxes = added[..., :-half, :] + added[..., half:, :]
        waves.down.append(safe_abs(down[inside]) / (2 * half))
        waves.across.append(safe_abs(across[inside]) / (2 * half))
    return waves


def _chroma_difference(x: Array, y: Array, constant: Scalar) -> Array:
    """Of the means of 2 x 2 pixels of I and Q, both together."""
    (i_x, q_x), (i_y, q_y) = ([safe_abs(_mean_of_four(weigh(z, row))) for row in CHROMA] for z in (x, y))
    return (difference(i_x, i_y, constant) + difference(q_x, q_y, constant)) / 2


def _mean_of_four(image: Array) -> Array:
    margin = (0, 1)
    image = jnp.pad(image, [(0, 0)] * (image.ndim - 3) + [margin, margin, (0, 0)])
    rows = image[..., :-1, :, :] + image[..., 1:, :, :]
    return (rows[..., :-1, :] + rows[..., 1:, :]) / 4


def _sigmoid_difference(d: Array) -> Array:
    r"""$\sigma(\alpha) - \sigma(\alpha (1 - d))$, exactly 0 at d = 0: by the difference of two hyperbolic tangents."""
    half = ALPHA / 2
    return 0.5 * jnp.tanh(half * d) * (1 - math.tanh(half) * jnp.tanh(half * (1 - d)))


def _similarity(lost: Array) -> Array:
    r"""$(\mathrm{logit}(\sigma(\alpha) - r) / \alpha)^2$, exactly 1 at r = 0."""
    most = 1 / (1 + math.exp(-ALPHA))
    return (1 - (jnp.log1p(lost / (1 - most)) - jnp.log1p(-lost / most)) / ALPHA) ** 2
