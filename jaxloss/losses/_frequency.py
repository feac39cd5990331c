"""Losses in the frequency domain."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import NUMBERS, as_scalar, check_choice, check_pair, error_text
from .._types import Array, Image, Scalar, Scores
from ..ops._numerics import safe_divide, safe_sqrt


NORMALIZATIONS = {"spectrum": (-3, -2), "image": (-5, -4, -3, -2, -1)}  # axes of a largest weight of 1


def focal_frequency_loss(
    x: Image,
    y: Image,
    *,
    alpha: Scalar = 1.0,
    patch_factor: int = 1,
    log_matrix: bool = False,
    normalize: str = "spectrum",
) -> Scores:
    r"""Focal frequency loss: squared distance of the spectra, weighted by where they still disagree.

    $$L = \frac{1}{MN} \sum_{u,v} w(u, v) \, |F_x(u, v) - F_y(u, v)|^2, \quad
    w(u, v) = \frac{|F_x(u, v) - F_y(u, v)|^\alpha}{\max_{u,v} |F_x(u, v) - F_y(u, v)|^\alpha}$$

    averaged over channels and patches, with the orthonormal discrete Fourier transform F. Easy frequencies lose their
    weight and hard ones, as a rule the high ones, keep it. With all w = 1 it would be the mean squared error. The
    transforms take about 6 (H + W) multiplications per pixel; of patches, accordingly less.

    Args:
        x, y: See `jaxloss.losses`; any range of values.
        alpha: Exponent of the weights, >= 0; 0 makes them equal.
        patch_factor: Cuts the image into that many rows and columns of patches, each with a spectrum of its own; it
            divides H and W.
        log_matrix: Whether the weights are logarithms, `log(1 + |F_x - F_y| ** alpha)`, before they are normalized.
        normalize: Where the largest weight is 1: `"spectrum"`, in each channel of each patch; `"image"`, in the whole
            image, so that its hard patches and channels count more.

    Returns:
        `[...]`, >= 0 in the squared unit of the images, at most `mse(x, y)`; lower is better, 0 for equal images. The
        authors' `FocalFrequencyLoss` of one image; for a batch theirs is the mean. Their `batch_matrix` is
        `normalize="image"` for a batch of one, and their `ave_spectrum` the loss of the averages over the batch,
        `focal_frequency_loss(x.mean(0), y.mean(0))`, for the transform is linear.

    Gradient:
        The weights are constants to it, as in the paper: it is `2 w (F_x - F_y)` in the frequency domain, finite
        everywhere, 0 for equal images; and it is not the slope of the value.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.array([[0.0, 2.0], [0.0, 0.0]])[..., None], jnp.zeros((2, 2, 1))
        >>> loss = jax.jit(jaxloss.focal_frequency_loss)
        >>> print(loss(x, y), loss(x + 1, y))
        1.0 2.5

    Reference:
        Jiang et al., "Focal frequency loss for image reconstruction and synthesis", ICCV 2021.
        https://arxiv.org/abs/2012.12821
    """
    name = "focal_frequency_loss"
    x, y = check_pair(name, x, y)
    check_choice(name, "normalize", normalize, NORMALIZATIONS)
    if isinstance(alpha, NUMBERS) and not (alpha >= 0 and math.isfinite(alpha)):
        raise ValueError(error_text(name, "alpha >= 0", alpha, "The authors take 1, and 0 gives equal weights."))
    difference = _patches(name, x - y, patch_factor)  # the transform is linear: one instead of two
    squared = _power_spectrum(difference)
    matrix = safe_sqrt(lax.stop_gradient(squared)) ** as_scalar(alpha, x.dtype)
    matrix = jnp.log1p(matrix) if log_matrix else matrix
    weights = safe_divide(matrix, matrix.max(axis=NORMALIZATIONS[normalize], keepdims=True))
    copies = _column_copies(difference.shape[-2]).reshape((1,) * (squared.ndim - 2) + (-1, 1))
    total = (weights * squared * jnp.asarray(copies, x.dtype)).sum(axis=(-5, -4, -3, -2, -1))
    return total / math.prod(x.shape[-3:])


def _patches(name: str, image: Array, factor: int) -> Array:
    """`[..., H, W, C]` to `[..., factor, factor, H / factor, W / factor, C]`."""
    *leading, height, width, channels = image.shape
    if factor < 1 or height % factor or width % factor:
        expected = f"patch_factor >= 1 that divides {height} and {width}"
        raise ValueError(error_text(name, expected, factor, "Crop the images, or choose another factor."))
    grid = image.reshape(*leading, factor, height // factor, factor, width // factor, channels)
    return jnp.swapaxes(grid, -4, -3)


def _power_spectrum(image: Array) -> Array:
    """Squared magnitudes of the columns up to the middle: the others mirror them, for the image is real.

    As a product with two matrices: XLA's fast transform gathers a batch that is sharded over devices on each of them.
    """
    height, width = image.shape[-3:-1]
    dtype = jnp.complex128 if image.dtype == jnp.float64 else jnp.complex64
    down, across = (jnp.asarray(_fourier_matrix(side), dtype) for side in (height, width))
    columns = across[: width // 2 + 1]
    along = jnp.einsum("uh,...hwc->...uwc", down, image.astype(dtype), precision=lax.Precision.HIGHEST)
    spectrum = jnp.einsum("vw,...uwc->...uvc", columns, along, precision=lax.Precision.HIGHEST)
    return spectrum.real**2 + spectrum.imag**2


def _fourier_matrix(side: int) -> np.ndarray:
    index = np.arange(side)
    # The remainder keeps the angle small: that of a large product would lose digits.
    return np.exp(-2j * np.pi * (np.outer(index, index) % side) / side) / np.sqrt(side)


def _column_copies(width: int) -> np.ndarray:
    """How often each of those columns is in the whole spectrum: once at frequency 0 and at the highest, else twice."""
    frequency = np.arange(width // 2 + 1)
    return np.where((frequency == 0) | (2 * frequency == width), 1, 2)
