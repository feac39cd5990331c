"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) and its many conventions."""

import math
import operator
from typing import NamedTuple, TypedDict, Unpack

from .._checks import check_choice, check_fits, error_text, masked_pair, take_options
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._filters import BORDERS, Taps, as_taps, gaussian_window, split_channels, uniform_window
from ._statistics import (
    SSIMField,
    Windowed,
    dissimilarity,
    local_components,
    make_constants,
    make_windowed,
    mean_field,
    pool_pair,
)


class WindowOptions(TypedDict, total=False):
    """What the implementations of SSIM disagree about; see `ssim` for the meaning of each."""

    window: str
    window_size: int
    sigma: float
    k1: float
    k2: float
    border: str
    covariance: str


class SSIMOptions(WindowOptions, total=False):
    """And of images, not of volumes."""

    downsample: str


SSIM_CONVENTIONS: dict[str, SSIMOptions] = {
    "wang2004": {},  # ssim_index.m
    "matlab": {"downsample": "matlab"},  # ssim.m, the "suggested usage"
    "tensorflow": {},
    "pytorch_msssim": {},
    "dm_pix": {},
    "skimage": {"window": "uniform", "window_size": 7, "covariance": "sample"},
    "torchmetrics": {"border": "reflect"},
    "piq": {"downsample": "average"},
    "kornia": {"border": "reflect"},
    "fused_ssim": {"border": "zero"},
}
"""Options with which `ssim` returns the number of another implementation called with its defaults."""

WINDOWS = {"gaussian": gaussian_window, "uniform": lambda size, sigma: uniform_window(size)}
COVARIANCES = ("population", "sample")
# How each way of shrinking treats a remainder: the `odd` of `average_pool`.
DOWNSAMPLING = {"none": None, "matlab": "symmetric", "average": "drop"}


class SSIMDefaults(NamedTuple):
    """Wang et al.'s choice for each option."""

    window: str = "gaussian"
    window_size: int = 11
    sigma: float = 1.5
    k1: float = 0.01
    k2: float = 0.03
    border: str = "valid"
    covariance: str = "population"
    downsample: str = "none"

    @property
    def taps(self) -> Taps:
        return as_taps(WINDOWS[self.window](self.window_size, self.sigma))

    def unbias(self, axes: int = 2) -> float:
        samples = self.window_size**axes
        return samples / (samples - 1) if self.covariance == "sample" else 1.0

    def shrinking(self, height: int, width: int) -> int:
        ratio = min(height, width) / 256
        # MATLAB rounds halves away from zero, Python (and so piq) to even.
        return max(1, math.floor(ratio + 0.5) if self.downsample == "matlab" else round(ratio))

    def check_size(self, name: str, image: Array) -> None:
        if self.border == "valid":
            size, way_out = self.window_size, "Use a smaller window_size, or another border."
            check_fits(name, f"a window of {size}", size, image, way_out)

    def check(self, name: str) -> None:
        check_choice(name, "window", self.window, WINDOWS)
        check_choice(name, "border", self.border, BORDERS)
        check_choice(name, "covariance", self.covariance, COVARIANCES)
        check_choice(name, "downsample", self.downsample, DOWNSAMPLING)
        if self.covariance == "sample" and self.window_size < 2:
            expected = "window_size >= 2 for sample covariances"
            raise ValueError(error_text(name, expected, self.window_size, "Use 7."))


class SSIMComponents(NamedTuple):
    """The two factors of the SSIM map, `[..., H', W', C]` each."""

    luminance: Map
    contrast_structure: Map


