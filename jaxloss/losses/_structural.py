"""Losses made of structural similarity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from .._checks import as_scalar
from .._types import Array, Image, Mask, Scalar, Scores
from ..metrics._ms_ssim import MS_SSIM_WEIGHTS, channel_scores
from ..metrics._multi_sigma_ssim import SIGMAS, MultiSigmaField, multi_sigma_means, prepare
from ..metrics._ssim import SSIMOptions, channel_means, prepare_options
from ..metrics._statistics import Constants, local_means, mean_field
from ..ops._filters import Taps
from ..ops._numerics import safe_abs


def dissimilarity(luminance: Array, contrast: Array) -> Array:
    """One minus the map, not one minus its mean: the rounding of the mean would be that of a number near 1."""
    return 1 - luminance * contrast


def ssim_loss(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]
) -> Scores:
    """One minus SSIM.

    `L = 1 - ssim(x, y)`

    Args:
        x: Prediction, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Target, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.
        options: As for `ssim`.

    Returns:
        `[...]` in [0, 2]; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ, the image is smaller than the window, or an option is unknown.
        TypeError: For integer images, or an unknown keyword.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        `piq.SSIMLoss` with the `"piq"` convention: 1e-5. kornia's `ssim_loss` is half of it, clamped.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((11, 11, 1), 0.5), jnp.ones((11, 11, 1))
        >>> print(jaxloss.ssim_loss(x, y, data_range=1.0).round(4))
        0.2

    Reference:
        Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", 2017.
    """
    pair = prepare_options("ssim_loss", x, y, data_range, mask, options)
    return channel_means(pair, dissimilarity).mean(axis=-1)


def ms_ssim_loss(
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
    """One minus MS-SSIM (Wang 2003).

    `L = 1 - ms_ssim(x, y)`

    Args:
        x: Prediction, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Target, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.
        weights: One exponent per scale, finest first.
        window_size: Side of the Gaussian window at every scale.
        sigma: Standard deviation of the Gaussian in pixels.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure term, > 0.
        odd: Pooling of odd sizes, as in `ms_ssim`.
        negative: `"zero"` or `"shift"`, as in `ms_ssim`.
        product: `"channel"` or `"image"`, as in `ms_ssim`.
        coarsest_border: `"valid"`, `"reflect"` or `"zero"`, as in `ms_ssim`.

    Returns:
        `[...]` in [0, 1]; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ, the image is too small for that many scales, or an option is unknown.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images. Where a scale's contrast term is not positive the loss is 1 and the
        gradient 0 with `negative="zero"`; early in training from noise `negative="shift"` keeps it alive.

    Agrees with:
        `piq.MultiScaleSSIMLoss` with the `"piq"` convention: 1e-5.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((22, 22, 1), 0.5), jnp.ones((22, 22, 1))
        >>> print(jaxloss.ms_ssim_loss(x, y, data_range=1.0, weights=(0.5, 0.5)).round(4))
        0.1056

    Reference:
        Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", 2003.
    """
    scores = channel_scores(
        "ms_ssim_loss",
        x,
        y,
        data_range,
        mask,
        weights,
        window_size,
        sigma,
        k1,
        k2,
        odd,
        negative,
        product,
        coarsest_border,
    )
    return (1 - scores).mean(axis=-1)


def multi_sigma_ssim_loss(
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
    """One minus the multi-sigma SSIM of Zhao et al.

    `L = 1 - multi_sigma_ssim(x, y)`

    Args:
        x: Prediction, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Target, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.
        sigmas: Standard deviations in pixels, ascending.
        window_size: Side of all windows.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure terms, > 0.

    Returns:
        `[...]` in [0, 2]; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ or the image is smaller than the window.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        The authors' `MSSSIMLayer` on patches of the size of the window: 1e-5.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((33, 33, 1), 0.5), jnp.ones((33, 33, 1))
        >>> print(jaxloss.multi_sigma_ssim_loss(x, y, data_range=1.0).round(4))
        0.2

    Reference:
        Zhao et al., "Loss functions for image restoration with neural networks", 2017.
    """
    pair = prepare("multi_sigma_ssim_loss", x, y, data_range, mask, sigmas, window_size, k1, k2)
    return multi_sigma_means(pair, dissimilarity).mean(axis=-1)


def mix_loss(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    alpha: Scalar = 0.84,
    sigmas: Sequence[float] = SIGMAS,
    window_size: int = 33,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Scores:
    r"""The mix of multi-sigma SSIM and L1 of Zhao et al.: structure from the one, color and brightness from the other.

    $$\mathcal{L}^{Mix} = \alpha \, \mathcal{L}^{MS\text{-}SSIM} + (1 - \alpha) \, G_{\sigma_M} * |x - y| / L$$

    at each pixel whose window lies in the image, averaged over them and the channels; $G_{\sigma_M}$ is the widest
    Gaussian and L the data range, so that the mix does not depend on the unit of the images.

    The paper gives `alpha=0.84`, the default. The authors' code has 0.025, and evaluates the center of patches as large
    as the window, where the filtered L1 is the Gaussian-weighted sum over the patch: to get its number, pass patches
    `[n, K, K, C]` (the paper: K = 31) with `alpha=0.025, window_size=K`.

    Args:
        x: Prediction, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Target, same shape.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.
        alpha: Share of the structural term, in [0, 1].
        sigmas: Standard deviations in pixels, ascending; the last is also that of the L1 term.
        window_size: Side of all windows.
        k1: Stabilizes the luminance term, > 0.
        k2: Stabilizes the contrast-structure terms, > 0.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ or the image is smaller than the window.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images (the derivative of `|d|` at 0 is taken as 0).

    Agrees with:
        The authors' `MSSSIML1Layer` as described above: 1e-5. kornia's `MS_SSIMLoss` is another function: it pads with
        zeros, multiplies over the channels too, and scales the sum by 200.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((33, 33, 1), 0.5), jnp.ones((33, 33, 1))
        >>> print(jaxloss.mix_loss(x, y, data_range=1.0).round(4))  # 0.84 * 0.2 + 0.16 * 0.5
        0.248

    Reference:
        Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", IEEE Transactions on
        Computational Imaging 3, 2017.
    """
    pair = prepare("mix_loss", x, y, data_range, mask, sigmas, window_size, k1, k2)
    dtype = pair.images[0].dtype
    parameters = pair.constants, as_scalar(alpha, dtype), as_scalar(data_range, dtype)
    field = MixField(pair.windows, pair.shape[-1])
    return mean_field(field, parameters, pair.images, pair.shape[:-3]).mean(axis=-1)


@dataclass(frozen=True)
class MixField:
    """The mix at each pixel."""

    windows: tuple[Taps, ...]
    channels: int

    @property
    def structural(self) -> MultiSigmaField:
        return MultiSigmaField(self.windows, self.channels, dissimilarity)

    @property
    def halo(self) -> int:
        return self.structural.halo

    def __call__(self, parameters: tuple[Constants, Scalar, Scalar], *maps: Array) -> Array:
        constants, alpha, data_range = parameters
        x, y, *weight = maps
        (absolute,) = local_means([safe_abs(x - y)], weight, self.windows[-1], self.channels)
        return alpha * self.structural(constants, *maps) + (1 - alpha) * absolute / data_range
