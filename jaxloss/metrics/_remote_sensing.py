"""What fused images of many bands are judged by: spectral angle, relative error, correlation of details."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_positive, error_text, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._filters import as_taps, merge_channels, split_channels, uniform_window
from ..ops._gradients import laplacian
from ..ops._moments import filter_moments
from ..ops._numerics import fast_arctan2, safe_divide, safe_sqrt
from ..ops._pooling import keep_nan, masked_mean, masked_ratio, mean_from_sums
from ..ops._sums import sum_pixels


# Up to so many channels are taken one by one: a CPU's loops over an innermost axis of three are slow.
FEW = 8


def sam(x: Image, y: Image, *, mask: Mask | None = None) -> Scores:
    r"""Spectral angle mapper: the mean angle between the spectra of a pixel in both images, whatever their brightness.

    $$\mathrm{SAM} = \overline{\arccos \frac{\langle x, y \rangle}{\lVert x \rVert \, \lVert y \rVert}}$$

    over the pixels that are black in neither image.

    Args:
        x, y, mask: See `jaxloss.metrics`. 2 channels or more, of any unit.

    Returns:
        `[...]` in [0, pi], radians; lower is better, exactly 0 for equal images, and without any pixel to compare.

    Gradient:
        Finite everywhere; 0 where an angle is 0.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> red, olive = jnp.array([[[[1.0, 0.0, 0.0]]], [[[0.5, 0.5, 0.0]]]])
        >>> print(jax.jit(jaxloss.sam)(olive, red).round(4))
        0.7854

    Reference:
        Yuhas, Goetz, Boardman, "Discrimination among semi-arid landscape endmembers using the spectral angle mapper
        (SAM) algorithm", JPL Airborne Geoscience Workshop, 1992. https://ntrs.nasa.gov/citations/19940012238
    """
    x, y, mask = masked_pair("sam", x, y, mask)
    angle, counts = _spectral_angle("sam", x, y)
    return masked_ratio(angle, counts, mask)


def sam_map(x: Image, y: Image, *, mask: Mask | None = None) -> Map:
    """The angle at each pixel, `[..., H, W, 1]`, radians; 0 where an image is black. `sam` is its mean elsewhere."""
    x, y, _ = masked_pair("sam_map", x, y, mask)
    return _spectral_angle("sam_map", x, y)[0]


def _spectral_angle(name: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Angles `[..., H, W, 1]`, and 1 where there is one.

    By the part of the difference that is across y: the arc cosine loses half of the digits of small angles, and has no
    slope at 0.
    """
    if x.shape[-1] < 2:
        raise ValueError(error_text(name, "2 channels or more", x.shape, "One channel has no spectrum."))
    of_x, of_y = _bands(x), _bands(y)
    length = safe_sqrt(_dot(of_y, of_y))
    direction = [safe_divide(b, length) for b in of_y]
    difference = [a - b for a, b in zip(of_x, of_y, strict=True)]
    share = _dot(difference, direction)
    across = [d - share * u for d, u in zip(difference, direction, strict=True)]
    angle = fast_arctan2(safe_sqrt(_dot(across, across)), _dot(of_x, direction))
    counts = (_dot(of_x, of_x) > 0) & (length > 0)
    return jnp.where(counts, angle, 0), counts.astype(x.dtype)


def _bands(image: Array) -> list[Array]:
    """Maps of the channels, or the image in one piece if those are many."""
    channels = image.shape[-1]
    return [image] if channels > FEW else [image[..., k : k + 1] for k in range(channels)]


def _dot(a: list[Array], b: list[Array]) -> Array:
    return functools.reduce(jnp.add, ((p * q).sum(axis=-1, keepdims=True) for p, q in zip(a, b, strict=True)))


def ergas(x: Image, y: Image, *, mask: Mask | None = None, ratio: Scalar = 0.25) -> Scores:
    r"""Erreur relative globale adimensionnelle de synthèse: the errors of all bands, each by its mean, in percent.

    $$\mathrm{ERGAS} = 100 \, \frac{h}{l} \sqrt{\frac{1}{C} \sum_{k=1}^{C} \frac{\mathrm{RMSE}_k^2}{\mu_k^2}}$$

    Args:
        x, y, mask: See `jaxloss.metrics`. Any number of channels, of any unit; $\mu_k$ is the mean of a band of y.
        ratio: h / l, the size of a pixel of the fused image by that of a pixel of the image of many bands.

    Returns:
        `[...]`, >= 0; lower is better, exactly 0 for equal images; infinite where a band of mean 0 has an error.

    Gradient:
        Finite everywhere; 0 for equal images, and where the score is infinite.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> y = jnp.full((4, 4, 3), 0.5)
        >>> print(jax.jit(jaxloss.ergas)(0.9 * y, y).round(4))
        2.5

    Reference:
        Wald, "Quality of high resolution synthesised images: is there a simple criterion?", Fusion of Earth Data, 2000.
        https://hal.science/hal-00395027
    """
    check_positive("ergas", "ratio", ratio)
    x, y, mask = masked_pair("ergas", x, y, mask)
    mean, square = _band_means(x, y, mask)
    relative = safe_divide(square, jnp.nan_to_num(mean, nan=1) ** 2).mean(axis=-1)
    undefined = ((mean == 0) & (square > 0)).any(axis=-1)
    return 100 * as_scalar(ratio, x.dtype) * jnp.where(undefined, jnp.inf, keep_nan(safe_sqrt(relative), relative))


