"""ColorVideoVDP: how much worse an image looks than another one on a given display (Mantiuk et al. 2024)."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from .._checks import Pair, check_fits, check_positive, error_text, masked_pair
from .._types import Array, Image, Map, Mask, Params, Scalar, Scores
from ..ops._color import check_rgb, mix
from ..ops._displays import RGB_TO_XYZ, Display, check_display, light_planes, pixels_per_degree
from ..ops._filters import filter_maps, gaussian_window, repeat_edges
from ..ops._laplacian import HALVINGS
from ..ops._numerics import safe_abs
from ..ops._pooling import keep_nan, masked_mean
from ..ops._pyramids import average_pool
from ..ops._row_strips import in_row_strips


SMALLEST = 4  # pixels a side, of which there is one band and what is left
XYZ_TO_LMS = np.array([  # the cones of the CIE, 2006
    [0.187596268556126, 0.585168649077728, -0.026384263306304],
    [-0.133397430663221, 0.405505777260049, 0.034502127690364],
    [0.000244379021663, -0.000542995890619, 0.019406849066323],
])  # fmt: skip
# Luminance, red against green, violet against yellow: in the gray of daylight, D65, the latter two are 0. In clips
# there is a fourth channel, of the luminance of what moves.
LMS_TO_DKL = np.array([[1, 1, 0], [1, -2.311130179947035, 0], [-1, -1, 50.977571328718781]])
TAPS = HALVINGS["burt_adelson"].taps
BLUR = tuple(gaussian_window(13, 3.0))

LOWEST_FREQUENCY = 0.2  # in cycles per degree: no band but one is lower
BASE_FREQUENCY = 0.1  # which that of the rest is taken to be
LUMINANCES = (math.log(0.005), math.log(1e4))  # ends of the table of sensitivities, between which steps are equal
FREQUENCIES = (math.log(0.1), math.log(64))
DARKEST = 0.01  # cd/m2, of backgrounds
LARGEST_CONTRAST = 1000.0
GAIN = (1, 1.45, 1, 1)
EPSILON = 1e-5  # of powers, whose slopes are finite thereby
LINEAR = 0.1  # the difference up to which JOD falls in proportion

SHAPES = {
    "log_sensitivity": (4, 32, 32), "sensitivity_gain": (), "masking_gain": (), "masking_powers": (4,),
    "masking_weights": (4, 4), "difference_power": (), "largest_difference": (), "base_weights": (4,),
    "image_weight": (), "jod": (2,),
}  # fmt: skip


class Band(NamedTuple):
    """What is seen in a band of the pyramid.

    Attributes:
        difference: `[..., channel, h, w]`.
        weights: Of the channels.
        gain: Of the contrasts over those of the pyramid.
        mask: `[..., 1, h, w]`, or None.
    """

    difference: Array
    weights: Array | np.ndarray
    gain: int
    mask: Array | None


def cvvdp(
    x: Image, y: Image, *, data_range: Scalar, params: Params, mask: Mask | None = None,
    display: str | Display = "standard_4k",
) -> Scores:  # fmt: skip
    r"""ColorVideoVDP: by how much an image looks worse than the reference, on a display seen from a distance.

    $$D_c = \frac{|C_c - C'_c|^p}{1 + \sum_i w_{ic} \min(|C_i|, |C'_i|)^{q_i}}, \qquad
    \mathrm{JOD} = 10 - a \left(\sum_{c, b} \overline{D_{cb}^2}^{\,2}\right)^{b / 4}$$

    with the contrasts C and C' of both images in luminance, red-green and violet-yellow, in bands of spatial frequency,
    times the eye's sensitivity to them. Pixels of weight 0 are black in both images.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`; 4 x 4 pixels or more, RGB as encoded for the display. On a linear
            one pixels are in cd/m2, and have no range.
        params: `load_params("cvvdp")`.
        display: One of `jaxloss.ops.DISPLAYS` by its name, or any other `Display`; static.

    Returns:
        `[...]` in JOD, just-objectionable differences: higher is better, exactly 10 for equal images. At 9 three of
        four observers prefer the reference.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (16, 16, 3))
        >>> params = jaxloss.load_params("cvvdp")
        >>> print(jax.jit(jaxloss.cvvdp)(1 - y, y, data_range=1.0, params=params).round(2))
        4.99

    Reference:
        "ColorVideoVDP: A visual difference predictor for image, video and display distortions", ACM TOG 43, 2024.
        https://doi.org/10.1145/3658144
    """
    return 10 - lost_quality("cvvdp", masked_pair("cvvdp", x, y, mask), data_range, params, display)


def cvvdp_map(
    x: Image, y: Image, *, data_range: Scalar, params: Params, mask: Mask | None = None,
    display: str | Display = "standard_4k",
) -> Map:  # fmt: skip
    """`1 - JOD / 10` of each pixel, `[..., H, W, 1]`, all bands together; 0 for equal images."""
    given, bands = _image_bands("cvvdp_map", masked_pair("cvvdp_map", x, y, mask), data_range, params, display)
    return heat(bands, given["image_weight"], given)


def lost_quality(name: str, pair: Pair, data_range: Scalar, params: Params, display: str | Display) -> Array:
    """In JOD: 0 for equal images."""
    given, bands = _image_bands(name, pair, data_range, params, display)
    seen, source = over_bands(bands)
    return keep_nan(to_lost(given["image_weight"] * seen, given), source)


def _image_bands(
    name: str, pair: Pair, data_range: Scalar, params: Params, display: str | Display
) -> tuple[dict[str, Array], list[Band]]:
    given = check_params(name, params, pair.x, SHAPES)
    shown = check_view(name, pair.x, data_range, display)
    planes = jnp.stack(opponent_planes(pair.x, pair.y, shown, data_range), axis=-3)
    return given, find_bands(planes, pair.mask, pixels_per_degree(shown), given, np.ones(3))


def check_view(name: str, image: Array, data_range: Scalar, display: str | Display) -> Display:
    check_positive(name, "data_range", data_range)
    check_rgb(name, image)
    check_fits(name, "a pyramid", SMALLEST, image, "Enlarge the images.")
    return check_display(name, display)


def over_bands(bands: list[Band]) -> tuple[Array, Array]:
    """How much is seen in all channels and bands, `[...]`; and what is NaN where images are, or a mask is empty."""
    # The second power as `power` has it.
    means = [masked_mean((z * (z + 2 * EPSILON))[..., None], mask) for z, *_, mask in bands]
    pooled = [
        _per_channel(band.weights, band.difference)[..., 0, 0] * power(jnp.nan_to_num(mean), 1 / 2)
        for band, mean in zip(bands, means, strict=True)
    ]
    return _norm(_norm(jnp.stack(pooled), 0), -1), means[-1][..., 0]


def heat(bands: list[Band], scale: Array | float, params: dict[str, Array]) -> Map:
    """`1 - JOD / 10` of each pixel, `[..., H, W, 1]`."""

    def over_channels(band: Band) -> Array:
        weights = scale * _per_channel(band.weights, band.difference)
        return _norm(weights * band.difference, -3)[..., None, :, :] / band.gain

    *finer, total = map(over_channels, bands)
    for seen in reversed(finer):
        total = seen + _enlarge(total, seen.shape)
    return to_lost(total, params)[..., 0, :, :, None] / 10


def find_bands(
    planes: Array, mask: Array | None, ppd: float, params: dict[str, Array], weights: Array | np.ndarray
) -> list[Band]:
    """Of planes `[..., 2, channel, H, W]`, with so many pixels in a degree, and weights of the channels."""
    *frequencies, lowest = _frequencies(min(planes.shape[-2:]), ppd)
    level, bands = planes, []
    mask = None if mask is None else mask[..., None, :, :]
    for i, frequency in enumerate(frequencies):
        coarse = _halve(level)
        gain = 2 if i > 0 else 1
        difference = _difference(level, _enlarge(coarse, level.shape), gain, frequency, params)
        bands.append(Band(difference, weights, gain, mask))
        level, mask = coarse, None if mask is None else average_pool(mask[..., None])[..., 0]
    background = jnp.maximum(level[..., :1, :, :], DARKEST)
    mean = masked_mean(background[..., None], None if mask is None else mask[..., None, :, :, :])[..., None, None]
    mean = mean if mask is None else jnp.nan_to_num(mean, nan=1.0)
    contrast = jnp.minimum(level / mean, LARGEST_CONTRAST)
    s = _sensitivity(params, lowest, mean[..., 1, 0, :, :], len(weights))
    difference = safe_abs(contrast[..., 0, :, :, :] - contrast[..., 1, :, :, :]) * s
    base_weights = params["base_weights"][: len(weights)] * jnp.asarray(weights, level.dtype)
    return [*bands, Band(difference, base_weights, 1, mask)]


def _frequencies(side: int, ppd: float) -> list[float]:
    """Of the bands, in cycles per degree."""
    frequencies = np.array([1, *0.3228 * 0.5 ** np.arange(14)]) * ppd / 2
    wanted = int((frequencies > LOWEST_FREQUENCY).sum()) + 1
    return [*frequencies[: min(wanted, int(math.log2(side)) - 1)].tolist(), BASE_FREQUENCY]


def opponent_planes(x: Array, y: Array, display: Display, data_range: Scalar) -> list[Array]:
    """The channels, `[..., 2, H, W]` of both images, in cd/m2."""
    colors = jnp.unstack(jnp.stack([x, y], axis=-4), axis=-1)
    light = lax.optimization_barrier(light_planes(colors, display, data_range))
    matrix = LMS_TO_DKL @ XYZ_TO_LMS @ np.array(RGB_TO_XYZ[display.primaries])
    return [mix(light, row.tolist()) for row in matrix]


def _halve(planes: Array) -> Array:
    """By a filter and every second pixel of it.

    Borders are mirrored, but for a peculiarity of the authors' code: what it adds to the last column depends on whether
    the number of rows is odd.
    """
    *leading, height, width = planes.shape
    odd_rows, odd_columns = height % 2 == 1, width % 2 == 1
    z = planes.reshape(-1, height, width)
    last, before = z[..., -1:], z[..., -2:-1]
    if odd_rows == odd_columns:
        beyond = [last, before]
    else:
        beyond = [5 * last + before, before] if odd_rows else [jnp.zeros_like(last), last]
    z = jnp.concatenate([z[..., 1:2], z[..., :1], z, *beyond], axis=-1)
    z = jnp.pad(z, ((0, 0), (2, 2), (0, 0)), mode="symmetric")
    (z,) = filter_maps([z], TAPS, TAPS, step=1)
    z = z[:, ::2, ::2]
    return z.reshape(*leading, *z.shape[1:])


def _enlarge(planes: Array, shape: tuple[int, ...]) -> Array:
    *leading, height, width = planes.shape
    z = repeat_edges(planes.reshape(-1, height, width), (1, 1), (1, 1))
    z = lax.pad(z, jnp.zeros((), z.dtype), [(0, 0, 0), (0, 1, 1), (0, 1, 1)])
    taps = tuple(2 * tap for tap in TAPS)
    (z,) = filter_maps([z], taps, taps, step=1)
    return z[:, : shape[-2], : shape[-1]].reshape(*leading, *shape[-2:])


def _sensitivity(params: dict[str, Array], frequency: float, luminance: Array, channels: int) -> Array:
    """`[..., channel, h, w]`, of the channels at luminances `[..., h, w]`: linear in logarithms between entries."""
    table = params["log_sensitivity"][:channels]
    last = table.shape[-1] - 1
    place = (math.log(frequency) - FREQUENCIES[0]) / (FREQUENCIES[1] - FREQUENCIES[0]) * last
    k = min(max(math.floor(place), 0), last - 1)
    row = table[..., k] + (place - k) * (table[..., k + 1] - table[..., k])
    row = math.log(10) * (row + params["sensitivity_gain"] / 20)
    step = (LUMINANCES[1] - LUMINANCES[0]) / last
    t = jnp.clip((jnp.log(luminance) - LUMINANCES[0]) / step, 0, last)
    below = jnp.minimum(t.astype(jnp.int32), last - 1)
    part = t - below.astype(t.dtype)
    # Of all channels at once, which on a CPU takes a fifth of the time of one after the other.
    spread = jax.typeof(below).sharding  # on an explicit mesh that of what is looked up is not known
    spread = NamedSharding(spread.mesh, PartitionSpec(None, *spread.spec)) if any(spread.spec) else None
    low, high = (row.at[:, below + i].get(mode="clip", out_sharding=spread) for i in (0, 1))
    return jnp.moveaxis(jnp.exp(low + part[None] * (high - low)), 0, -3)


def _difference(level: Array, around: Array, gain: int, frequency: float, params: dict[str, Array]) -> Array:
    """Of the images in a band, `[..., channel, h, w]`, less what masks it."""
    reach = len(BLUR) // 2 if min(level.shape[-2:]) > len(BLUR) // 2 else 0

    # Channel by channel: what is broadcast over an axis is summed over it in the gradient, which takes a CPU longer.
    def of_rows(level: Array, around: Array) -> Array:
        levels, means = ([jnp.unstack(image, axis=-3) for image in jnp.unstack(z, axis=-4)] for z in (level, around))
        backgrounds = [jnp.maximum(mean, DARKEST) for mean, *_ in means]
        sensitivities = _sensitivity(params, frequency, backgrounds[1], level.shape[-3])
        s = [GAIN[c] * z for c, z in enumerate(jnp.unstack(sensitivities, axis=-3))]

        def contrast(i: int, c: int) -> Array:
            return gain * jnp.minimum((levels[i][c] - means[i][c]) / backgrounds[i], LARGEST_CONTRAST)

        test, reference = ([contrast(i, c) for c in range(len(s))] for i in (0, 1))
        return _masked_difference(test, reference, s, reach, params)

    return in_row_strips(of_rows, level, around, reach=reach)


def _masked_difference(
    test: list[Array], reference: list[Array], sensitivities: list[Array], reach: int, params: dict[str, Array]
) -> Array:
    """Of contrasts; `reach` rows less at both ends."""
    pairs = list(zip(test, reference, sensitivities, strict=True))
    smaller = [s * jnp.minimum(safe_abs(t), safe_abs(r)) for t, r, s in pairs]
    powers = params["masking_powers"][: len(test)]
    maskers = [10 ** params["masking_gain"] * z for z in (_blur(smaller) if reach else smaller)]
    maskers = lax.optimization_barrier([power(z, q) for z, q in zip(maskers, powers, strict=True)])
    weights = 2 ** params["masking_weights"]
    largest = 10 ** params["largest_difference"]
    differences = []
    for c, (t, r, s) in enumerate(pairs):
        masking = sum(weights[i, c] * masker for i, masker in enumerate(maskers))
        # Not of products, which XLA rounds together with their difference: of equal ones it would not be 0.
        change = (s * (t - r))[..., reach : t.shape[-2] - reach, :]
        difference = power(safe_abs(change), params["difference_power"]) / (1 + masking)
        differences.append(largest * difference / (largest + difference))
    return jnp.stack(differences, axis=-3)


def _per_channel(values: Array | np.ndarray, planes: Array) -> Array:
    """For planes `[..., channel, h, w]`."""
    return jnp.asarray(values, planes.dtype).reshape((1,) * (planes.ndim - 3) + (-1, 1, 1))


def _blur(planes: list[Array]) -> list[Array]:
    """Of all columns, and of the rows that are not at the ends."""
    *leading, height, width = planes[0].shape
    reach = len(BLUR) // 2
    padded = [jnp.pad(z.reshape(-1, height, width), ((0, 0), (0, 0), (reach, reach)), mode="reflect") for z in planes]
    return [z.reshape(*leading, height - 2 * reach, width) for z in filter_maps(padded, BLUR, BLUR, step=1)]


def power(x: Array, exponent: Array | float) -> Array:
    """`(x + EPSILON) ** exponent - EPSILON ** exponent`, exactly 0 at 0."""
    return EPSILON**exponent * (jnp.exp(exponent * jnp.log(1 + x / EPSILON)) - 1)


def _norm(x: Array, axis: int) -> Array:
    return power(power(x, 4.0).sum(axis=axis), 1 / 4)


def to_lost(q: Array, params: dict[str, Array]) -> Array:
    slope, exponent = params["jod"]
    return slope * jnp.where(q <= LINEAR, LINEAR ** (exponent - 1) * q, jnp.maximum(q, LINEAR) ** exponent)


def check_params(name: str, params: Params, image: Array, expected: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """In the dtype of the images."""
    shapes = {part: jnp.shape(params[part]) if part in params else None for part in expected}
    if shapes != expected:
        way_out = "They are what load_params('cvvdp') returns."
        raise ValueError(error_text(name, f"params of shapes {expected}", shapes, way_out))
    return {part: jnp.asarray(params[part], image.dtype) for part in expected}
