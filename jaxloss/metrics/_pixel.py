"""Metrics that compare pixel by pixel."""

import math

import jax
import jax.numpy as jnp

from .._checks import check_positive, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._numerics import safe_abs, safe_sqrt
from ..ops._pooling import masked_mean


# Of the two images, not of their difference, which would be kept for the gradient: to write it into fresh memory takes
# two to seven times as long as to compute it again (value and gradient, on a CPU).
@jax.checkpoint
def _absolute(x: Array, y: Array) -> Array:
    return safe_abs(x - y)


@jax.checkpoint
def squared_error(x: Array, y: Array) -> Array:
    return (x - y) ** 2


def mae(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Mean absolute error, the L1 distance per pixel.

    $$\mathrm{MAE} = \frac{1}{N} \sum_i |x_i - y_i|$$

    Args:
        x, y, mask: See `jaxloss.metrics`; any range of values.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for equal images.

    Gradient:
        `sign(x - y) / N`, 0 where the images agree.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.mae(x, y))
        0.25

    Reference:
        Willmott and Matsuura, "Advantages of the mean absolute error (MAE) over the root mean square error (RMSE)
        in assessing average model performance", Climate Research 30, 2005. https://doi.org/10.3354/cr030079
    """
    x, y, mask = masked_pair("mae", x, y, mask)
    return masked_mean(_absolute(x, y), mask)


def mse(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Mean squared error, the squared L2 distance per pixel.

    $$\mathrm{MSE} = \frac{1}{N} \sum_i (x_i - y_i)^2$$

    Args:
        x, y, mask: See `jaxloss.metrics`; any range of values.

    Returns:
        `[...]`, >= 0 in the squared unit of the images; lower is better, 0 for equal images.

    Gradient:
        `2 (x - y) / N`, 0 for equal images.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.mse(x, y))
        0.0625

    Reference:
        Wang and Bovik, "Mean squared error: love it or leave it?", IEEE Signal Processing Magazine 26, 2009.
        https://doi.org/10.1109/MSP.2008.930649
    """
    x, y, mask = masked_pair("mse", x, y, mask)
    return masked_mean(squared_error(x, y), mask)


def rmse(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Root mean squared error.

    $$\mathrm{RMSE} = \sqrt{\frac{1}{N} \sum_i (x_i - y_i)^2}$$

    Args:
        x, y, mask: See `jaxloss.metrics`; any range of values.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for equal images.

    Gradient:
        `(x - y) / (N RMSE)`; 0 for equal images, where the square root has none.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.rmse(x, y))
        0.25

    Reference:
        Wang and Bovik, "Mean squared error: love it or leave it?", IEEE Signal Processing Magazine 26, 2009.
        https://doi.org/10.1109/MSP.2008.930649
    """
    x, y, mask = masked_pair("rmse", x, y, mask)
    squared = masked_mean(squared_error(x, y), mask)
    # safe_sqrt takes NaN, the score of an empty mask, for a value without a root.
    return jnp.where(jnp.isnan(squared), squared, safe_sqrt(squared))


def psnr(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Scores:
    r"""Peak signal-to-noise ratio.

    $$\mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}}$$

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`.

    Returns:
        `[...]` in dB; higher is better, `inf` for equal images. The mean over a batch of images
        is that of their decibels, not the PSNR of their mean error. piq and piqa add 1e-8 to the error, so that their
        value for equal images is 80 dB.

    Gradient:
        `-20 / ln(10) * (x - y) / (N MSE)`; 0 for equal images, where there is nothing left to improve.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.psnr(x, y, data_range=1.0).round(4))
        12.0412

    Reference:
        Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality assessment", Electronics Letters 44,
        2008. https://doi.org/10.1049/el:20080522
    """
    x, y, mask = masked_pair("psnr", x, y, mask)
    check_positive("psnr", "data_range", data_range)
    return decibels(masked_mean(squared_error(x, y), mask), data_range)


def decibels(error: Array, data_range: Scalar) -> Array:
    """Of a mean squared error below the largest value; infinite, with a gradient of 0, where there is none."""
    different = error != 0
    below = -10 / math.log(10) * jnp.log(jnp.where(different, error, 1))
    peak = 20 / math.log(10) * jnp.log(jnp.asarray(data_range, error.dtype))
    return jnp.where(different, peak + below, jnp.inf)
