"""Multi-scale SSIM with several Gaussians at full resolution (Zhao, Gallo, Frosio, Kautz 2017)."""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict, Unpack

from .._checks import check_fits, error_text, masked_pair, take_options
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._filters import Taps, as_taps, gaussian_window, split_channels
from ._statistics import (
    Constants,
    Windowed,
    dissimilarity,
    local_components,
    make_constants,
    make_windowed,
    mean_field,
)


SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)


class MultiSigmaOptions(TypedDict, total=False):
    """What can be chosen of the multi-sigma SSIM; see `multi_sigma_ssim` for the meaning of each."""

    sigmas: Sequence[float]
    window_size: int
    k1: float
    k2: float


class MultiSigmaDefaults(NamedTuple):
    """Zhao et al.'s choice for each option, with a window that holds the widest Gaussian."""

    sigmas: Sequence[float] = SIGMAS
    window_size: int = 33
    k1: float = 0.01
    k2: float = 0.03

    def check(self, name: str) -> None:
        if not self.sigmas or list(self.sigmas) != sorted(self.sigmas):
            raise ValueError(error_text(name, "ascending sigmas", self.sigmas, f"The published ones are {SIGMAS}."))


def multi_sigma_ssim(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[MultiSigmaOptions]
) -> Scores:
    r"""Multi-scale SSIM as a loss for restoration needs it: per pixel, at full resolution.

    $$\mathrm{MS\text{-}SSIM}(p) = l_M(p) \prod_{j=1}^{M} cs_j(p)$$

    averaged over pixels and channels. $cs_j$ is SSIM's contrast-structure term under a Gaussian of standard deviation
    $\sigma_j$, and $l_M$ its luminance term under the widest. The product is taken at each pixel and all exponents are
    1, so that it differs from `ms_ssim` in more than the scales.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`.
        sigmas: Standard deviations in pixels, ascending; the luminance is that of the last; 0.5, 1, 2, 4, 8.
        window_size: Side of all windows; 33. The authors' code takes patches as large as the window, 31 pixels, and so
            evaluates their center only: the same call on such patches does just that.
        k1, k2: Stabilize the luminance and the contrast-structure terms, > 0; 0.01 and 0.03.

    Returns:
        `[...]` in [-1, 1]; higher is better, 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images; also where a term is 0, at which the published form divides by it. The
        closed form is `multi_sigma_ssim_gradient`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (40, 40, 3))
        >>> print(jaxloss.multi_sigma_ssim(0.9 * y, y, data_range=1.0).round(3))
        0.968

    Reference:
        Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", IEEE Transactions on
        Computational Imaging 3, 2017; equation 11 of its supplement. https://doi.org/10.1109/TCI.2016.2644865
    """
    windowed = multi_sigma_windows("multi_sigma_ssim", x, y, data_range, mask, options)
    field = MultiSigmaField(windowed.windows, dissimilarity)
    return 1 - mean_field(field, windowed).mean(axis=-1)


def multi_sigma_ssim_map(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[MultiSigmaOptions]
) -> Map:
    """The multi-sigma SSIM at each pixel, before `multi_sigma_ssim` averages.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. A window without any weight scores 1.
        options: As for `multi_sigma_ssim`.

    Returns:
        `[..., H - window_size + 1, W - window_size + 1, C]` in [-1, 1]; higher is better.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((33, 34, 1), 0.5), jnp.ones((33, 34, 1))
        >>> print(jax.jit(jaxloss.multi_sigma_ssim_map)(x, y, data_range=1.0).round(4)[..., 0])
        [[0.8 0.8]]

    Reference:
        Zhao et al. 2017. https://doi.org/10.1109/TCI.2016.2644865
    """
    windowed = multi_sigma_windows("multi_sigma_ssim_map", x, y, data_range, mask, options)
    field = MultiSigmaField(windowed.windows, operator.mul)
    return split_channels(field(windowed.channels, windowed.constants, *windowed.maps), windowed.shape)


@dataclass(frozen=True)
class MultiSigmaField:
    """Equation 11 at each pixel, or another function of the luminance and the product of all contrast terms."""

    windows: tuple[Taps, ...]
    combine: Callable[[Array, Array], Array]  # part of the key of caches, see `Field`: no lambda

    @property
    def halo(self) -> int:
        return len(self.windows[-1]) - 1

    def __call__(self, step: int, parameters: Constants, *maps: Array) -> Array:
        terms = []
        for taps in self.windows:
            margin = (self.halo + 1 - len(taps)) // 2
            cropped = [crop(z, margin, step) for z in maps]
            terms.append(local_components(cropped, taps, step, parameters))
        luminance, _ = terms[-1]
        return self.combine(luminance, functools.reduce(operator.mul, (contrast for _, contrast in terms)))


def multi_sigma_windows(
    name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, given: MultiSigmaOptions
) -> Windowed:
    """Check all arguments of a multi-sigma SSIM, and lay the images out for the filter."""
    options = take_options(name, MultiSigmaDefaults, given)
    options.check(name)
    pair = masked_pair(name, x, y, mask)
    size = options.window_size
    check_fits(name, f"a window of {size}", size, pair.x, "Use a smaller window_size and smaller sigmas.")
    constants = make_constants(name, data_range, options.k1, options.k2, pair.x.dtype)
    return make_windowed(pair, effective_windows(options.sigmas, size), "valid", constants)


def effective_windows(sigmas: Sequence[float], window_size: int) -> tuple[Taps, ...]:
    """One Gaussian per sigma, the narrow ones without the taps beyond 8 sigma, which are below 1e-14 of their peak.

    The last keeps its whole size, and the others lose as many taps on either side.
    """
    windows = []
    for sigma in sigmas:
        window = gaussian_window(window_size, sigma)
        spare = max(0, window_size // 2 - math.ceil(8 * sigma)) if sigma != sigmas[-1] else 0
        windows.append(as_taps(window[spare : window_size - spare]))
    return tuple(windows)


def crop(z: Array, margin: int, step: int) -> Array:
    """Without a margin of so many pixels on each side."""
    return z[:, margin : z.shape[1] - margin, margin * step : z.shape[2] - margin * step]
