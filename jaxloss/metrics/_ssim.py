"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) and its many conventions."""

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict, Unpack

from .._checks import check_choice, check_fits, masked_pair, check_positive, error_text
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._filters import BORDERS, Taps, as_taps, gaussian_window, split_channels, uniform_window
from ._statistics import Constants, SSIMField, lay_out, local_components, make_constants, mean_field, pool_pair


class SSIMOptions(TypedDict, total=False):
    """What the implementations of SSIM disagree about; see `ssim` for the meaning of each."""

    window: str
    window_size: int
    sigma: float
    k1: float
    k2: float
    border: str
    covariance: str
    downsample: str


_WANG2004: SSIMOptions = {
    "window": "gaussian",
    "window_size": 11,
    "sigma": 1.5,
    "k1": 0.01,
    "k2": 0.03,
    "border": "valid",
    "covariance": "population",
    "downsample": "none",
}

SSIM_CONVENTIONS: dict[str, SSIMOptions] = {
    "wang2004": _WANG2004,  # ssim_index.m
    "matlab": {**_WANG2004, "downsample": "matlab"},  # ssim.m, the "suggested usage"
    "tensorflow": _WANG2004,
    "pytorch_msssim": _WANG2004,
    "dm_pix": _WANG2004,
    "skimage": {**_WANG2004, "window": "uniform", "window_size": 7, "covariance": "sample"},
    "torchmetrics": {**_WANG2004, "border": "reflect"},
    "piq": {**_WANG2004, "downsample": "average"},
    "kornia": {**_WANG2004, "border": "reflect"},
    "fused_ssim": {**_WANG2004, "border": "zero"},
}
"""Options with which `ssim` returns the number of another implementation called with its defaults."""

WINDOWS = ("gaussian", "uniform")
COVARIANCES = ("population", "sample")
# How each way of shrinking treats a remainder: the `odd` of `average_pool`.
DOWNSAMPLING = {"none": None, "matlab": "symmetric", "average": "drop"}


class SSIMComponents(NamedTuple):
    """The two factors of the SSIM map, `[..., H', W', C]` each."""

    luminance: Map
    contrast_structure: Map


def ssim(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    window: str = "gaussian",
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    border: str = "valid",
    covariance: str = "population",
    downsample: str = "none",
) -> Scores:
    r"""Structural similarity index: agreement of local means, variances and covariances.

    $$\mathrm{SSIM}(p) = \frac{2\mu_x\mu_y + C_1}{\mu_x^2 + \mu_y^2 + C_1} \cdot
    \frac{2\sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}, \quad C_i = (k_i L)^2$$

    averaged over pixels and channels. The moments are those of a window around each pixel.

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value `L`: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0. Moments are taken over the weighted pixels of each window (normalized
            convolution) and the map is averaged with the weight of each window's center: pixels of weight 0 have no
            influence at all.
        window: `"gaussian"` or `"uniform"`.
        window_size: Side of the window in pixels.
        sigma: Standard deviation of the Gaussian in pixels; unused by the uniform window.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure term, > 0.
        border: `"valid"` averages over the windows that lie in the image; `"reflect"` and `"zero"` first extend it.
        covariance: `"population"` (divided by n) or `"sample"` (by n - 1).
        downsample: `"none"`; or shrink by `f = max(1, round(min(H, W) / 256))` first: `"matlab"` as `ssim.m`,
            `"average"` by means of f x f cells, remainders dropped, as piq.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ, the image is smaller than the window, or an option is unknown.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images. The closed form is `ssim_gradient`.

    Agrees with:
        Each row of `SSIM_CONVENTIONS` with the implementation it is named after: 1e-5 absolute.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jaxloss.ssim(1 - y, y, data_range=1.0).round(3))
        -0.967
        >>> print(jaxloss.ssim(y, y, data_range=1.0, **jaxloss.SSIM_CONVENTIONS["skimage"]))
        1.0

    Reference:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
        IEEE Transactions on Image Processing 13, 2004.
    """
    pair = prepare(
        "ssim", x, y, data_range, mask, window, window_size, sigma, k1, k2, border, covariance, downsample
    )  # fmt: skip
    return channel_means(pair, operator.mul).mean(axis=-1)


def ssim_map(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]
) -> Map:
    """The SSIM of each window, before `ssim` averages.

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0, of the pixels within each window. A window without any weight scores 1.
        options: As for `ssim`.

    Returns:
        `[..., H', W', C]` in [-1, 1], higher is better; `H' = H - window_size + 1` with the `"valid"` border (pixel
        `(i, j)` is that of the window centered at `i + window_size // 2`), `H' = H` with the others.

    Raises:
        ValueError: If the shapes differ, the image is smaller than the window, or an option is unknown.
        TypeError: For integer images, or an unknown keyword.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        `skimage.metrics.structural_similarity(full=True)` inside the border, `dm_pix.ssim(return_map=True)`: 1e-4.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((12, 16, 1)), jnp.ones((12, 16, 1))
        >>> field = jaxloss.ssim_map(x, y, data_range=1.0)
        >>> print(field.shape, field.max().round(6))
        (2, 6, 1) 1e-04

    Reference:
        Wang et al., IEEE Transactions on Image Processing 13, 2004.
    """
    luminance, contrast = _component_maps("ssim_map", x, y, data_range, mask, options)
    return luminance * contrast


