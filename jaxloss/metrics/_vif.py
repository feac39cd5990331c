"""Visual information fidelity (Sheikh, Bovik 2006): in the pixel domain, and of a steerable pyramid."""

import functools
import math
from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._checks import Pair, as_scalar, check_fits, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._filters import GPUS, Taps, as_taps, filter_maps, gaussian_window, merge_channels, uniform_window
from ..ops._moments import filter_moments
from ..ops._neighborhoods import neighborhood_covariance
from ..ops._numerics import safe_divide
from ..ops._pyramids import average_pool
from ..ops._spectrum import spectrum
from ..ops._steerable import steerable_bands


NOISE_OF_VISION = {"vif_p": 2.0, "vif": 0.4}  # variances, for values in [0, 255]
SIDES = (17, 9, 5, 3)  # of the windows of vif_p, of a deviation of a fifth
BLOCK = 3  # a side of what vif takes for one vector


def vif_p(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, scales: int = 4) -> Scores:
    r"""Visual information fidelity in the pixel domain: the share of the reference's information that is left.

    $$\mathrm{VIF} = \frac{\sum \log_2\left(1 + \frac{g^2 \sigma_y^2}{\sigma_v^2 + \sigma_n^2}\right)}
    {\sum \log_2\left(1 + \frac{\sigma_y^2}{\sigma_n^2}\right)}, \quad
    g = \frac{\sigma_{xy}}{\sigma_y^2}, \quad \sigma_v^2 = \sigma_x^2 - g \sigma_{xy}$$

    over the windows of luma at each scale, 17, 9, 5 and 3 pixels wide. Pixels of weight 0 are black in both images.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 41 x 41 pixels or more.
        scales: How many, at most 4; 17 pixels a side are enough for one, 25 for two and 33 for three.

    Returns:
        `[...]`, >= 0; higher is better, exactly 1 for equal images, and for a flat reference, which has none to lose.
        More than 1 where contrast is enhanced.

    Gradient:
        Finite everywhere; 0 where the reference is flat. For equal images it is that of contrast, of which more is
        better.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (48, 48, 3))
        >>> print(jax.jit(jaxloss.vif_p)(0.5 * y, y, data_range=1.0).round(2))
        0.79

    Reference:
        "Image information and visual quality", IEEE TIP 15, 2006. https://doi.org/10.1109/TIP.2005.859378
    """
    if not 1 <= scales <= len(SIDES):
        raise ValueError(error_text("vif_p", "scales from 1 to 4", scales, "Sheikh and Bovik use 4."))
    pair = masked_pair("vif_p", x, y, mask)
    check_fits("vif_p", f"{scales} scales", 9 + 8 * scales, pair.x, "Use fewer scales.")
    y, e, weight, leading = _planes("vif_p", pair, data_range)
    sums = []
    for scale, side in enumerate(SIDES[:scales]):
        taps = as_taps(gaussian_window(side, side / 5))
        if scale:
            y, e = _thin([y, e], taps, 2)
            weight = None if weight is None else _thin([weight], taps, 2)[0]
        variance, gain, noise = _channel(filter_moments(_products, [y, e], taps, taps, step=1))
        sums.append(_sums(variance, gain, noise, None if weight is None else _within(weight, side // 2)))
    return _share(sums).reshape(leading)


def vif(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, levels: int = 4) -> Scores:
    r"""Visual information fidelity: the share of the reference's information that is left, by a model of photographs.

    $$\mathrm{VIF} = \frac{\sum \log_2\left(1 + \frac{g_{bk}^2 s_{bk} \lambda_{bj}}{v_{bk} + \sigma_n^2}\right)}
    {\sum \log_2\left(1 + \frac{s_{bk} \lambda_{bj}}{\sigma_n^2}\right)}$$

    over the blocks k of 3 x 3 coefficients in each band b, horizontal and vertical, of a steerable pyramid of luma: a
    Gaussian scale mixture of local variance s and of covariance with eigenvalues lambda, seen through a channel of
    local gain g and noise v. Pixels of weight 0 are black in both images.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 72 x 72 pixels or more.
        levels: Of the pyramid; each one less halves the least side.

    Returns:
        `[...]`, >= 0; higher is better, exactly 1 for equal images, and for a flat reference, which has none to lose.
        More than 1 where contrast is enhanced.

    Gradient:
        As that of `vif_p`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (72, 72, 3))
        >>> print(jax.jit(jaxloss.vif)(0.5 * y, y, data_range=1.0).round(2))
        0.69

    Reference:
        "Image information and visual quality", IEEE TIP 15, 2006. https://doi.org/10.1109/TIP.2005.859378
    """
    if levels < 1:
        raise ValueError(error_text("vif", "levels >= 1", levels, "Sheikh and Bovik use 4."))
    pair = masked_pair("vif", x, y, mask)
    check_fits("vif", f"{levels} levels", 9 * 2 ** (levels - 1), pair.x, "Use fewer levels.")
    y, e, weight, leading = _planes("vif", pair, data_range)
    bands = steerable_bands(_merge(jnp.stack([y, e], axis=1)), levels=levels)
    bands = [[_merge(z) for z in _split(band, 2)] for band in bands]  # both directions
    spectra = spectrum(jnp.stack([neighborhood_covariance(_cropped(of_y)) for of_y, _ in bands]))
    sums = []
    for level, (of_y, of_e) in enumerate(bands):
        side = 2 ** (levels - level) + 1
        margin = -(-side // (2 * BLOCK))
        energy = _within(_local_energy(of_y, spectra.inverse[level]), margin)
        variances = energy[:, None] * spectra.values[level][:, :, None, None]
        _, gain, noise = _channel(_moments(of_y, of_e, side, margin), 4.0**level * _rounding(y.dtype))
        counts = None
        if weight is not None:
            counts = _within(average_pool(weight[..., None], factor=BLOCK, odd="drop")[..., 0], margin)
            counts = _merge(jnp.stack([counts, counts], axis=1))
            weight = average_pool(weight[..., None])[..., 0]
        of_both = _sums(variances, gain[:, None], noise[:, None], counts)
        sums.append(of_both.reshape(3, -1, 2).sum(axis=2))
    return _share(sums).reshape(leading)


def _planes(name: str, pair: Pair, data_range: Scalar) -> tuple[Array, Array, Array | None, tuple[int, ...]]:
    """Luma of the reference, what the other image adds to it, and the weights: `[n, H, W]` in deviations of vision."""
    check_positive(name, "data_range", data_range)
    pair = luma_pair(name, pair)
    *leading, height, width, _ = pair.x.shape
    middle = as_scalar(data_range, pair.x.dtype) / 2
    unit = 255 / math.sqrt(NOISE_OF_VISION[name]) / (2 * middle)
    y, e = (unit * merge_channels(z) for z in (pair.y - middle, pair.x - pair.y))
    return y, e, None if pair.mask is None else pair.mask.reshape(math.prod(leading), height, width), tuple(leading)


def _products(y: Array, e: Array) -> tuple[Array, Array, Array]:
    return y * y, e * e, y * e


def _channel(moments: Sequence[Array], floor: float = 0) -> tuple[Array, Array, Array]:
    """Variance of the reference, and gain and noise of the channel through which the other image comes.

    From the moments of the reference y and of the difference e: of equal images the gain is exactly 1, the noise 0.
    """
    mean_y, mean_e, yy, ee, ye = moments
    variance = yy - mean_y**2
    variance = jnp.where(variance > 4 * jnp.finfo(yy.dtype).eps * yy + floor, variance, 0)  # the rest is rounding
    covariance = ye - mean_y * mean_e
    slope = safe_divide(covariance, variance)
    noise = jnp.maximum(ee - mean_e**2 - slope * covariance, -0.5)  # at 0 the rounding would no longer average out
    return variance, jnp.maximum(1 + slope, 0), noise


def _sums(variance: Array, gain: Array, noise: Array, weight: Array | None) -> Array:
    """Over `[n, ..., h, w]`: of the bits that are lost, of those that were there, and of the weights, `[3, n]`."""
    lost = jnp.log((1 + variance) * (1 + noise) / (1 + noise + gain**2 * variance))
    there = jnp.log1p(variance)
    if variance.ndim > 3:
        lost, there = lost.sum(axis=1), there.sum(axis=1)
    weight = jnp.ones_like(lost) if weight is None else weight
    sums = functools.partial(lax.platform_dependent, default=sum_apart, **dict.fromkeys(GPUS, sum_together))
    return jnp.stack([*sums(weight * lost, weight * there), weight.sum(axis=(1, 2))])


def sum_apart(a: Array, b: Array) -> list[Array]:
    """Of maps `[n, h, w]`, `[n]` each."""
    return [z.sum(axis=(1, 2)) for z in (a, b)]


def sum_together(a: Array, b: Array) -> list[Array]:
    """On a GPU: of one map of complex numbers, for it would write to memory what the sums of two are both made of."""
    total = lax.complex(a, b).sum(axis=(1, 2))
    return [total.real, total.imag]


def _share(sums: Sequence[Array]) -> Array:
    """What is not lost, of the sums at each scale; never less than 0 by rounding."""
    lost, there, weight = functools.reduce(jnp.add, sums)
    score = jnp.maximum(1 - safe_divide(lost, there), 0)
    return score + jnp.where(weight > 0, 0, jnp.nan).astype(score.dtype)


def _thin(maps: Sequence[Array], taps: Taps, every: int) -> list[Array]:
    """Filtered maps, every so many rows and columns of them."""
    rows = [z[:, ::every] for z in filter_maps(maps, taps, (1.0,), step=1)]
    return [z[:, :, ::every] for z in filter_maps(rows, (1.0,), taps, step=1)]


def _within(z: Array, margin: int) -> Array:
    return z[:, margin : z.shape[1] - margin, margin : z.shape[2] - margin]


def _rounding(dtype: DTypeLike) -> float:
    """Of variances in a pyramid of images in [0, 255]."""
    return float(4 * jnp.finfo(dtype).eps * 255) ** 2 / NOISE_OF_VISION["vif"]


def _moments(y: Array, e: Array, side: int, margin: int) -> tuple[Array, ...]:
    """In windows around the middle of each block of 3 x 3 that is `margin` blocks within."""
    start = BLOCK * margin + BLOCK // 2 - side // 2
    stops = [start + side + BLOCK * (length // BLOCK - 2 * margin - 1) for length in y.shape[1:]]
    y, e = (z[:, start : stops[0], start : stops[1]] for z in (y, e))
    # As one longer array, for which the compiler has less to do than for five.
    maps = _merge(jnp.stack([y, e, *_products(y, e)], axis=1))
    (moments,) = _thin([maps], as_taps(uniform_window(side)), BLOCK)
    return _split(moments, 5)


def _cropped(z: Array) -> Array:
    _, height, width = z.shape
    return z[:, : height // BLOCK * BLOCK, : width // BLOCK * BLOCK]


def _merge(z: Array) -> Array:
    """`[n, k, ...]` to `[n k, ...]`: image by image, so that a batch stays spread over devices as it is."""
    return z.reshape(-1, *z.shape[2:])


def _split(z: Array, k: int) -> tuple[Array, ...]:
    """`[n k, ...]` to k of `[n, ...]`, as they were before they were stacked and merged."""
    return jnp.unstack(z.reshape(-1, k, *z.shape[1:]), axis=1)


def _local_energy(band: Array, inverse: Array) -> Array:
    """s of each block of 3 x 3: its mean square once the band is white."""
    band = _cropped(band)
    n, height, width = band.shape[0], band.shape[1] // BLOCK, band.shape[2] // BLOCK
    blocks = band.reshape(n, height, BLOCK, width * BLOCK).reshape(n, height, BLOCK, width, BLOCK)
    blocks = blocks.transpose(0, 2, 4, 1, 3).reshape(n, BLOCK**2, height, width).reshape(n, BLOCK**2, height * width)
    white = jnp.matmul(inverse, blocks, precision=lax.Precision.HIGHEST)
    return (blocks * white).mean(axis=1).reshape(n, height, width)
