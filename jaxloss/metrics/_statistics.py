"""Local statistics of image pairs: what SSIM and its relatives share.

Everything here works on the layout of the filter, `[n, H, W * C]`, so that it can run strip by strip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import as_scalar
from .._types import Array, Scalar
from ..ops._filters import Taps, extend_border, filter_maps, merge_channels
from ..ops._numerics import safe_divide
from ..ops._pooling import mean_from_sums
from ..ops._pyramids import average_pool
from ..ops._strips import Field, sum_field, sum_pixels


def lay_out(x: Array, y: Array, weight: Array | None, window_size: int, border: str) -> tuple[Array, ...]:
    """Images (and mask) extended at the border, in the layout of the filter."""
    extended = [extend_border(z, window_size, window_size, border) for z in (x, y)]
    if weight is not None:
        weight = jnp.broadcast_to(weight[..., None], x.shape)
        extended.append(extend_border(weight, window_size, window_size, border, fill=1.0))
    return tuple(map(merge_channels, extended))


def pool_pair(x: Array, y: Array, weight: Array | None, factor: int, odd: str) -> tuple[Array, Array, Array | None]:
    """Both images pooled by `factor`; under a mask each cell is the mean of its weighted pixels."""
    if factor == 1:
        return x, y, weight
    if weight is None:
        return average_pool(x, factor=factor, odd=odd), average_pool(y, factor=factor, odd=odd), None
    weight = weight[..., None]
    x, y, weight = (average_pool(z, factor=factor, odd=odd) for z in (weight * x, weight * y, weight))
    return safe_divide(x, weight), safe_divide(y, weight), weight[..., 0]


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


@dataclass(frozen=True)
class SSIMField:
    """A function of luminance and contrast-structure at each window."""

    taps: Taps
    channels: int
    combine: Callable[[Array, Array], Array]

    @property
    def halo(self) -> int:
        return len(self.taps) - 1

    def __call__(self, parameters: Constants, *maps: Array) -> Array:
        return self.combine(*local_components(maps, self.taps, self.channels, parameters))


@dataclass(frozen=True)
class WeightedField:
    """A field times the weight, the last map, of each window's center."""

    field: Field

    @property
    def halo(self) -> int:
        return self.field.halo

    @property
    def channels(self) -> int:
        return self.field.channels

    def __call__(self, parameters: Any, *maps: Array) -> Array:
        return center_weight(maps[-1], self.halo, self.channels) * self.field(parameters, *maps)


def mean_field(field: Field, parameters: Any, images: Sequence[Array], leading: tuple[int, ...]) -> Array:
    """The mean `[*leading, C]` of a field of two images, or under their mask."""
    channels = field.channels
    if len(images) == 2:
        _, height, width = images[0].shape
        pixels = (height - field.halo) * (width // channels - field.halo)
        return sum_field(field, parameters, *images).reshape(*leading, channels) / pixels
    total = sum_field(WeightedField(field), parameters, *images)
    weight = sum_pixels(center_weight(images[-1], field.halo, channels), channels)
    return mean_from_sums(total, weight).reshape(*leading, channels)