def ssim_components(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]
) -> SSIMComponents:
    """The two factors of SSIM at each window: luminance, and contrast times structure.

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0, of the pixels within each window.
        options: As for `ssim`.

    Returns:
        `SSIMComponents(luminance, contrast_structure)`, each `[..., H', W', C]`: in [0, 1] for images in range, and
        in [-1, 1]. Their product is `ssim_map`; higher is better.

    Raises:
        ValueError: If the shapes differ, the image is smaller than the window, or an option is unknown.
        TypeError: For integer images, or an unknown keyword.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        The contrast map of `piq.ssim(full=True)`: 1e-5 after averaging.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((11, 11, 1), 0.5), jnp.ones((11, 11, 1))
        >>> parts = jaxloss.ssim_components(x, y, data_range=1.0)
        >>> print(parts.luminance.item().__round__(4), parts.contrast_structure.item())
        0.8 1.0

    Reference:
        Wang et al., IEEE Transactions on Image Processing 13, 2004.
    """
    return SSIMComponents(*_component_maps("ssim_components", x, y, data_range, mask, options))


class Pair(NamedTuple):
    """A checked pair of images, extended at the border, with all that the local statistics need."""

    images: tuple[Array, ...]  # x, y and, where there is one, the mask: [n, H, W * C]
    shape: tuple[int, ...]  # [..., H, W, C] of the images as they came
    taps: Taps
    constants: Constants


def prepare(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None,
    window: str,
    window_size: int,
    sigma: float,
    k1: float,
    k2: float,
    border: str,
    covariance: str,
    downsample: str,
) -> Pair:
    """Check all arguments of an SSIM, shrink and extend the images, and lay them out for the filter."""
    x, y, weight = masked_pair(name, x, y, mask)
    check_positive(name, "data_range", data_range)
    check_positive(name, "k1", k1)
    check_positive(name, "k2", k2)
    check_choice(name, "window", window, WINDOWS)
    check_choice(name, "border", border, BORDERS)
    check_choice(name, "covariance", covariance, COVARIANCES)
    check_choice(name, "downsample", downsample, DOWNSAMPLING)
    if covariance == "sample" and window_size < 2:
        raise ValueError(error_text(name, "window_size >= 2 for sample covariances", window_size, "Use 7."))
    odd = DOWNSAMPLING[downsample]
    if odd is not None:
        x, y, weight = pool_pair(x, y, weight, downsampling_factor(downsample, *x.shape[-3:-1]), odd)
    taps = as_taps(gaussian_window(window_size, sigma) if window == "gaussian" else uniform_window(window_size))
    if border == "valid":
        check_fits(name, f"a window of {window_size}", window_size, x, "Use a smaller window_size, or another border.")
    samples = window_size**2
    unbias = samples / (samples - 1) if covariance == "sample" else 1.0
    return Pair(
        images=lay_out(x, y, weight, window_size, border),
        shape=x.shape,
        taps=taps,
        constants=make_constants(data_range, k1, k2, x.dtype, unbias),
    )


def downsampling_factor(downsample: str, height: int, width: int) -> int:
    ratio = min(height, width) / 256
    # MATLAB rounds halves away from zero, Python (and so piq) to even.
    return max(1, math.floor(ratio + 0.5) if downsample == "matlab" else round(ratio))


def channel_means(pair: Pair, combine: Callable[[Array, Array], Array]) -> Array:
    """Mean over the image, `[..., C]`, of what a function of the module makes of luminance and contrast-structure."""
    field = SSIMField(pair.taps, pair.shape[-1], combine)
    return mean_field(field, pair.constants, pair.images, pair.shape[:-3])


def prepare_options(name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, options: SSIMOptions) -> Pair:
    """`prepare` with the defaults of `ssim` for the options that are missing."""
    for option in options:
        if option not in _WANG2004:
            raise TypeError(
                error_text(name, f"options out of {sorted(_WANG2004)}", repr(option), "They are those of ssim.")
            )
    complete: dict[str, Any] = {**_WANG2004, **options}
    return prepare(name, x, y, data_range, mask, **complete)


def _component_maps(
    name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, options: SSIMOptions
) -> tuple[Map, Map]:
    pair = prepare_options(name, x, y, data_range, mask, options)
    components = local_components(pair.images, pair.taps, pair.shape[-1], pair.constants)
    luminance, contrast = (split_channels(z, pair.shape) for z in components)
    return luminance, contrast
