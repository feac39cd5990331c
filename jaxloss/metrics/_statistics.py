"""Local statistics of image pairs: what SSIM and its relatives share.

Everything here works on the layout of the filter, `[n, H, W * C]`, so that it can run strip by strip.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import as_scalar
from .._types import Array, Scalar
from ..ops._filters import Taps, extend_border, filter_maps, merge_channels
from ..ops._numerics import mean_from_sums, safe_divide
from ..ops._pyramids import average_pool
from ..ops._strips import sum_rows


LocalFunction = Callable[..., tuple[Array, ...]]  # images (and mask) -> fields, one value per window


def lay_out(x: Array, y: Array, weight: Array | None, window_size: int, border: str) -> tuple[Array, ...]:
    """Images (and mask) extended at the border, in the layout of the filter."""
    extended = [extend_border(z, window_size, window_size, border) for z in (x, y)]
    if weight is not None:
        weight = jnp.broadcast_to(weight, x.shape)
        extended.append(extend_border(weight, window_size, window_size, border, fill=1.0))
    return tuple(map(merge_channels, extended))


def pool_pair(x: Array, y: Array, weight: Array | None, factor: int, odd: str) -> tuple[Array, Array, Array | None]:
    """Both images pooled by `factor`; under a mask each cell is the mean of its weighted pixels."""
    if factor == 1:
        return x, y, weight
    if weight is None:
        return average_pool(x, factor=factor, odd=odd), average_pool(y, factor=factor, odd=odd), None
    x, y, weight = (average_pool(z, factor=factor, odd=odd) for z in (weight * x, weight * y, weight))
    return safe_divide(x, weight), safe_divide(y, weight), weight


class Constants(NamedTuple):
    """What turns the moments of two windows into an SSIM."""

    c1: Scalar
    c2: Scalar
    middle: Scalar  # of the data range
    unbias: float = 1.0  # n / (n - 1) for sample covariances


def make_constants(data_range: Scalar, k1: float, k2: float, dtype: DTypeLike, unbias: float = 1.0) -> Constants:
    data_range = as_scalar(data_range, dtype)
    return Constants((k1 * data_range) ** 2, (k2 * data_range) ** 2, data_range / 2, unbias)


def local_components(images: Sequence[Array], taps: Taps, step: int, constants: Constants) -> tuple[Array, Array]:
    r"""Luminance and contrast-structure of each window.

    Both fractions are written as one minus a distance, with $2 \mu_x \mu_y = \mu_x^2 + \mu_y^2 - (\mu_x - \mu_y)^2$ and
    $2 \sigma_{xy} = \sigma_x^2 + \sigma_y^2 - \sigma_{x-y}^2$. In floating point the ratio of two nearly equal numbers
    would be mostly rounding; this way equal images score exactly 1 and the error is relative to 1 - SSIM.
    """
    c1, c2, middle, unbias = constants
    # Variances do not depend on the origin, but their rounding errors grow with the square of the distance to it.
    x, y, *weight = (images[0] - middle, images[1] - middle, *images[2:])
    moments = local_means([x, y, x * x + y * y, (x - y) ** 2], weight, taps, step)
    mu_x, mu_y, mean_of_squares, mean_of_squared_difference = moments
    mu_difference = (mu_x - mu_y) ** 2
    sigma_squares = unbias * (mean_of_squares - mu_x * mu_x - mu_y * mu_y)
    sigma_difference = unbias * (mean_of_squared_difference - mu_difference)
    mu_squares = (mu_x + middle) ** 2 + (mu_y + middle) ** 2
    return 1 - mu_difference / (mu_squares + c1), 1 - sigma_difference / (sigma_squares + c2)


def local_means(maps: Sequence[Array], weight: Sequence[Array], taps: Taps, step: int) -> list[Array]:
    """Windowed means of maps; under a weight, those of the weighted pixels (normalized convolution)."""
    if not weight:
        return filter_maps(maps, taps, taps, step=step)
    (w,) = weight
    total, *sums = filter_maps([w, *(w * z for z in maps)], taps, taps, step=step)
    return [safe_divide(z, total) for z in sums]


def center_weight(weight: Array, halo: int, step: int) -> Array:
    """The weight of each window's center pixel."""
    before, after = halo // 2, halo - halo // 2
    return weight[:, before : weight.shape[1] - after, before * step : weight.shape[2] - after * step]


def mean_fields(local: LocalFunction, images: Sequence[Array], halo: int, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Means `[..., C]` over an image of the fields that `local` makes of (strips of) the images and their mask."""
    channels = shape[-1]

    def per_channel(sums: Array) -> Array:
        return sums.reshape(*shape[:-3], sums.shape[-1] // channels, channels).sum(axis=-2)

    if len(images) == 2:
        sums = sum_rows(local, *images, halo=halo)
        _, height, width = images[0].shape
        pixels = (height - halo) * (width // channels - halo)
        return tuple(per_channel(total) / pixels for total in sums)

    def weighted(*images: Array) -> tuple[Array, ...]:
        weight = center_weight(images[2], halo, channels)
        return (*(weight * field for field in local(*images)), weight)

    *sums, weight = sum_rows(weighted, *images, halo=halo)
    return tuple(mean_from_sums(per_channel(total), per_channel(weight)) for total in sums)
