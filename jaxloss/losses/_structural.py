"""Losses made of structural similarity."""

from dataclasses import dataclass
from typing import Unpack

from .._checks import as_scalar
from .._types import Array, Image, Mask, Scalar, Scores
from ..metrics._ms_ssim import MSSSIMOptions, channel_scores
from ..metrics._multi_sigma_ssim import MultiSigmaField, MultiSigmaOptions, multi_sigma_windows
from ..metrics._ssim import SSIMOptions, ssim_windows
from ..metrics._statistics import Constants, SSIMField, dissimilarity, local_means, mean_field
from ..ops._filters import Taps
from ..ops._numerics import safe_abs


def ssim_loss(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[SSIMOptions]
) -> Scores:
    """One minus SSIM: `L = 1 - ssim(x, y)`.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        options: As for `ssim`.

    Returns:
        `[...]` in [0, 2]; lower is better, 0 for equal images. kornia's `ssim_loss` is half of it, clamped.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((11, 11, 1), 0.5), jnp.ones((11, 11, 1))
        >>> print(jaxloss.ssim_loss(x, y, data_range=1.0).round(4))
        0.2

    Reference:
        Zhao et al. 2017. https://doi.org/10.1109/TCI.2016.2644865
    """
    windowed = ssim_windows("ssim_loss", x, y, data_range, mask, options)
    return mean_field(SSIMField(windowed.windows[0], dissimilarity), windowed).mean(axis=-1)


def ms_ssim_loss(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[MSSSIMOptions]
) -> Scores:
    """One minus MS-SSIM (Wang 2003): `L = 1 - ms_ssim(x, y)`.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        options: As for `ms_ssim`.

    Returns:
        `[...]` in [0, 1]; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images. Where a scale's contrast term is not positive the loss is 1 and the
        gradient 0 with `negative="zero"`; early in training from noise `negative="shift"` keeps it alive.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((22, 22, 1), 0.5), jnp.ones((22, 22, 1))
        >>> print(jaxloss.ms_ssim_loss(x, y, data_range=1.0, weights=(0.5, 0.5)).round(4))
        0.1056

    Reference:
        Wang, Simoncelli, Bovik 2003. https://doi.org/10.1109/ACSSC.2003.1292216
    """
    return (1 - channel_scores("ms_ssim_loss", x, y, data_range, mask, options)).mean(axis=-1)


def multi_sigma_ssim_loss(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Unpack[MultiSigmaOptions]
) -> Scores:
    """One minus the multi-sigma SSIM of Zhao et al.: `L = 1 - multi_sigma_ssim(x, y)`.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        options: As for `multi_sigma_ssim`.

    Returns:
        `[...]` in [0, 2]; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((33, 33, 1), 0.5), jnp.ones((33, 33, 1))
        >>> print(jaxloss.multi_sigma_ssim_loss(x, y, data_range=1.0).round(4))
        0.2

    Reference:
        Zhao et al. 2017. https://doi.org/10.1109/TCI.2016.2644865
    """
    windowed = multi_sigma_windows("multi_sigma_ssim_loss", x, y, data_range, mask, options)
    return mean_field(MultiSigmaField(windowed.windows, dissimilarity), windowed).mean(axis=-1)


def mix_loss(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    alpha: Scalar = 0.84,
    **options: Unpack[MultiSigmaOptions],
) -> Scores:
    r"""The mix of multi-sigma SSIM and L1 of Zhao et al.: structure from the one, color and brightness from the other.

    $$\mathcal{L}^{Mix} = \alpha \, \mathcal{L}^{MS\text{-}SSIM} + (1 - \alpha) \, G_{\sigma_M} * |x - y| / L$$

    at each pixel whose window lies in the image, averaged over them and the channels; $G_{\sigma_M}$ is the widest
    Gaussian and L the data range, so that the mix does not depend on the unit of the images.

    The paper gives `alpha=0.84`, the default. The authors' code has 0.025, and evaluates the center of patches as large
    as the window, where the filtered L1 is the Gaussian-weighted sum over the patch: to get its number, pass patches
    `[n, K, K, C]` (the paper: K = 31) with `alpha=0.025, window_size=K`. kornia's `MS_SSIMLoss` is another function: it
    pads with zeros, multiplies over the channels too, and scales the sum by 200.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        alpha: Share of the structural term, in [0, 1].
        options: As for `multi_sigma_ssim`; the last of the `sigmas` is also that of the L1 term.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images (the derivative of `|d|` at 0 is taken as 0).

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((33, 33, 1), 0.5), jnp.ones((33, 33, 1))
        >>> print(jaxloss.mix_loss(x, y, data_range=1.0).round(4))  # 0.84 * 0.2 + 0.16 * 0.5
        0.248

    Reference:
        Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", IEEE Transactions on
        Computational Imaging 3, 2017. https://doi.org/10.1109/TCI.2016.2644865
    """
    windowed = multi_sigma_windows("mix_loss", x, y, data_range, mask, options)
    dtype = windowed.maps[0].dtype
    parameters = windowed.constants, as_scalar(alpha, dtype), as_scalar(data_range, dtype)
    return mean_field(MixField(windowed.windows), windowed, parameters).mean(axis=-1)


@dataclass(frozen=True)
class MixField:
    """The mix at each pixel."""

    windows: tuple[Taps, ...]

    @property
    def structural(self) -> MultiSigmaField:
        return MultiSigmaField(self.windows, dissimilarity)

    @property
    def halo(self) -> int:
        return self.structural.halo

    def __call__(self, step: int, parameters: tuple[Constants, Scalar, Scalar], *maps: Array) -> Array:
        constants, alpha, data_range = parameters
        x, y, *weight = maps
        (absolute,) = local_means([safe_abs(x - y)], weight, self.windows[-1], step)
        return alpha * self.structural(step, constants, *maps) + (1 - alpha) * absolute / data_range
