"""Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003)."""

import operator
from collections.abc import Sequence
from typing import TypedDict

import jax.numpy as jnp

from .._checks import check_choice, check_fits, masked_pair, check_positive, error_text
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._filters import BORDERS, as_taps, gaussian_window
from ..ops._numerics import safe_power
from ..ops._pyramids import ODD_SIZES, pooled_size
from ._statistics import SSIMField, lay_out, make_constants, mean_field, pool_pair


# Their sum is 1.0001, as published; every implementation uses them so.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


class MSSSIMOptions(TypedDict, total=False):
    """What the implementations of MS-SSIM disagree about; see `ms_ssim` for the meaning of each."""

    odd: str
    negative: str
    product: str
    coarsest_border: str


_WANG2003: MSSSIMOptions = {
    "odd": "symmetric",
    "negative": "zero",
    "product": "channel",
    "coarsest_border": "valid",
}
_TORCHMETRICS: MSSSIMOptions = {
    "odd": "drop",
    "negative": "zero",
    "product": "image",
    "coarsest_border": "reflect",
}

MS_SSIM_CONVENTIONS: dict[str, MSSSIMOptions] = {
    "wang2003": _WANG2003,  # msssim.m, where it is real: MATLAB goes complex below zero
    "tensorflow": _WANG2003,
    "pytorch_msssim": {**_WANG2003, "odd": "zero"},
    "piq": {**_WANG2003, "odd": "replicate"},
    "piqa": _WANG2003,  # cells of fewer pixels at the border: their mean is that of a mirrored one
    "torchmetrics": _TORCHMETRICS,
    "torchmetrics_simple": {**_TORCHMETRICS, "negative": "shift"},  # normalize="simple"
}
"""Options with which `ms_ssim` returns the number of another implementation."""

# What becomes of a mean that may be negative before it is raised to a fractional power.
NEGATIVE = {
    "zero": lambda mean, weight: safe_power(mean, weight),
    "shift": lambda mean, weight: safe_power((mean + 1) / 2, weight),
}
PRODUCTS = ("channel", "image")


def ms_ssim(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    weights: Sequence[float] | Array = MS_SSIM_WEIGHTS,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    odd: str = "symmetric",
    negative: str = "zero",
    product: str = "channel",
    coarsest_border: str = "valid",
) -> Scores:
    r"""Multi-scale structural similarity: SSIM's terms over a pyramid, each scale with the weight the eye gives it.

    $$\mathrm{MS\text{-}SSIM} = \overline{l_M \, cs_M}^{\,w_M} \prod_{j=1}^{M-1} \overline{cs_j}^{\,w_j}$$

    where the bar is the mean over the image at scale j, each scale is the one before averaged over 2 x 2 pixels, and
    the luminance l counts at the coarsest scale only.

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence. Cells of the pyramid are means of their
            weighted pixels.
        weights: One exponent per scale, finest first.
        window_size: Side of the Gaussian window at every scale.
        sigma: Standard deviation of the Gaussian in pixels.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure term, > 0.
        odd: Pooling of odd sizes: `"symmetric"`, `"drop"`, `"replicate"` or `"zero"`, see `ops.average_pool`.
        negative: A mean term may be negative, and then has no real power: `"zero"` takes 0 for it, `"shift"` takes
            `(mean + 1) / 2` for every term.
        product: `"channel"` multiplies the scales of each channel and averages the products, `"image"` averages each
            scale over the channels first.
        coarsest_border: Border of the coarsest scale, `"valid"`, `"reflect"` or `"zero"` as in `ssim`; torchmetrics
            mirrors there, and there only.

    Returns:
        `[...]` in [0, 1]; higher is better, 1 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ, the image is too small for that many scales (161 pixels for the default
            five), or an option is unknown.
        TypeError: For integer images.

    Gradient:
        Finite everywhere; 0 for equal images, and 0 where a term that is not positive makes the product 0. The closed
        form is `ms_ssim_gradient`.

    Agrees with:
        Each row of `MS_SSIM_CONVENTIONS` with the implementation it is named after: 1e-5 absolute.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (44, 44, 3))
        >>> print(jaxloss.ms_ssim(0.5 * y, y, data_range=1.0, weights=(0.3, 0.3, 0.4)).round(3))
        0.744

    Reference:
        Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", Asilomar Conference
        on Signals, Systems and Computers, 2003.
    """
    return channel_scores(
        "ms_ssim", x, y, data_range, mask, weights, window_size, sigma, k1, k2, odd, negative, product, coarsest_border
    ).mean(axis=-1)


def channel_scores(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None,
    weights: Sequence[float] | Array,
    window_size: int,
    sigma: float,
    k1: float,
    k2: float,
    odd: str,
    negative: str,
    product: str,
    coarsest_border: str,
) -> Array:
    """`[..., C]`, or `[..., 1]` where the channels are averaged at each scale."""
    x, y, weight = masked_pair(name, x, y, mask)
    for argument, value in (("data_range", data_range), ("k1", k1), ("k2", k2)):
        check_positive(name, argument, value)
    check_choice(name, "odd", odd, ODD_SIZES)
    check_choice(name, "negative", negative, NEGATIVE)
    check_choice(name, "product", product, PRODUCTS)
    check_choice(name, "coarsest_border", coarsest_border, BORDERS)
    weights = jnp.asarray(weights, x.dtype)
    check_scales(name, x, len(weights), window_size, odd)
    taps = as_taps(gaussian_window(window_size, sigma))
    constants = make_constants(data_range, k1, k2, x.dtype)

    score = jnp.ones((), x.dtype)
    for scale in range(len(weights)):
        coarsest = scale == len(weights) - 1
        images = lay_out(x, y, weight, window_size, coarsest_border if coarsest else "valid")
        field = SSIMField(taps, x.shape[-1], operator.mul if coarsest else contrast_alone)
        term = mean_field(field, constants, images, x.shape[:-3])
        term = term if product == "channel" else term.mean(axis=-1, keepdims=True)
        score = score * jnp.where(jnp.isnan(term), term, NEGATIVE[negative](term, weights[scale]))
        if not coarsest:
            x, y, weight = pool_pair(x, y, weight, 2, odd)
    return score


def contrast_alone(luminance: Array, contrast: Array) -> Array:
    return contrast


def check_scales(name: str, image: Array, scales: int, window_size: int, odd: str) -> None:
    """The coarsest scale must hold a window; if not, say how many scales would fit."""
    if scales < 1:
        raise ValueError(error_text(name, "at least one weight", scales, "The published weights are MS_SSIM_WEIGHTS."))
    height, width = image.shape[-3:-1]
    fitting = 0
    while min(height, width) >= window_size and fitting < scales:
        fitting += 1
        height, width = pooled_size(height, width, odd), pooled_size(width, height, odd)
    if fitting < scales:
        needed = (window_size - 1) * 2 ** (scales - 1) + 1
        way_out = (
            f"At most {fitting} scales fit this image: weights=jaxloss.MS_SSIM_WEIGHTS[:{fitting}]."
            if fitting
            else "Use a smaller window_size, or jaxloss.ssim with one."
        )
        check_fits(name, f"{scales} scales with a window of {window_size}", needed, image, way_out)
