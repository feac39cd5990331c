"""Complex-wavelet structural similarity (Sampat, Wang, Gupta, Bovik, Markey 2009)."""

import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._checks import as_scalar, check_fits, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._filters import as_taps, filter_maps, gaussian_window, merge_channels, uniform_window
from ..ops._numerics import safe_divide, safe_sqrt
from ..ops._pooling import masked_ratio
from ..ops._pyramids import average_pool
from ..ops._steerable import complex_bands


SIDE = 7  # of the window


def cw_ssim(
    x: Image, y: Image, *, mask: Mask | None = None, level: int = 4, orientations: int = 8, k: Scalar = 0.0
) -> Scores:
    r"""Complex-wavelet SSIM: how alike local phases are but for a common shift, as small motions leave them.

    $$\mathrm{CW\text{-}SSIM} = \frac{2 \left|\sum c_x \overline{c_y}\right| + K}{\sum |c_x|^2 + \sum |c_y|^2 + K}$$

    of the complex coefficients c of luma in each window of 7 x 7, at one level of a steerable pyramid; the mean over
    orientations and, with Gaussian weights, over the image. Pixels of weight 0 are black in both images.

    Args:
        x, y, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 64 x 64 pixels or more.
        level: Of the pyramid, 1 the finest; each one less halves the least side. The authors took as many as fit.
        orientations: How many, >= 2.
        k: K, in squared units of the images; 0 makes the score independent of their unit.

    Returns:
        `[...]` in [0, 1]; higher is better, exactly 1 for equal images. An image and its negative score 1, too, and so
        do flat ones, for all that they differ.

    Gradient:
        Finite everywhere; 0 for equal images, and where both are flat.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jax.jit(jaxloss.cw_ssim)(y**4, y).round(2))
        0.86

    Reference:
        "Complex wavelet structural similarity: a new image similarity index", IEEE TIP 18, 2009.
        https://doi.org/10.1109/TIP.2009.2025923
    """
    if level < 1:
        raise ValueError(error_text("cw_ssim", "level >= 1", level, "The authors use 4 to 6."))
    if orientations < 2:
        raise ValueError(error_text("cw_ssim", "orientations >= 2", orientations, "The authors use 8 or 16."))
    pair = masked_pair("cw_ssim", x, y, mask)
    check_fits("cw_ssim", f"level {level}", 2 ** (level + 2), pair.x, "Use a finer level.")
    x, y, mask = luma_pair("cw_ssim", pair)
    leading = x.shape[:-3]
    x, y = merge_channels(x), merge_channels(y)
    unit = _unit(x, y)
    planes = jnp.stack([x - y, y], axis=1)  # of equal images the transforms themselves may differ by rounding
    bands = complex_bands(planes / unit, level=level, orientations=orientations)
    rounding = (4 * float(jnp.finfo(planes.dtype).eps) * 4 ** (level - 1)) ** 2  # that of the transform, at most
    apart = _distances(bands, rounding, as_scalar(k, planes.dtype) / unit**2)
    apart = apart.mean(axis=1).reshape(*leading, *apart.shape[2:])[..., None]
    weight = _gaussian(apart.shape[-3], apart.shape[-2], apart.dtype)
    weight = jnp.ones_like(apart) * weight.reshape((1,) * (apart.ndim - 3) + weight.shape)
    if mask is not None:
        margin = SIDE // 2
        pooled = average_pool(mask[..., None], factor=2 ** (level - 1))
        mask = pooled[..., margin : pooled.shape[-3] - margin, margin : pooled.shape[-2] - margin, 0]
    return 1 - jnp.maximum(masked_ratio(weight * apart, weight, mask), 0)  # below 0 by rounding alone


def _distances(bands: Array, rounding: float, k: Array) -> Array:
    """One minus the similarity in each window, of bands of x - y and of y `[n, 2, K, h, w]`."""
    d, c_y = jnp.unstack(bands, axis=1)
    maps = [
        d.real**2 + d.imag**2,
        c_y.real**2 + c_y.imag**2,
        d.real * c_y.real + d.imag * c_y.imag,
        d.imag * c_y.real - d.real * c_y.imag,
    ]
    box = as_taps(uniform_window(SIDE))
    means = filter_maps([z.reshape(-1, *z.shape[2:]) for z in maps], box, box, step=1)
    difference, power_y, real, imaginary = (z.reshape(*d.shape[:2], *z.shape[1:]) for z in means)
    # The correlation is power_y + real + i imaginary. How much longer it is than its real part:
    along = power_y + real
    length = safe_sqrt(along**2 + imaginary**2)
    powers = difference + 2 * along
    near = along > jnp.maximum(powers, rounding) / 8
    longer = jnp.where(near, imaginary**2 / jnp.where(near, length + along, 1), length - along)
    return safe_divide(difference - 2 * longer, jnp.where(powers > rounding, powers + k, 0))


def _unit(x: Array, y: Array) -> Array:
    """The root mean square of each pair `[n, 1, 1, 1]`: in this unit the powers of what it is made of cannot vanish.

    Of the score it changes nothing, and so it has no part in the derivative.
    """
    power = lax.stop_gradient((x**2).mean(axis=(1, 2)) + (y**2).mean(axis=(1, 2)))[:, None, None, None]
    return jnp.where(power > 0, safe_sqrt(power), 1)


def _gaussian(height: int, width: int, dtype: DTypeLike) -> Array:
    """How much each window counts, by its distance to the middle in heights of the band."""
    sigma = (height + SIDE - 1) / 4
    rows, columns = (gaussian_window(n, sigma) for n in (height, width))
    return jnp.asarray(rows[:, None, None] * columns[:, None], dtype)
