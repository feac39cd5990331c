"""Information-content weighted structural similarity (Wang, Li 2011)."""

import functools
import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import as_scalar, check_choice, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._filters import as_taps, filter_maps, gaussian_window, repeat_edges, uniform_window
from ..ops._laplacian import laplacian_pyramid
from ..ops._neighborhoods import SIDE, neighborhood_moments, quadratic_form
from ..ops._numerics import safe_power
from ..ops._pooling import masked_mean, masked_ratio
from ..ops._pyramids import average_pool
from ..ops._spectrum import Spectrum, spectrum
from ._ms_ssim import MS_SSIM_WEIGHTS, check_scales
from ._statistics import Constants, local_components


# Each level of the pyramid has twice the amplitude of the one before; the constants are the same for all.
HALVINGS = ("simoncelli", "piq")
NEGATIVE = {"zero": lambda mean: mean, "absolute": jnp.abs}


def iw_ssim(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    weights: Sequence[float] = MS_SSIM_WEIGHTS,
    window_size: int = 11,
    halving: str = "simoncelli",
    negative: str = "zero",
) -> Scores:
    r"""Information-content weighted SSIM: MS-SSIM of a Laplacian pyramid, pooled by what a place tells an observer.

    $$\mathrm{IW\text{-}SSIM} = \overline{l_M \, cs_M}^{\,w_M} \prod_{j=1}^{M-1}
    \left(\frac{\sum_i I_{ji} \, cs_{ji}}{\sum_i I_{ji}}\right)^{w_j}$$

    of luma. The information I is what reference and distorted image share with what is seen of them, under a Gaussian
    scale mixture of 3 x 3 neighborhoods and their parent in the next level. Pixels of weight 0 are black in both
    images.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 161 pixels a side for five scales.
        weights: One exponent per scale, finest first, of which only the ratios matter; `MS_SSIM_WEIGHTS`.
        window_size: Of the Gaussian window (sigma 1.5) at every scale, odd and >= 3.
        halving: Of the pyramid, see `ops.laplacian_pyramid`: `"simoncelli"` (the authors' code) or `"piq"`, which
            differs for odd sizes.
        negative: A mean contrast may be negative, and then has no real power: `"zero"` takes 0 for it, `"absolute"`
            (piq) drops the sign.

    Returns:
        `[...]` in [0, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, of the weights too; 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (44, 44, 3))
        >>> score = jax.jit(lambda x, y: jaxloss.iw_ssim(x, y, data_range=1.0, weights=(0.3, 0.3, 0.4)))
        >>> print(score(0.5 * y, y).round(3))
        0.744

    Reference:
        "Information content weighting for perceptual image quality assessment", IEEE TIP 20, 2011.
        https://doi.org/10.1109/TIP.2010.2092435
    """
    check_positive("iw_ssim", "data_range", data_range)
    check_choice("iw_ssim", "halving", halving, HALVINGS)
    check_choice("iw_ssim", "negative", negative, NEGATIVE)
    if window_size < 3 or window_size % 2 == 0:
        raise ValueError(error_text("iw_ssim", "odd window_size >= 3", window_size, "Wang and Li use 11."))
    pair = masked_pair("iw_ssim", x, y, mask)
    check_scales("iw_ssim", pair.x, len(weights), window_size, "symmetric")
    pair = luma_pair("iw_ssim", pair)
    exponents = np.asarray(weights) / np.sum(weights)

    *leading, height, width, _ = pair.x.shape
    unit = 255 / as_scalar(data_range, pair.x.dtype)  # that of the noise of the model
    shape = (math.prod(leading), height, width, 1)
    both = unit * jnp.stack([z.reshape(shape) for z in pair[:2]], axis=1)
    levels = [jnp.moveaxis(z, 1, 0) for z in laplacian_pyramid(both, levels=len(exponents), halving=halving)]
    information = information_content([level[..., 0] for level in levels[:-1]], (window_size - 3) // 2)
    weight = None if pair.mask is None else pair.mask[..., None].reshape(shape)
    score = jnp.ones(len(both), both.dtype)
    for scale, exponent in enumerate(exponents):
        mean = 1 - _mean_distance(levels, information, scale, window_size, weight)
        score = score * jnp.where(jnp.isnan(mean), mean, safe_power(NEGATIVE[negative](mean), float(exponent)))
        weight = None if weight is None else average_pool(weight)
    return score.reshape(leading)


def _mean_distance(
    levels: list[Array], information: list[Array], scale: int, window_size: int, weight: Array | None
) -> Array:
    """One minus the mean similarity, `[n]`: of contrast by information, and at the coarsest scale of both terms."""
    coarsest = scale == len(levels) - 1
    middle = 127.5 * 2**scale if coarsest else 0.0
    taps = as_taps(gaussian_window(window_size, 1.5))
    luminance, contrast = local_components(
        list(levels[scale][..., 0]), taps, 1, Constants((0.01 * 255) ** 2, (0.03 * 255) ** 2, middle)
    )
    if weight is not None:
        margin = window_size // 2
        weight = weight[:, margin : weight.shape[1] - margin, margin : weight.shape[2] - margin, 0]
    if coarsest:
        return masked_mean((1 - luminance * contrast)[..., None], weight)
    counts = information[scale][..., None]
    return masked_ratio(counts * (1 - contrast)[..., None], counts, weight)


SIGMA_SQUARED = 0.4  # of the noise of vision, as in VIF


def information_content(details: list[Array], margin: int) -> list[Array]:
    """Of levels `[2, n, H, W]` of x and y: bits at each pixel whose neighborhood lies `margin` pixels within the level.

    The reference is a Gaussian scale mixture: neighborhoods of covariance C times a local variance s. A local gain g
    and noise of variance v make the distorted image of it, and noise of vision of variance sigma² is added to both.
    """
    parents = [_enlarge(coarser, y.shape)[:, 1:-1, 1:-1] for (_, y), (_, coarser) in itertools.pairwise(details)]
    rows = list(itertools.zip_longest(details, parents))
    spectra = _spectra([neighborhood_moments(y, parent)[1] for (_, y), parent in rows])
    return [_information(x, y, parent, of_y, margin) for ((x, y), parent), of_y in zip(rows, spectra, strict=True)]


def _spectra(covariances: list[Array]) -> list[Spectrum]:
    """Of all at once, filled up with zeros, which have a spectrum of their own."""
    if not covariances:
        return []
    sizes = [covariance.shape[1] for covariance in covariances]
    lacking = [(0, max(sizes) - size) for size in sizes]
    values, inverse = spectrum(
        jnp.stack([jnp.pad(z, ((0, 0), more, more)) for z, more in zip(covariances, lacking, strict=True)])
    )
    return [Spectrum(values[i, :, :n], inverse[i, :, :n, :n]) for i, n in enumerate(sizes)]


def _information(x: Array, y: Array, parent: Array | None, spectrum: Spectrum, margin: int) -> Array:
    s = _local_variance(y, parent, spectrum.inverse)
    x, y, s = (z[:, margin : z.shape[1] - margin, margin : z.shape[2] - margin] for z in (x, y, s))
    return _bits(x, y, s, spectrum.values)


def _local_variance(y: Array, parent: Array | None, inverse: Array) -> Array:
    """s of the neighborhood z of each pixel, `z' C^-1 z` by the size of z: `[n, H - 2, W - 2]`.

    The neighborhoods themselves would be ten times as large as the level.
    """
    height, width = y.shape[1] - SIDE + 1, y.shape[2] - SIDE + 1
    z = [y[:, i : i + height, j : j + width] for i in range(SIDE) for j in range(SIDE)]
    z = z if parent is None else [*z, parent]
    return quadratic_form(z, inverse) / len(z)


def _bits(x: Array, y: Array, s: Array, values: Array) -> Array:
    box = as_taps(uniform_window(SIDE))
    mean_x, mean_y, *products = filter_maps([x, y, x * x, y * y, x * y], box, box, step=1)
    square_x, square_y, product = products
    variance_y = jnp.maximum(square_y - mean_y**2, 0)
    covariance = product - mean_x * mean_y
    g = covariance / (variance_y + jnp.finfo(x.dtype).eps)
    v = jnp.maximum(square_x - mean_x**2 - g * covariance, 0)
    a = (v + (1 + g**2) * SIGMA_SQUARED) * s / SIGMA_SQUARED**2
    b = 1 + v / SIGMA_SQUARED
    bits = (jnp.log2(b + a * value) for value in jnp.unstack(values[:, :, None, None], axis=1))
    return functools.reduce(jnp.add, bits)


def _enlarge(parent: Array, shape: tuple[int, ...]) -> Array:
    """`[n, h, w]` at twice the size: the odd samples of MATLAB's bilinear enlargement to 4 h - 3, and one on each side.

    Those are at (2 i - 1/2) h / (4 h - 3) - 1/2 for all i < 2 h, less than one pixel off i // 2.
    """
    for axis in (1, 2):
        size = parent.shape[axis]
        i = np.arange(2 * size)
        offset = (2 * i - 0.5) * size / (4 * size - 3) - 0.5 - i // 2
        weights = np.maximum(1 - np.abs(offset - np.array([[-1], [0], [1]])), 0).astype(parent.dtype)
        lines = repeat_edges(parent, *((1, 1) if axis == k else (0, 0) for k in (1, 2)))
        shifts = [lax.slice_in_dim(lines, k, k + size, axis=axis) for k in range(3)]
        along = (1, size, 1) if axis == 1 else (1, 1, size)
        halves = [sum(weights[k, odd::2].reshape(along) * shifts[k] for k in range(3)) for odd in (0, 1)]
        doubled = (2 * size if k == axis else length for k, length in enumerate(parent.shape))
        parent = jnp.stack(halves, axis=axis + 1).reshape(*doubled)
    return parent[:, : shape[1], : shape[2]]
