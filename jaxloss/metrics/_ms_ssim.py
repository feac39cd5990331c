"""Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003)."""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict, Unpack

import jax.numpy as jnp

from .._checks import check_choice, check_fits, error_text, masked_pair, take_options
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._filters import BORDERS, as_taps, gaussian_window
from ..ops._numerics import safe_power
from ..ops._pyramids import ODD_SIZES, pooled_size
from ._statistics import SSIMField, dissimilarity, make_constants, make_windowed, mean_field, pool_pair


# Their sum is 1.0001, as published; every implementation uses them so.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


class MSSSIMOptions(TypedDict, total=False):
    """What can be chosen of MS-SSIM; see `ms_ssim` for the meaning of each."""

    weights: Sequence[float] | Array
    window_size: int
    sigma: float
    k1: float
    k2: float
    odd: str
    negative: str
    product: str
    coarsest_border: str


_TORCHMETRICS: MSSSIMOptions = {"odd": "drop", "product": "image", "coarsest_border": "reflect"}

MS_SSIM_CONVENTIONS: dict[str, MSSSIMOptions] = {
    "wang2003": {},  # msssim.m, where it is real: MATLAB goes complex below zero
    "tensorflow": {},
    "pytorch_msssim": {"odd": "zero"},
    "piq": {"odd": "replicate"},
    "piqa": {},  # cells of fewer pixels at the border: their mean is that of a mirrored one
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


class MSSSIMDefaults(NamedTuple):
    """Wang et al.'s choice for each option."""

    weights: Sequence[float] | Array = MS_SSIM_WEIGHTS
    window_size: int = 11
    sigma: float = 1.5
    k1: float = 0.01
    k2: float = 0.03
    odd: str = "symmetric"
    negative: str = "zero"
    product: str = "channel"
    coarsest_border: str = "valid"

    def check(self, name: str) -> None:
        check_choice(name, "odd", self.odd, ODD_SIZES)
        check_choice(name, "negative", self.negative, NEGATIVE)
        check_choice(name, "product", self.product, PRODUCTS)
        check_choice(name, "coarsest_border", self.coarsest_border, BORDERS)


def ms_ssim(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[MSSSIMOptions]
) -> Scores:
    r"""Multi-scale structural similarity: SSIM's terms over a pyramid, each scale with the weight the eye gives it.

    $$\mathrm{MS\text{-}SSIM} = \overline{l_M \, cs_M}^{\,w_M} \prod_{j=1}^{M-1} \overline{cs_j}^{\,w_j}$$

    where the bar is the mean over the image at scale j, each scale is the one before averaged over 2 x 2 pixels, and
    the luminance l counts at the coarsest scale only. Under a mask, cells of the pyramid are means of their weighted
    pixels.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. Images of 161 pixels a side for the default five scales.
        weights: One exponent per scale, finest first; `MS_SSIM_WEIGHTS`.
        window_size, sigma: Of the Gaussian window at every scale, in pixels; 11 and 1.5.
        k1, k2: Stabilize the luminance and the contrast-structure term, > 0; 0.01 and 0.03.
        odd: Pooling of odd sizes: `"symmetric"` (default), `"drop"`, `"replicate"` or `"zero"`, see `ops.average_pool`.
        negative: A mean term may be negative, and then has no real power: `"zero"` (default) takes 0 for it, `"shift"`
            takes `(mean + 1) / 2` for every term.
        product: `"channel"` (default) multiplies the scales of each channel and averages the products, `"image"`
            averages each scale over the channels first.
        coarsest_border: Border of the coarsest scale, `"valid"` (default), `"reflect"` or `"zero"` as in `ssim`;
            torchmetrics mirrors there, and there only.

    Returns:
        `[...]` in [0, 1]; higher is better, 1 for equal images. With a row of `MS_SSIM_CONVENTIONS` it is that of the
        implementation it is named after: 1e-5 absolute.

    Gradient:
        Finite everywhere; 0 for equal images, and 0 where a term that is not positive makes the product 0. The closed
        form is `ms_ssim_gradient`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (44, 44, 3))
        >>> score = jax.jit(lambda x, y: jaxloss.ms_ssim(x, y, data_range=1.0, weights=(0.3, 0.3, 0.4)))
        >>> print(score(0.5 * y, y).round(3))
        0.744

    Reference:
        Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", Asilomar Conference
        on Signals, Systems and Computers, 2003. https://doi.org/10.1109/ACSSC.2003.1292216
    """
    return channel_scores("ms_ssim", x, y, data_range, mask, options).mean(axis=-1)


def channel_scores(name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, given: MSSSIMOptions) -> Array:
    """`[..., C]`, or `[..., 1]` where the channels are averaged at each scale."""
    options = take_options(name, MSSSIMDefaults, given)
    options.check(name)
    pair = masked_pair(name, x, y, mask)
    constants = make_constants(name, data_range, options.k1, options.k2, pair.x.dtype)
    weights = jnp.asarray(options.weights, pair.x.dtype)
    check_scales(name, pair.x, len(weights), options.window_size, options.odd)
    taps = as_taps(gaussian_window(options.window_size, options.sigma))
    power = NEGATIVE[options.negative]

    score = jnp.ones((), pair.x.dtype)
    for scale in range(len(weights)):
        coarsest = scale == len(weights) - 1
        windowed = make_windowed(pair, (taps,), options.coarsest_border if coarsest else "valid", constants)
        combine = dissimilarity if coarsest else contrast_dissimilarity
        term = 1 - mean_field(SSIMField(taps, combine), windowed)
        term = term if options.product == "channel" else term.mean(axis=-1, keepdims=True)
        score = score * jnp.where(jnp.isnan(term), term, power(term, weights[scale]))
        if not coarsest:
            pair = pool_pair(pair, 2, options.odd)
    return score


def contrast_dissimilarity(luminance: Array, contrast: Array) -> Array:
    return 1 - contrast


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
