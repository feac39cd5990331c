"""Local statistics of image pairs: what SSIM and its relatives share.

Everything here works on the layout of the filter, `[n, H, W * C]`, so that it can run strip by strip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import Pair, as_scalar, check_positive
from .._types import Array, Scalar
from ..ops._filters import Taps, extend_border, filter_maps, merge_channels
from ..ops._moments import Products, filter_moments
from ..ops._numerics import safe_divide
from ..ops._pooling import mean_from_sums
from ..ops._pyramids import average_pool
from ..ops._sums import Field, sum_field, sum_pixels


class Constants(NamedTuple):
    """What turns the moments of two windows into an SSIM."""

    c1: Scalar
    c2: Scalar
    middle: Scalar  # of the data range
    unbias: float = 1.0  # n / (n - 1) for sample covariances


def make_constants(
    name: str, data_range: Scalar, k1: float, k2: float, dtype: DTypeLike, unbias: float = 1.0
) -> Constants:
    r"""$C_i = (k_i L)^2$, of numbers that are checked."""
    for argument, value in (("data_range", data_range), ("k1", k1), ("k2", k2)):
        check_positive(name, argument, value)
    data_range = as_scalar(data_range, dtype)
    return Constants((k1 * data_range) ** 2, (k2 * data_range) ** 2, data_range / 2, unbias)


def local_components(maps: Sequence[Array], taps: Taps, step: int, constants: Constants) -> tuple[Array, Array]:
    r"""Luminance and contrast-structure of each window, the two factors of SSIM.

    $$l = \frac{2\mu_x\mu_y + C_1}{\mu_x^2 + \mu_y^2 + C_1}, \qquad
    cs = \frac{2\sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}$$

    Both are written as one minus a distance, with $2 \mu_x \mu_y = \mu_x^2 + \mu_y^2 - (\mu_x - \mu_y)^2$ and
    $2 \sigma_{xy} = \sigma_x^2 + \sigma_y^2 - \sigma_{x-y}^2$. In floating point the ratio of two nearly equal numbers
    would be mostly rounding; this way equal images score exactly 1 and the error is relative to 1 - SSIM.
    """
    x, y, *weight = centered(maps, constants)
    return components_of_means(local_means([x, y], weight, taps, step, squares), constants)


def centered(maps: Sequence[Array], constants: Constants) -> tuple[Array, ...]:
    """Variances do not depend on the origin, but their rounding errors grow with the square of the distance to it."""
    return maps[0] - constants.middle, maps[1] - constants.middle, *maps[2:]


def components_of_means(means: Sequence[Array], constants: Constants) -> tuple[Array, Array]:
    """The same from the windowed means of two centered maps and of their `squares`."""
    c1, c2, middle, unbias = constants
    mu_x, mu_y, mean_of_squares, mean_of_squared_difference = means
    mu_difference = (mu_x - mu_y) ** 2
    sigma_squares = unbias * (mean_of_squares - mu_x * mu_x - mu_y * mu_y)
    sigma_difference = unbias * (mean_of_squared_difference - mu_difference)
    mu_squares = (mu_x + middle) ** 2 + (mu_y + middle) ** 2
    return 1 - mu_difference / (mu_squares + c1), 1 - sigma_difference / (sigma_squares + c2)


def squares(x: Array, y: Array) -> tuple[Array, Array]:
    return x * x + y * y, (x - y) ** 2


def local_means(
    maps: Sequence[Array], weight: Sequence[Array], taps: Taps, step: int, products: Products | None = None
) -> list[Array]:
    """Windowed means of maps and their products; under a weight, of the weighted pixels (normalized convolution)."""
    if products is not None and not weight:
        return filter_moments(products, maps, taps, taps, step=step)
    maps = maps if products is None else [*maps, *products(*maps)]
    if not weight:
        return filter_maps(maps, taps, taps, step=step)
    (w,) = weight
    total, *sums = filter_maps([w, *(w * z for z in maps)], taps, taps, step=step)
    return [safe_divide(z, total) for z in sums]


class Windowed(NamedTuple):
    """A checked pair of images in the layout of the filter, and all that statistics of its windows need."""

    maps: tuple[Array, ...]  # x, y and, where there is one, the mask: [n, H, W * C]
    shape: tuple[int, ...]  # [..., H, W, C] of the images, before their border was extended
    windows: tuple[Taps, ...]  # the last is the largest
    constants: Constants

    @property
    def channels(self) -> int:
        return self.shape[-1]


def make_windowed(pair: Pair, windows: tuple[Taps, ...], border: str, constants: Constants) -> Windowed:
    size = len(windows[-1])
    extended = [extend_border(z, size, size, border) for z in (pair.x, pair.y)]
    if pair.mask is not None:
        weight = jnp.broadcast_to(pair.mask[..., None], pair.x.shape)
        extended.append(extend_border(weight, size, size, border, fill=1.0))
    return Windowed(tuple(map(merge_channels, extended)), pair.x.shape, windows, constants)


def pool_pair(pair: Pair, factor: int, odd: str) -> Pair:
    """Both images pooled by `factor`; under a mask each cell is the mean of its weighted pixels."""
    x, y, mask = pair
    if factor == 1:
        return pair
    if mask is None:
        return Pair(average_pool(x, factor=factor, odd=odd), average_pool(y, factor=factor, odd=odd), None)
    weight = mask[..., None]
    x, y, weight = (average_pool(z, factor=factor, odd=odd) for z in (weight * x, weight * y, weight))
    return Pair(safe_divide(x, weight), safe_divide(y, weight), weight[..., 0])


def dissimilarity(luminance: Array, contrast: Array) -> Array:
    """One minus SSIM. Its mean is exactly 0 for equal images; the mean of ones may be rounded to a number below 1."""
    return 1 - luminance * contrast


@dataclass(frozen=True)
class SSIMField:
    """What a function of a module, such as `dissimilarity`, makes of luminance and contrast at each window."""

    taps: Taps
    combine: Callable[[Array, Array], Array]  # part of the key of caches, see `Field`: no lambda

    @property
    def halo(self) -> int:
        return len(self.taps) - 1

    def __call__(self, step: int, parameters: Constants, *maps: Array) -> Array:
        return self.combine(*local_components(maps, self.taps, step, parameters))


@dataclass(frozen=True)
class WeightedField:
    """A field times the weight, the last map, of each window's center."""

    field: Field

    @property
    def halo(self) -> int:
        return self.field.halo

    def __call__(self, step: int, parameters: Any, *maps: Array) -> Array:
        return _center_weight(maps[-1], self.halo, step) * self.field(step, parameters, *maps)


def mean_field(field: Field, windowed: Windowed, parameters: Any = None) -> Array:
    """The mean over each image and channel, `[..., C]`, of a field of two images, or under their mask."""
    maps, channels = windowed.maps, windowed.channels
    parameters = windowed.constants if parameters is None else parameters
    if len(maps) == 2:
        _, height, width = maps[0].shape
        pixels = (height - field.halo) * (width // channels - field.halo)
        mean = sum_field(field, channels, parameters, *maps) / pixels
    else:
        total = sum_field(WeightedField(field), channels, parameters, *maps)
        mean = mean_from_sums(total, sum_pixels(_center_weight(maps[-1], field.halo, channels), channels))
    return mean.reshape(*windowed.shape[:-3], channels)


def _center_weight(weight: Array, halo: int, step: int) -> Array:
    """The weight of each window's center pixel."""
    before, after = halo // 2, halo - halo // 2
    return weight[:, before : weight.shape[1] - after, before * step : weight.shape[2] - after * step]
