"""Multi-scale SSIM with several Gaussians at full resolution (Zhao, Gallo, Frosio, Kautz 2017)."""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .._checks import check_fits, masked_pair, check_positive, error_text
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._filters import Taps, as_taps, gaussian_window, split_channels
from ._statistics import Constants, lay_out, local_components, make_constants, mean_field


SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)


def multi_sigma_ssim(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    sigmas: Sequence[float] = SIGMAS,
    window_size: int = 33,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Scores:
    r"""Multi-scale SSIM as a loss for restoration needs it: per pixel, at full resolution.

    $$\mathrm{MS\text{-}SSIM}(p) = l_M(p) \prod_{j=1}^{M} cs_j(p)$$

    averaged over pixels and channels. $cs_j$ is SSIM's contrast-structure term under a Gaussian of standard deviation
    $\sigma_j$, and $l_M$ its luminance term under the widest. The product is taken at each pixel and all exponents are
    1, so that it differs from `ms_ssim` in more than the scales.

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.
        sigmas: Standard deviations in pixels, ascending; the luminance is that of the last.
        window_size: Side of all windows. The authors' code takes patches as large as the window, 31 pixels, and so
            evaluates their center only: the same call on such patches does just that.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure terms, > 0.

    Returns:
        `[...]` in [-1, 1]; higher is better, 1 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ or the image is smaller than the window.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images; also where a term is 0, at which the published form divides by it. The
        closed form is `multi_sigma_ssim_gradient`.

    Agrees with:
        The loss layer of the authors' code on patches of the size of its window: 1e-5 absolute.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (40, 40, 3))
        >>> print(jaxloss.multi_sigma_ssim(0.9 * y, y, data_range=1.0).round(3))
        0.968

    Reference:
        Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", IEEE Transactions on
        Computational Imaging 3, 2017; equation 11 of its supplement.
    """
    pair = prepare("multi_sigma_ssim", x, y, data_range, mask, sigmas, window_size, k1, k2)
    return multi_sigma_means(pair, operator.mul).mean(axis=-1)


def multi_sigma_ssim_map(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    sigmas: Sequence[float] = SIGMAS,
    window_size: int = 33,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Map:
    """The multi-sigma SSIM at each pixel, before `multi_sigma_ssim` averages.

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0, of the pixels within each window. A window without any weight scores 1.
        sigmas: Standard deviations in pixels, ascending; the luminance is that of the last.
        window_size: Side of all windows.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure terms, > 0.

    Returns:
        `[..., H - window_size + 1, W - window_size + 1, C]` in [-1, 1]; higher is better.

    Raises:
        ValueError: If the shapes differ or the image is smaller than the window.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        The loss layer of the authors' code at each pixel: 1e-5.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((33, 34, 1), 0.5), jnp.ones((33, 34, 1))
        >>> print(jaxloss.multi_sigma_ssim_map(x, y, data_range=1.0).round(4)[..., 0])
        [[0.8 0.8]]

    Reference:
        Zhao et al., IEEE Transactions on Computational Imaging 3, 2017.
    """
    pair = prepare("multi_sigma_ssim_map", x, y, data_range, mask, sigmas, window_size, k1, k2)
    field = MultiSigmaField(pair.windows, pair.shape[-1], operator.mul)
    return split_channels(field(pair.constants, *pair.images), pair.shape)


class MultiSigmaPair(NamedTuple):
    """A checked pair of images in the layout of the filter, with one window per sigma."""

    images: tuple[Array, ...]
    shape: tuple[int, ...]
    windows: tuple[Taps, ...]
    constants: Constants


@dataclass(frozen=True)
class MultiSigmaField:
    """Equation 11 at each pixel, or another function of the luminance and the product of all contrast terms."""

    windows: tuple[Taps, ...]
    channels: int
    combine: Callable[[Array, Array], Array]

    @property
    def halo(self) -> int:
        return len(self.windows[-1]) - 1

    def __call__(self, parameters: Constants, *maps: Array) -> Array:
        terms = []
        for taps in self.windows:
            margin = (self.halo + 1 - len(taps)) // 2
            cropped = [crop(z, margin, self.channels) for z in maps]
            terms.append(local_components(cropped, taps, self.channels, parameters))
        luminance, _ = terms[-1]
        return self.combine(luminance, functools.reduce(operator.mul, (contrast for _, contrast in terms)))


def multi_sigma_means(pair: MultiSigmaPair, combine: Callable[[Array, Array], Array]) -> Array:
    field = MultiSigmaField(pair.windows, pair.shape[-1], combine)
    return mean_field(field, pair.constants, pair.images, pair.shape[:-3])


def prepare(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None,
    sigmas: Sequence[float],
    window_size: int,
    k1: float,
    k2: float,
) -> MultiSigmaPair:
    x, y, weight = masked_pair(name, x, y, mask)
    for argument, value in (("data_range", data_range), ("k1", k1), ("k2", k2)):
        check_positive(name, argument, value)
    if not sigmas or list(sigmas) != sorted(sigmas):
        raise ValueError(error_text(name, "ascending sigmas", sigmas, f"The published ones are {SIGMAS}."))
    check_fits(name, f"a window of {window_size}", window_size, x, "Use a smaller window_size and smaller sigmas.")
    return MultiSigmaPair(
        images=lay_out(x, y, weight, window_size, "valid"),
        shape=x.shape,
        windows=effective_windows(sigmas, window_size),
        constants=make_constants(data_range, k1, k2, x.dtype),
    )


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
