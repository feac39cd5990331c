"""Statistics of natural scenes: what BRISQUE and NIQE measure.

Contrast-normalized, photographs have pixels and products of neighbors whose distributions are generalized Gaussians of
nearly the same shape; distortions change it.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import as_scalar, check_image, check_positive, error_text
from .._types import Array, Image, Scalar
from ..ops._filters import extend_border, filter_maps, gaussian_window
from ..ops._numerics import safe_abs, safe_divide, safe_sqrt


LUMA = (0.298936021293775, 0.587043074451121, 0.114020904255103)  # of MATLAB's rgb2gray
LEVELS = 255  # of 8 bits, in which the constants are
WINDOW = tuple(float(tap) for tap in gaussian_window(7, 7 / 6))
MIDDLE = LEVELS / 2
# The pixels of an 8-bit image differ from their weighted means by at least 1.5e-4, or not at all but for rounding.
NOTHING = 5e-5
SHIFTS = ((0, 1), (1, 0), (1, 1), (-1, 1))  # to the four neighbors
SHAPES = ("table", "smooth")


def gray_levels(name: str, x: Image, data_range: Scalar, rounding: bool) -> Array:
    """`[..., H, W]` in [0, 255]: luma, whose rounding to whole levels (of RGB images) has the gradient of none."""
    x = check_image(name, "x", x)
    check_positive(name, "data_range", data_range)
    x = x * (LEVELS / as_scalar(data_range, x.dtype))
    if x.shape[-1] == 1:
        return x[..., 0]
    if x.shape[-1] != 3:
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "1 channel (gray) or 3 (RGB)", x.shape, way_out))
    luma = functools.reduce(jnp.add, (weight * x[..., i] for i, weight in enumerate(LUMA)))
    return luma + lax.stop_gradient(jnp.floor(luma + 0.5) - luma) if rounding else luma


def normalize_contrast(levels: Array, *, border: str) -> Array:
    """Mean-subtracted, contrast-normalized pixels `[..., H, W]`; beyond the border are zeros or (`"edge"`) the edge."""
    # Variances do not depend on the origin, but their rounding errors grow with the square of the distance to it.
    maps = (levels - MIDDLE).reshape(math.prod(levels.shape[:-2]), *levels.shape[-2:])
    if border == "zero":
        padded = extend_border(maps[..., None], len(WINDOW), len(WINDOW), "zero", fill=-MIDDLE)[..., 0]
    else:
        margin = (len(WINDOW) // 2,) * 2
        # Plane by plane: `jnp.pad` would slice the axis of planes, too, and they may be spread over devices.
        padded = jax.vmap(lambda plane: jnp.pad(plane, margin, mode="edge"))(maps)
    mean, mean_of_squares = filter_maps([padded, padded * padded], WINDOW, WINDOW, step=1)
    difference = maps - mean
    difference = jnp.where(jnp.abs(difference) < NOTHING, 0, difference)
    deviation = safe_sqrt(safe_abs(mean_of_squares - mean * mean))
    return (difference / (deviation + 1)).reshape(levels.shape)


def neighbor_products(z: Array) -> Array:
    """`[..., 4, h, w]`: of each pixel with its neighbor to the right, below and on both diagonals, around the edges."""
    return jnp.stack([z * jnp.roll(z, shift, (-2, -1)) for shift in SHIFTS], axis=-3)


class Fit(NamedTuple):
    r"""Of an asymmetric generalized Gaussian to the values of `[..., h, w]`.

    Attributes:
        left: Root of the mean square of the negative values; 0 where there are none.
        right: Likewise of the positive ones.
        shape: a, 2 for a Gaussian, 1 for a Laplacian.
        ratio: $\Gamma(2 / a)^2 / (\Gamma(1 / a) \Gamma(3 / a))$.
        scale: $\sqrt{\Gamma(1 / a) / \Gamma(3 / a)}$.
    """

    left: Array
    right: Array
    shape: Array
    ratio: Array
    scale: Array

    @property
    def mean(self) -> Array:
        return (self.right - self.left) * jnp.sqrt(self.ratio)


def fit_asymmetric(values: Array, *, shape: str) -> Fit:
    """By matching moments (Lasmar, Stitou, Berthoumieu 2009)."""
    left, right = (_root_mean_square(values, side) for side in (values < 0, values > 0))
    # Not by the ratio of left and right, of which either may be 0.
    p, q = (safe_divide(side, left + right) for side in (left, right))
    skewness = safe_divide(p**3 + q**3, (p**2 + q**2) ** 2)
    ratio = safe_divide(safe_abs(values).mean(axis=(-2, -1)) ** 2, (values**2).mean(axis=(-2, -1)))
    return Fit(left, right, *_shape_of(ratio * skewness, shape))


def fit_symmetric(values: Array, *, shape: str) -> tuple[Array, Array]:
    """Shape and variance, by matching moments (Sharifi, Leon-Garcia 1995)."""
    variance = (values**2).mean(axis=(-2, -1))
    ratio = safe_divide(safe_abs(values).mean(axis=(-2, -1)) ** 2, variance)
    return _shape_of(ratio, shape, inverse=True)[0], variance


def _root_mean_square(values: Array, counts: Array) -> Array:
    total = jnp.where(counts, values**2, 0).sum(axis=(-2, -1))
    return safe_sqrt(safe_divide(total, counts.sum(axis=(-2, -1)).astype(values.dtype)))


def _shape_of(ratio: Array, how: str, *, inverse: bool = False) -> tuple[Array, Array, Array]:
    """Shape, ratio and scale at the place of a ratio in the authors' table, which ends at shapes of 0.2 and 10.

    By `"smooth"` between its rows; by `"table"` the row nearest in the ratio, or (`inverse`) in one over it, with the
    gradient of `"smooth"`.
    """
    table = jnp.asarray(_table(), ratio.dtype)
    ratios = table[1]
    ratio = jnp.clip(ratio, ratios[0], ratios[-1])
    after = jnp.clip(jnp.searchsorted(ratios, ratio), 1, len(ratios) - 1)
    before = after - 1
    low, high = ratios[before], ratios[after]
    part = (ratio - low) / (high - low)
    smooth = [row[before] + part * (row[after] - row[before]) for row in table]
    if how == "smooth":
        return smooth[0], smooth[1], smooth[2]
    nearer = 1 / low - 1 / ratio > 1 / ratio - 1 / high if inverse else ratio - low > high - ratio
    nearest = jnp.where(nearer, after, before)
    a, b, c = (z + lax.stop_gradient(row[nearest] - z) for z, row in zip(smooth, table, strict=True))
    return a, b, c


@functools.cache
def _table() -> np.ndarray:
    """`[3, 9801]`: shapes in steps of 0.001, and for each its ratio and scale, as in `Fit`."""
    shapes = np.arange(200, 10001) / 1000
    first, second, third = (np.array([math.lgamma(k / shape) for shape in shapes]) for k in (1, 2, 3))
    return np.stack([shapes, np.exp(2 * second - first - third), np.exp((first - third) / 2)])
