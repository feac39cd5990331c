"""FLIP: the difference that one sees when two images are alternated (Andersson et al. 2020)."""

import functools
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from .._checks import Pair, as_scalar, check_positive, error_text, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import check_rgb, lab_lightness, linear_planes, mix
from ..ops._filters import as_taps, filter_maps, merge_channels, repeat_edges
from ..ops._numerics import fast_power, safe_abs, safe_sqrt
from ..ops._pointwise import pointwise
from ..ops._pooling import masked_mean


Planes = Sequence[Array]
Both = list[Array]  # the same map of x and of y, [n, h, w]
Separable = tuple[np.ndarray, np.ndarray]  # a window down the rows, and one along them

PIXELS_PER_DEGREE = 3840 * math.pi / 180  # 67.02: 0.7 m in front of a display that is as wide and has 3840 pixels

# Linear RGB of sRGB's primaries to XYZ, by that of white; to the opponent colors: luminance, red-green, blue-yellow.
TO_XYZ = np.array(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ]
)
TO_XYZ /= TO_XYZ.sum(axis=1, keepdims=True)
TO_OPPONENT = np.array([[0, 1, 0], [1, -1, 0], [0, 1, -1]]) @ TO_XYZ
FROM_OPPONENT = np.linalg.inv(TO_OPPONENT)
CIE = {"end": (6 / 29) ** 3, "slope": 841 / 108}  # of the cube root in L*a*b*

# Contrast sensitivity: (a, b) of the Gaussians a sqrt(pi / b) exp(-(pi x)^2 / b), x in degrees, of each opponent color.
SENSITIVITY = (((1, 0.0047),), ((1, 0.0053),), ((34.1, 0.04), (13.5, 0.025)))
Q_C, P_C, P_T = 0.7, 0.4, 0.95  # exponent of color differences, and the share of the largest one that becomes 0.95
W, Q_F = 0.082, 0.5  # degrees from peak to trough of the detectors of edges and points; exponent of their difference


def flip(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, pixels_per_degree: float = PIXELS_PER_DEGREE
) -> Scores:
    r"""FLIP: how visible differences are when two images are alternated, at a distance.

    $$\mathrm{FLIP} = \mathrm{mean}\left(\Delta E_c^{1 - \Delta E_f}\right)$$

    of the color difference of what the eye resolves, and of the difference of edges and points.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. sRGB with its gamma. Pixels of weight 0 are black in both images.
        pixels_per_degree: Of visual angle, >= 1; a number, not traced. 67 is a 4K display at the distance of its width.

    Returns:
        `[...]` in [0, 1]; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere; 0 where both colors and both features agree: there the formula has none.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.flip)(0.9 * y, y, data_range=1.0).round(3))
        0.263

    Reference:
        Andersson et al., "FLIP: a difference evaluator for alternating images", HPG 2020.
        https://doi.org/10.1145/3406183
    """
    pair = masked_pair("flip", x, y, mask)
    return masked_mean(_flip("flip", pair, data_range, pixels_per_degree), pair.mask)


def flip_map(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, pixels_per_degree: float = PIXELS_PER_DEGREE
) -> Map:
    """The visible difference at each pixel, `[..., H, W, 1]` in [0, 1]; `flip` is its mean."""
    return _flip("flip_map", masked_pair("flip_map", x, y, mask), data_range, pixels_per_degree)


def check_viewing(name: str, pair: Pair, pixels_per_degree: float) -> None:
    check_rgb(name, pair.x)
    if not pixels_per_degree >= 1:
        way_out = "It is distance * pixels / width * pi / 180 of the display."
        raise ValueError(error_text(name, "pixels_per_degree >= 1", pixels_per_degree, way_out))


def _flip(name: str, pair: Pair, data_range: Scalar, pixels_per_degree: float) -> Array:
    check_positive(name, "data_range", data_range)
    check_viewing(name, pair, pixels_per_degree)
    unit = as_scalar(data_range, pair.x.dtype)
    return visible_difference(linear_planes(pair.x / unit), linear_planes(pair.y / unit), pixels_per_degree)


def visible_difference(x: Planes, y: Planes, pixels_per_degree: float) -> Array:
    """Of linear RGB, `[..., H, W, 1]` each."""
    sensitivity, (g, edge, point) = _sensitivity(pixels_per_degree), _detectors(pixels_per_degree)
    radius = max(len(g), len(sensitivity[0][0][0])) // 2
    margins = (radius, radius)
    planes = [[merge_channels(plane) for plane in z] for z in (x, y)]
    opponents = [[repeat_edges(mix(z, row), margins, margins) for z in planes] for row in TO_OPPONENT.tolist()]
    seen = [_filtered(both, radius, *windows) for both, windows in zip(opponents, sensitivity, strict=True)]
    light = opponents[0]
    features = [_filtered(light, radius, windows) for windows in ((edge, g), (g, edge), (point, g), (g, point))]
    maps = [both[i][..., None] for i in (0, 1) for both in (*seen, *features)]
    return pointwise(_error, *maps).reshape(x[0].shape)


