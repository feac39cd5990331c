"""Metrics that compare pixel by pixel."""

import math

import jax.numpy as jnp

from .._checks import check_positive, masked_pair
from .._types import Image, Mask, Scalar, Scores
from ..ops._numerics import safe_abs, safe_sqrt
from ..ops._pooling import masked_mean


def mae(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Mean absolute error, the L1 distance per pixel.

    $$\mathrm{MAE} = \frac{1}{N} \sum_i |x_i - y_i|$$

    Args:
        x: Image under test, `[..., H, W, C]`, floating, any range.
        y: Reference, same shape.
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ.
        TypeError: For integer images.

    Gradient:
        `sign(x - y) / N`, 0 where the images agree.

    Agrees with:
        `dm_pix.mae`, `torch.nn.functional.l1_loss`: 1e-6 relative.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.mae(x, y))
        0.25

    Reference:
        Willmott and Matsuura, "Advantages of the mean absolute error (MAE) over the root mean square error (RMSE)
        in assessing average model performance", Climate Research 30, 2005.
    """
    x, y, mask = masked_pair("mae", x, y, mask)
    return masked_mean(safe_abs(x - y), mask)


def mse(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Mean squared error, the squared L2 distance per pixel.

    $$\mathrm{MSE} = \frac{1}{N} \sum_i (x_i - y_i)^2$$

    Args:
        x: Image under test, `[..., H, W, C]`, floating, any range.
        y: Reference, same shape.
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.

    Returns:
        `[...]`, >= 0 in the squared unit of the images; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ.
        TypeError: For integer images.

    Gradient:
        `2 (x - y) / N`, 0 for equal images.

    Agrees with:
        `skimage.metrics.mean_squared_error`, `dm_pix.mse`: 1e-6 relative.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.mse(x, y))
        0.0625

    Reference:
        Wang and Bovik, "Mean squared error: love it or leave it?", IEEE Signal Processing Magazine 26, 2009.
    """
    x, y, mask = masked_pair("mse", x, y, mask)
    return masked_mean((x - y) ** 2, mask)


def rmse(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Root mean squared error.

    $$\mathrm{RMSE} = \sqrt{\frac{1}{N} \sum_i (x_i - y_i)^2}$$

    Args:
        x: Image under test, `[..., H, W, C]`, floating, any range.
        y: Reference, same shape.
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ.
        TypeError: For integer images.

    Gradient:
        `(x - y) / (N RMSE)`; 0 for equal images, where the square root has none.

    Agrees with:
        `dm_pix.rmse`: 1e-6 relative.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.rmse(x, y))
        0.25

    Reference:
        Wang and Bovik, "Mean squared error: love it or leave it?", IEEE Signal Processing Magazine 26, 2009.
    """
    x, y, mask = masked_pair("rmse", x, y, mask)
    squared = masked_mean((x - y) ** 2, mask)
    # safe_sqrt takes NaN, the score of an empty mask, for a value without a root.
    return jnp.where(jnp.isnan(squared), squared, safe_sqrt(squared))


def psnr(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Scores:
    r"""Peak signal-to-noise ratio.

    $$\mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}}$$

    Args:
        x: Image under test, `[..., H, W, C]`, floating, values in `[0, data_range]`.
        y: Reference, same shape.
        data_range: Largest minus smallest possible pixel value `L`: 1.0 for [0, 1], 255.0 for [0, 255].
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.

    Returns:
        `[...]` in dB; higher is better, `inf` for equal images; NaN for an empty mask. The mean over a batch of images
        is that of their decibels, not the PSNR of their mean error.

    Raises:
        ValueError: If the shapes differ or `data_range` is not positive.
        TypeError: For integer images.

    Gradient:
        `-20 / ln(10) * (x - y) / (N MSE)`; 0 for equal images, where there is nothing left to improve.

    Agrees with:
        `skimage.metrics.peak_signal_noise_ratio`, `dm_pix.psnr` (range 1), torchmetrics per image: 1e-5 absolute.
        piq and piqa add 1e-8 to the error, so that their value for equal images is 80 dB.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.psnr(x, y, data_range=1.0).round(4))
        12.0412

    Reference:
        Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality assessment", Electronics Letters 44,
        2008.
    """
    x, y, mask = masked_pair("psnr", x, y, mask)
    check_positive("psnr", "data_range", data_range)
    error = masked_mean((x - y) ** 2, mask)
    different = error != 0
    decibels = -10 / math.log(10) * jnp.log(jnp.where(different, error, 1))
    peak = 20 / math.log(10) * jnp.log(jnp.asarray(data_range, error.dtype))
    return jnp.where(different, peak + decibels, jnp.inf)