def ssim(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]) -> Scores:
    r"""Structural similarity index: agreement of local means, variances and covariances.

    $$\mathrm{SSIM}(p) = \frac{2\mu_x\mu_y + C_1}{\mu_x^2 + \mu_y^2 + C_1} \cdot
    \frac{2\sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}, \quad C_i = (k_i L)^2$$

    averaged over pixels and channels. The moments are those of a window around each pixel; under a mask, those of its
    weighted pixels (normalized convolution), and the map is averaged with the weight of each window's center.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`.
        window: `"gaussian"` (default) or `"uniform"`.
        window_size: Side of the window in pixels; 11.
        sigma: Standard deviation of the Gaussian in pixels; 1.5. Unused by the uniform window.
        k1, k2: Stabilize the luminance and the contrast-structure term, > 0; 0.01 and 0.03.
        border: `"valid"` (default) averages over the windows that lie in the image; `"reflect"` and `"zero"` first
            extend it.
        covariance: `"population"` (default; divided by n) or `"sample"` (by n - 1).
        downsample: `"none"` (default); or shrink by `f = max(1, round(min(H, W) / 256))` first: `"matlab"` as `ssim.m`,
            `"average"` by means of f x f cells, remainders dropped, as piq.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal images. With a row of `SSIM_CONVENTIONS` it is that of
        the implementation it is named after: 1e-5 absolute.

    Gradient:
        Finite everywhere, 0 for equal images. The closed form is `ssim_gradient`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jaxloss.ssim(1 - y, y, data_range=1.0).round(3))
        -0.967
        >>> print(jaxloss.ssim(y, y, data_range=1.0, **jaxloss.SSIM_CONVENTIONS["skimage"]))
        1.0

    Reference:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
        IEEE Transactions on Image Processing 13, 2004. https://doi.org/10.1109/TIP.2003.819861
    """
    windowed = ssim_windows("ssim", x, y, data_range, mask, options)
    return 1 - mean_field(SSIMField(windowed.windows[0], dissimilarity), windowed).mean(axis=-1)


def ssim_map(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]
) -> Map:
    """The SSIM of each window, before `ssim` averages.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. A window without any weight scores 1.
        options: As for `ssim`.

    Returns:
        `[..., H', W', C]` in [-1, 1], higher is better; `H' = H - window_size + 1` with the `"valid"` border (pixel
        `(i, j)` is that of the window centered at `i + window_size // 2`), `H' = H` with the others.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((12, 16, 1)), jnp.ones((12, 16, 1))
        >>> field = jax.jit(jaxloss.ssim_map)(x, y, data_range=1.0)
        >>> print(field.shape, field.max().round(6))
        (2, 6, 1) 1e-04

    Reference:
        Wang et al. 2004. https://doi.org/10.1109/TIP.2003.819861
    """
    return operator.mul(*_component_maps(ssim_windows("ssim_map", x, y, data_range, mask, options)))


def ssim_components(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]
) -> SSIMComponents:
    """The two factors of SSIM at each window: luminance, and contrast times structure.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`.
        options: As for `ssim`.

    Returns:
        `SSIMComponents(luminance, contrast_structure)`, each `[..., H', W', C]`: in [0, 1] for images in range, and
        in [-1, 1]. Their product is `ssim_map`; higher is better.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((11, 11, 1), 0.5), jnp.ones((11, 11, 1))
        >>> parts = jax.jit(jaxloss.ssim_components)(x, y, data_range=1.0)
        >>> print(parts.luminance.item().__round__(4), parts.contrast_structure.item())
        0.8 1.0

    Reference:
        Wang et al. 2004. https://doi.org/10.1109/TIP.2003.819861
    """
    return SSIMComponents(*_component_maps(ssim_windows("ssim_components", x, y, data_range, mask, options)))


def ssim_windows(name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, given: SSIMOptions) -> Windowed:
    """Check all arguments of an SSIM, shrink and extend the images, and lay them out for the filter."""
    options = take_options(name, SSIMDefaults, given)
    options.check(name)
    pair = masked_pair(name, x, y, mask)
    odd = DOWNSAMPLING[options.downsample]
    if odd is not None:
        pair = pool_pair(pair, options.shrinking(*pair.x.shape[-3:-1]), odd)
    taps = options.taps
    options.check_size(name, pair.x)
    constants = make_constants(name, data_range, options.k1, options.k2, pair.x.dtype, options.unbias())
    return make_windowed(pair, (taps,), options.border, constants)


def _component_maps(windowed: Windowed) -> tuple[Array, Array]:
    components = local_components(windowed.maps, windowed.windows[0], windowed.channels, windowed.constants)
    luminance, contrast = (split_channels(z, windowed.shape) for z in components)
    return luminance, contrast