def _sensitivity(pixels_per_degree: float) -> list[list[Separable]]:
    """Of each opponent color, the Gaussians whose sum filters it."""
    widest = max(b for gaussians in SENSITIVITY for _, b in gaussians)
    radius = math.ceil(3 * math.sqrt(widest / (2 * math.pi**2)) * pixels_per_degree)
    x = np.arange(-radius, radius + 1) / pixels_per_degree
    colors = []
    for gaussians in SENSITIVITY:
        windows = [np.exp(-((math.pi * x) ** 2) / b) for _, b in gaussians]
        shares = [a * math.sqrt(math.pi / b) * g.sum() ** 2 for (a, b), g in zip(gaussians, windows, strict=True)]
        normal = [g / g.sum() for g in windows]
        colors.append([(share / sum(shares) * g, g) for share, g in zip(shares, normal, strict=True)])
    return colors


def _detectors(pixels_per_degree: float) -> list[np.ndarray]:
    """A Gaussian and its first two derivatives, whose positive weights have sum 1, and the negative ones -1."""
    sigma = W / 2 * pixels_per_degree
    x = np.arange(-math.ceil(3 * sigma), math.ceil(3 * sigma) + 1)
    g = np.exp(-(x**2) / (2 * sigma**2))
    return [z / np.where(z > 0, z[z > 0].sum(), -z[z < 0].sum()) for z in (g, -x * g, (x**2 / sigma**2 - 1) * g)]


def _filtered(both: Both, radius: int, *windows: Separable) -> Both:
    """The sum of what the windows make of maps extended by the radius."""
    outputs = []
    for window in windows:
        rows, columns = (_without_nothing(taps, float(jnp.finfo(both[0].dtype).eps) / 8) for taps in window)
        i, j = (radius - len(taps) // 2 for taps in (rows, columns))
        cut = [z[:, i : z.shape[1] - i, j : z.shape[2] - j] for z in both]
        outputs.append(filter_maps(cut, as_taps(rows), as_taps(columns), step=1))
    return [functools.reduce(jnp.add, parts) for parts in zip(*outputs, strict=True)]


def _without_nothing(taps: np.ndarray, least: float) -> np.ndarray:
    """Without those at both ends that do not show beside the largest."""
    (kept,) = np.nonzero(np.abs(taps) > least * np.abs(taps).max())
    return taps[kept[0] : kept[-1] + 1]


def _error(*maps: Array) -> Array:
    """From what the eye resolves of the opponent colors of x and its edges and points, and likewise of y."""
    x, y = maps[:7], maps[7:]
    color = _redistributed(fast_power(_color_difference(x[:3], y[:3]), Q_C))
    (edge_x, point_x), (edge_y, point_y) = ((_length(z[3], z[4]), _length(z[5], z[6])) for z in (x, y))
    feature = jnp.maximum(safe_abs(edge_x - edge_y), safe_abs(point_x - point_y))
    error = fast_power(color, 1 - fast_power(feature / math.sqrt(2), Q_F))
    # Exactly 0 for what looks equal, which XLA may round in two ways.
    equal = functools.reduce(jnp.logical_and, (p == q for p, q in zip(x, y, strict=True)))
    return jnp.where(equal, 0, error)


def _color_difference(x: Planes, y: Planes) -> Array:
    """The HyAB distance of opponent colors in Hunt-adjusted L*a*b*, by differences that vanish for equal ones."""
    (x_1, y_1, z_1), (x_2, y_2, z_2) = (_cube_roots(colors) for colors in (x, y))
    mean_l, delta_l = 58 * (y_1 + y_2) - 16, 116 * (y_1 - y_2)

    def adjusted(factor: float, p: Array, q: Array) -> Array:
        """The difference of two products with L."""
        return 0.01 * factor * (mean_l * (p - q) + 0.5 * (p + q) * delta_l)

    return safe_abs(delta_l) + _length(adjusted(500, x_1 - y_1, x_2 - y_2), adjusted(200, y_1 - z_1, y_2 - z_2))


def _cube_roots(opponents: Planes) -> Planes:
    rgb = [jnp.clip(mix(opponents, row), 0, 1) for row in FROM_OPPONENT.tolist()]
    return [lab_lightness(mix(rgb, row), **CIE) for row in TO_XYZ.tolist()]


def _largest_difference() -> float:
    """Of all colors: that of green and blue."""
    x, y, z = np.cbrt(TO_XYZ[:, 1:])
    lightness = 116 * y - 16
    a, b = 0.01 * lightness * 500 * (x - y), 0.01 * lightness * 200 * (y - z)
    return float((np.abs(np.diff(lightness)) + np.hypot(np.diff(a), np.diff(b)))[0])


LARGEST = _largest_difference() ** Q_C


def _redistributed(power: Array) -> Array:
    """Of [0, LARGEST], to [0, 1], most of which is for the smaller differences."""
    limit = P_C * LARGEST
    return jnp.where(power < limit, P_T / limit * power, P_T + (1 - P_T) / (LARGEST - limit) * (power - limit))


def _length(a: Array, b: Array) -> Array:
    return safe_sqrt(a**2 + b**2)