def scc(x: Image, y: Image, *, mask: Mask | None = None, window_size: int | None = None, flat: float = 1.0) -> Scores:
    r"""Spatial correlation coefficient: how well the details of two images correlate.

    $$\mathrm{SCC} = \frac{\mathrm{cov}(h * x, h * y)}{\sigma_{h * x} \, \sigma_{h * y}}, \qquad
    h = \begin{pmatrix} -1 & -1 & -1 \\ -1 & 8 & -1 \\ -1 & -1 & -1 \end{pmatrix}$$

    of each band, averaged over the bands. Where only one of the images has details the correlation is 0. Pixels of
    weight 0 are black in both images.

    Args:
        x, y, mask: See `jaxloss.metrics`. Any number of channels, of any unit.
        window_size: By default the correlation is that of whole bands, as in the paper; with a number it is the mean of
            those in all windows of so many pixels a side (8 in sewar and torchmetrics), with zeros beyond the border.
        flat: The correlation where neither image has any details; 0.0 in sewar and torchmetrics.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere; 0 for equal images, and by an image or window without details.

    Example:
        >>> import jax, jaxloss
        >>> noise, y = jax.random.uniform(jax.random.key(0), (2, 32, 32, 3))
        >>> scc = jax.jit(jaxloss.scc, static_argnames="window_size")
        >>> print(scc(y + noise, y).round(3), scc(y + noise, y, window_size=8).round(3))
        0.7 0.7

    Reference:
        Zhou, Civco, Silander, "A wavelet transform method to merge Landsat TM and SPOT panchromatic data",
        International Journal of Remote Sensing 19, 1998. https://doi.org/10.1080/014311698215973
    """
    x, y, mask = masked_pair("scc", x, y, mask)
    details = laplacian(x), laplacian(y)
    if window_size is None:
        means = _detail_means(*details, mask)
        distance = _correlation_distance(means, flat).mean(axis=-1)
        return 1 - jnp.where(jnp.isnan(means[0]).any(axis=-1), jnp.nan, distance)
    if window_size < 2:
        raise ValueError(error_text("scc", "window_size >= 2", window_size, "sewar and torchmetrics use 8."))
    taps = as_taps(uniform_window(window_size))
    margin = (window_size // 2, (window_size - 1) // 2)
    widths = [(0, 0)] * (x.ndim - 3) + [margin, margin, (0, 0)]
    surrounded = [merge_channels(jnp.pad(z, widths)) for z in details]
    means = filter_moments(_products, surrounded, taps, taps, step=x.shape[-1])
    return 1 - masked_mean(split_channels(_correlation_distance(means, flat), x.shape), mask)


def _detail_means(x: Array, y: Array, mask: Array | None) -> list[Array]:
    """Of both and of their products, `[..., C]`; by sums of rows, which a GPU takes of all of them in one loop."""
    *leading, height, width, channels = x.shape
    lines = [merge_channels(z) for z in (x, y, *_products(x, y))]
    if mask is None:
        means = [sum_pixels(z, channels) / (height * width) for z in lines]
    else:
        weight = merge_channels(jnp.broadcast_to(mask[..., None], x.shape))
        total = sum_pixels(weight, channels)
        means = [mean_from_sums(sum_pixels(weight * z, channels), total) for z in lines]
    return [z.reshape(*leading, channels) for z in means]


def _products(x: Array, y: Array) -> tuple[Array, Array, Array]:
    return x * x, y * y, (x - y) ** 2


def _correlation_distance(means: Sequence[Array], flat: float) -> Array:
    """One minus the correlation, in which equal images differ by exactly 0: from the variance of the difference."""
    mean_x, mean_y, square_x, square_y, square = means
    sigma_x, sigma_y = safe_sqrt(square_x - mean_x**2), safe_sqrt(square_y - mean_y**2)
    twice = square - (mean_x - mean_y) ** 2 - (sigma_x - sigma_y) ** 2
    distance = jnp.clip(safe_divide(twice, 2 * sigma_x * sigma_y), 0, 2)
    without = jnp.where((sigma_x == 0) & (sigma_y == 0), 1 - flat, 1).astype(distance.dtype)
    return jnp.where(sigma_x * sigma_y > 0, distance, without)


def _band_means(x: Array, y: Array, mask: Array | None) -> tuple[Array, Array]:
    """Of y and of (x - y)^2, `[..., C]`; NaN, with a gradient of 0, under an empty mask.

    In lines, for which a CPU has vectors: sums of columns first, the bands of those by a product. The difference is
    computed anew for the gradient, which is faster than to write and to read it.
    """
    *leading, height, width, channels = x.shape

    def lines(image: Array) -> Array:
        return image.reshape(*leading, height, width * channels)

    def mean_of(columns: Array) -> Array:
        bands = jnp.tile(jnp.eye(channels, dtype=x.dtype), (width, 1))
        total = jnp.matmul(columns, bands, precision=lax.Precision.HIGHEST)
        return total / (height * width) if mask is None else mean_from_sums(total, weight)

    line_x, line_y, line_mask = lines(x), lines(y), None
    if mask is not None:
        weight = mask.sum(axis=(-2, -1))[..., None]
        line_mask = jnp.repeat(mask, channels, axis=-1)
        line_y = line_mask * line_y
    ones = jnp.ones((1,) * len(leading) + (1, height), x.dtype)
    of_y = jnp.matmul(ones, line_y, precision=lax.Precision.HIGHEST)[..., 0, :]
    return mean_of(of_y), mean_of(_column_squares(line_x, lines(y), line_mask))


@jax.checkpoint
def _column_squares(x: Array, y: Array, weight: Array | None) -> Array:
    square = (x - y) ** 2
    return (square if weight is None else weight * square).sum(axis=-2)
