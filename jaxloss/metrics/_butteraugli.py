"""Butteraugli: how far a difference is beyond what one just notices, side by side (Alakuijala et al. 2017, libjxl)."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import NUMBERS, Pair, as_scalar, check_positive, error_text, masked_pair
from .._types import Array, ArrayLike, Image, Map, Mask, Scalar, Scores
from ..ops._blur import blur
from ..ops._color import linear_light, mix, split_rgb
from ..ops._filters import merge_channels, repeat_edges
from ..ops._lines import Lines, line_energy
from ..ops._numerics import fast_power, safe_power, safe_sqrt
from ..ops._pooling import IMAGE, keep_nan, masked_mean, mean_from_sums
from ..ops._pyramids import average_pool
from ..ops._selection import attained


SMALLEST = 8  # Smaller images are extended to it, and no scale is coarser.

# Cones: what they absorb of linear RGB in cd/m2, and their light of the dark; their response is a log(v + b) + c.
ABSORBED = (
    (0.29956550340058319, 0.63373087833825936, 0.077705617820981968),
    (0.22158691104574774, 0.69391388044116142, 0.0987313588422),
    (0.02, 0.02, 0.20479129041026129),
)
DARK = (1.7557483643287353, 1.7557483643287353, 12.226454707163354)
RESPONSE = (19.245013259874995, 9.9710635769299145, -23.16046239805755)
ADAPTATION = 1.2  # standard deviation of the Gaussian that an eye adapts to, in pixels

# Bands of frequencies, by what Gaussians leave and take; the range around 0 that is removed from X and doubled in Y.
LOW, HIGH, ULTRA = 7.15593339443, 3.22489901262, 1.56416327805
LOW_GAIN, BLUE_FROM_Y = (33.832837186260, 14.458268100570, 49.87984651440), -0.362267051518
MIDDLE_RANGE, HIGH_RANGE, ULTRA_RANGE_X = (0.29, 0.1), (1.5, 0.132), 0.04
X_SUPPRESSED, X_KEPT = 46.0, 0.653020556257  # by high frequencies of Y
CLAMP_HIGH, CLAMP_ULTRA, CLAMP_SLOPE = 28.4691806922, 5.19175294647, 0.724216145665
GAIN_HIGH, GAIN_ULTRA = 2.155, 2.69313763794
SMALL = 2**15  # pixels: of smaller maps the derivative may keep what it needs


class Contrast(NamedTuple):
    """How much a band counts: along lines relative to n + its mean size, and pixel by pixel.

    The first of each pair of terms is of the difference; the other one of what leaves a range around the reference.
    Asymmetry multiplies the former and divides the latter, in `weight` to its power and in the squares to twice that.
    """

    weight: float
    n: float
    power: float
    square: float = 0.0
    excess: float = 0.0


# Of X and Y: ultra-high frequencies along fine lines, the middle and high ones along coarse lines.
ULTRA_CONTRASTS = (Contrast(173.5, 5.0, 1.0), Contrast(1.10039032555, 71.7800275169, 1.0))
MIDDLE_CONTRASTS = (
    Contrast(8246.75321353, 1009002.70582, 0.0, 2150.0),
    Contrast(37.0819870399, 130262059.556, 0.0, 10.6195433239),
)
HIGH_CONTRASTS = (
    Contrast(6923.99476109, 8051.15833247, 0.5, 0.8 * 400.0, 0.8 * 400.0),
    Contrast(18.7237414387, 4498534.45232, 0.5, 0.8 * 1.50815703118, 0.8 * 1.50815703118),
)
FINE_GAIN, COARSE_GAIN = 0.39905817637 / 8.5, 0.611612573796 / 8.5
MIDDLE_B_WEIGHT, LOW_WEIGHTS = 16.2176043152, (29.2353797994, 0.844626970982, 0.703646627719)

# Masking: how visible differences are beside activity. The weighted mean of its three smallest values around a pixel.
ACTIVITY_X, ACTIVITY_Y, ACTIVITY_GAIN, ACTIVITY_BIAS = 2.5, 0.4, 6.19424080439, 12.61050594197
ACTIVITY_SIGMA, ACTIVITY_WEIGHT = 2.7, 10.0
EROSION, EROSION_STEP = (0.45, 0.3, 0.25), 3
SCALE = math.log(255) / math.log(80) / 17.83
AC_VISIBILITY = (2.5485944793, 0.451936922203, 0.829591754942)
DC_VISIBILITY = (0.505054525019, 3.87449418804, 0.20025578522)

KEPT, COARSE_WEIGHT = 0.85, 0.5  # of the map at full and at half resolution


def _lines(*groups: tuple[float, str]) -> Lines:
    """From weights, and lines whose points on one side are (rows down, columns to the right)."""
    rows = ((weight, line.split()) for weight, text in groups for line in text.split(";"))
    return tuple((weight, tuple((int(p.split(",")[0]), int(p.split(",")[1])) for p in line)) for weight, line in rows)


FINE = _lines(
    (1.0, "0,1 0,2 0,3 0,4; 1,0 2,0 3,0 4,0; 1,1 2,2 3,3; 1,-1 2,-2 3,-3"),
    (1.0, "1,1 2,1 3,2; 1,-1 2,-1 3,-2; 1,1 1,2 2,3; 1,-1 1,-2 2,-3"),
    (2.0, "1,0 2,1 3,1 4,1; 1,0 2,-1 3,-1 4,-1; 0,1 1,2 1,3 1,4; 0,1 -1,2 -1,3 -1,4"),
)
COARSE = _lines(
    (1.0, "0,2 0,4; 2,0 4,0; 2,2 3,3; 2,-2 3,-3; 2,1 4,1; 2,-1 4,-1; 1,2 1,4; 1,-2 1,-4"),
    (1.0, "2,1 3,2; 2,-1 3,-2; 1,2 2,3; 1,-2 2,-3; 1,2 2,4; 1,-2 2,-4; 2,1 4,2; 2,-1 4,-2"),
)


class Bands(NamedTuple):
    """Of an image, `[n, h, w]` each."""

    low: Array  # a stack of X, Y, B
    middle_b: Array
    coarse: Array  # of middle X and Y, high X and Y
    ultra: Array  # of X, Y
    activity: Array


def butteraugli(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, norm: float = math.inf,
    intensity_target: Scalar = 80.0, hf_asymmetry: Scalar = 1.0, scales: int = 2,
) -> Scores:  # fmt: skip
    r"""Butteraugli of libjxl >= 0.8: how far differences are beyond what one just notices; 1 is about that.

    $$\max_i d_i \quad\text{or}\quad \tfrac13 \sum_{k = 1, 2, 4} \left(\overline{d^{\,kp}}\right)^{1 / kp}$$

    of the map $d$ of differences of opponent colors in four bands, summed along lines, less where activity masks them.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. sRGB with its gamma, or gray. Pixels of weight 0 are black in
            both images; the maximum is that of the map times the weights, relative to the largest weight.
        norm: p > 0, a number, not traced. `math.inf` is the maximum, 3 is what is reported as "3-norm" or "pnorm".
        intensity_target: Luminance of white, in cd/m2.
        hf_asymmetry: How much more new high frequencies weigh than lost ones.
        scales: 2 as libjxl, or 1 without the map at half resolution.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere; 0 for equal images. That of the maximum is that of the pixels around one: train on norm 3.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (8, 8, 3))
        >>> print(jax.jit(jaxloss.butteraugli)(0.9 * y, y, data_range=1.0).round(1))
        6.9

    Reference:
        Alakuijala et al. 2017, https://arxiv.org/abs/1703.04421; as https://github.com/libjxl/libjxl has it.
    """
    if not (isinstance(norm, NUMBERS) and norm > 0):
        raise ValueError(error_text("butteraugli", "norm > 0", norm, "The maximum is math.inf, the 3-norm 3."))
    pair = masked_pair("butteraugli", x, y, mask)
    field = visible_difference("butteraugli", pair, data_range, intensity_target, hf_asymmetry, scales)
    return pool(field, pair.mask, norm)


def butteraugli_map(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, intensity_target: Scalar = 80.0,
    hf_asymmetry: Scalar = 1.0, scales: int = 2,
) -> Map:  # fmt: skip
    """The visible difference at each pixel, `[..., H, W, 1]`; `butteraugli` is its maximum or norm."""
    pair = masked_pair("butteraugli_map", x, y, mask)
    return visible_difference("butteraugli_map", pair, data_range, intensity_target, hf_asymmetry, scales)


def pool(field: Array, mask: Array | None, norm: float) -> Array:
    if norm == math.inf:
        if mask is None:
            return _largest(field)
        return mean_from_sums(_largest(mask[..., None] * field), mask.max(axis=(-2, -1)))
    # Relative to the maximum, whatever that is: high powers of small numbers would be 0.
    unit = lax.stop_gradient(field.max(axis=IMAGE))
    unit = jnp.where(unit > 0, unit, 1)
    ratio = field / unit[..., None, None, None]
    power = keep_nan(fast_power(ratio, norm), ratio)
    means = [masked_mean(power**k, mask) for k in (1, 2, 4)]
    roots = [safe_power(mean, 1 / (norm * k)) for mean, k in zip(means, (1, 2, 4), strict=True)]
    return keep_nan(unit * functools.reduce(jnp.add, roots) / 3, means[0])


def _largest(field: Array) -> Array:
    values = field.reshape(*field.shape[:-3], math.prod(field.shape[-3:]))
    largest = lax.stop_gradient(values).max(axis=-1)
    return keep_nan(attained(largest, values), largest)


def visible_difference(
    name: str, pair: Pair, data_range: Scalar, intensity_target: Scalar, hf_asymmetry: Scalar, scales: int
) -> Array:
    options = {"data_range": data_range, "intensity_target": intensity_target, "hf_asymmetry": hf_asymmetry}
    for argument, value in options.items():
        check_positive(name, argument, value)
    *leading, height, width, channels = pair.x.shape
    if channels not in (1, 3):
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "1 channel (gray) or 3 (RGB)", pair.x.shape, way_out))
    if scales not in (1, 2):
        raise ValueError(error_text(name, "scales of 1 or 2", scales, "libjxl has 2: full and half resolution."))
    unit, target, asymmetry = (as_scalar(value, pair.x.dtype) for value in options.values())
    lacking = [max(SMALLEST - side, 0) for side in (height, width)]
    margins = [(n // 2, n - n // 2) for n in lacking]
    x, y = (_absorbed_light(target, image / unit, margins) for image in pair[:2])
    field = _one_scale(x, y, asymmetry)
    if scales == 2 and min(field.shape[1:]) > 2 * (SMALLEST - 1):
        # Cone by cone: the axis of the three goes before that of the batch, and merged they would not stay spread.
        half_x, half_y = (jnp.stack([average_pool(cone[..., None])[..., 0] for cone in jnp.unstack(z)]) for z in (x, y))
        coarse = _one_scale(half_x, half_y, asymmetry).repeat(2, axis=1).repeat(2, axis=2)
        field = KEPT * field + COARSE_WEIGHT * coarse[:, : field.shape[1], : field.shape[2]]
    (above, _), (before, _) = margins
    return field[:, above : above + height, before : before + width].reshape(*leading, height, width)[..., None]


def _absorbed_light(target: Scalar, image: Array, margins: list[tuple[int, int]]) -> Array:
    """What the three cones absorb of an image in [0, 1], in cd/m2: `[3, n, h, w]`."""
    channels = split_rgb(image) if image.shape[-1] == 3 else [image] * 3
    light = [target * merge_channels(linear_light(z)) for z in channels]
    absorbed = jnp.stack([mix(light, row) for row in ABSORBED])
    return repeat_edges(absorbed, *margins)


def _one_scale(x: Array, y: Array, asymmetry: Scalar) -> Array:
    """The map, `[n, h, w]`, of what is absorbed of two images, `[3, n, h, w]`."""
    of_x, of_y = _bands(x), _bands(y)
    change_x, change_y, change_b = jnp.unstack(of_y.low - of_x.low)
    low = (change_x, change_y, change_b + BLUE_FROM_Y * change_y)
    # As a stack they are in memory; else XLA would keep, for the derivative, whatever they are differences of.
    changes = jnp.stack([*low, of_y.middle_b - of_x.middle_b, of_y.activity - of_x.activity])
    weights = [*(w * g**2 for w, g in zip(LOW_WEIGHTS, LOW_GAIN, strict=True)), MIDDLE_B_WEIGHT, ACTIVITY_WEIGHT]
    low_x, low_y, low_b, middle_b, activity = jnp.unstack(_along(weights, changes) * changes**2)
    dc, ac = low_x + low_y + low_b, middle_b + activity
    ac += _contrast(of_x.ultra, of_y.ultra, FINE, FINE_GAIN, ULTRA_CONTRASTS, asymmetry)
    ac += _contrast(of_x.coarse, of_y.coarse, COARSE, COARSE_GAIN, (*MIDDLE_CONTRASTS, *HIGH_CONTRASTS), asymmetry)
    masking = _erode(of_y.activity)
    visible = dc * _visibility(masking, *DC_VISIBILITY) + ac * _visibility(masking, *AC_VISIBILITY)
    return keep_nan(safe_sqrt(visible), visible)


def _along(numbers: Sequence[float] | np.ndarray | Array, stack: Array) -> Array:
    """One number for each map of a stack."""
    return jnp.reshape(jnp.asarray(numbers, stack.dtype), (-1, *[1] * (stack.ndim - 1)))


def _opponents(absorbed: Array) -> Array:
    """X: red and green, Y: their sum; and B, blue."""
    around = blur(absorbed, _gaussian(ADAPTATION), mirror=True)
    dark = _along(DARK, absorbed)
    gain, bias, offset = RESPONSE
    adapted = _at_least(around, 0) + dark
    sensitivity = _at_least((gain * jnp.log(adapted + bias) + offset) / adapted, 1e-4)
    red, green, blue = jnp.unstack(_at_least((absorbed + dark) * sensitivity, dark))
    return jnp.stack([red - green, red + green, blue])


def _gaussian(sigma: float) -> np.ndarray:
    radius = int(2.25 * sigma)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return weights / weights.sum()


def _blur(sigma: float, planes: Array) -> Array:
    """`[..., h, w]` by a Gaussian, normalized by what of it lies inside the image."""
    window = _gaussian(sigma)
    blurred = blur(planes, window)
    for axis in (-2, -1):
        size, margin = planes.shape[axis], len(window) // 2
        inside = np.convolve(np.ones(size), window)[margin : margin + size].astype(planes.dtype)
        blurred *= np.expand_dims(1 / inside, tuple({*range(-planes.ndim, 0)} - {axis}))
    return blurred


def _bands(absorbed: Array) -> Bands:
    xyb = _opponents(absorbed)
    # Relative to a pixel: else what is left of a flat image would be the rounding of the blur.
    origin = lax.stop_gradient(xyb[:, :, :1, :1])
    xyb = xyb - origin
    low = _blur(LOW, xyb)
    middle = _blur(HIGH, xyb - low)
    x, y, _ = jnp.unstack(xyb - low - middle)
    x = x * (X_KEPT + (1 - X_KEPT) * X_SUPPRESSED / (y**2 + X_SUPPRESSED))
    high_x, high_y = jnp.unstack(_blur(ULTRA, jnp.stack([x, y])))
    high_y = _clamp(high_y, CLAMP_HIGH)
    ultra_x, ultra_y = _remove(x - high_x, ULTRA_RANGE_X), GAIN_ULTRA * _clamp(y - high_y, CLAMP_ULTRA)
    high_x, high_y = _remove(high_x, HIGH_RANGE[0]), _amplify(GAIN_HIGH * high_y, HIGH_RANGE[1])
    middle_x, middle_y, middle_b = jnp.unstack(middle)
    middle_x, middle_y = _remove(middle_x, MIDDLE_RANGE[0]), _amplify(middle_y, MIDDLE_RANGE[1])
    return Bands(
        low=low + origin,
        middle_b=middle_b,
        coarse=jnp.stack([middle_x, middle_y, high_x, high_y]),
        ultra=jnp.stack([ultra_x, ultra_y]),
        activity=_activity(ultra_x + high_x, ultra_y + high_y),
    )


def _remove(z: Array, limit: float) -> Array:
    return z - _within(z, limit)


def _amplify(z: Array, limit: float) -> Array:
    return z + _within(z, limit)


def _clamp(z: Array, limit: float) -> Array:
    return CLAMP_SLOPE * z + (1 - CLAMP_SLOPE) * _within(z, limit)


# Maxima and minima as JAX has them divide in their derivative, and what is divided XLA keeps rather than compute again.
def _at_least(z: Array, limit: ArrayLike) -> Array:
    return jnp.where(z < limit, limit, z)


def _within(z: Array, limit: float) -> Array:
    return jnp.where(jnp.abs(z) < limit, z, limit * jnp.sign(z))


def _contrast(x: Array, y: Array, lines: Lines, gain: float, contrasts: Sequence[Contrast], asymmetry: Scalar) -> Array:
    """Of bands `[m, n, h, w]`, in all: `[n, h, w]`."""
    rows = []
    for weight, n, power, square, excess in contrasts:
        uneven, factor = asymmetry**power, gain * n * math.sqrt(weight)
        along = (math.sqrt(0.5) * factor * uneven**0.5, math.sqrt(0.33) * factor / uneven**0.5, n)
        rows.append([*along, square * uneven**2, excess / uneven**2])
    numbers = [_along(z, x) for z in jnp.array(rows, x.dtype).T]
    if math.prod(x.shape[1:]) < SMALL:
        changes, squares = _all_changes(x, y, *numbers)
    else:
        changes, squares = lax.platform_dependent(
            x, y, *numbers, cpu=_changes_one_by_one, default=jax.checkpoint(_all_changes)
        )
    return line_energy(changes, lines) + squares


def _all_changes(*stacks: Array) -> tuple[Array, Array]:
    changes, squares = _changes(*stacks)
    return changes, functools.reduce(jnp.add, jnp.unstack(squares))


def _changes_one_by_one(*stacks: Array) -> tuple[Array, Array]:
    """The same in a loop: what is in none XLA keeps for the derivative on a CPU, rather than compute it again."""

    @jax.checkpoint
    def step(total: Array, band: tuple[Array, ...]) -> tuple[Array, Array]:
        change, squares = _changes(*band)
        return total + squares, change

    total, changes = lax.scan(step, jnp.zeros_like(stacks[0][0]), stacks)
    return changes, total


def _changes(
    x: Array, y: Array, of_change: Array, of_excess: Array, n: Array, square: Array, excess: Array
) -> tuple[Array, Array]:
    """What is summed along lines, and what counts pixel by pixel."""
    change = of_change * (y - x) + of_excess * _excess(x, y, 0.55, 1.05)
    relative = change / (n + (jnp.abs(x) + jnp.abs(y)) / 2)
    return relative, square * (y - x) ** 2 + excess * _excess(x, y, 0.4, 1.0) ** 2


def _excess(x: Array, y: Array, low: float, high: float) -> Array:
    """How far x is from `low` to `high` times y, on the side of 0 with the sign of y, else with the other one."""
    along, size = jnp.where(y < 0, -x, x), jnp.abs(y)
    excess = _at_least(low * size - along, 0) - _at_least(along - high * size, 0)
    return jnp.where(y < 0, -excess, excess)


def _activity(x: Array, y: Array) -> Array:
    """Of high frequencies."""
    size = safe_sqrt((ACTIVITY_X * x) ** 2 + (ACTIVITY_Y * y) ** 2)
    still = ACTIVITY_GAIN * ACTIVITY_BIAS
    return _blur(ACTIVITY_SIGMA, jnp.sqrt(ACTIVITY_GAIN * size + still) - math.sqrt(still))


def _erode(activity: Array) -> Array:
    """The weighted mean of the three smallest values around; that of the center counts once more at twice its size."""
    step, (*_, height, width) = EROSION_STEP, activity.shape
    padded = jnp.pad(activity, ((0, 0), (step, step), (step, step)), constant_values=jnp.inf)
    first, second, third = activity, 2 * activity, 2 * activity
    for i in (0, step, 2 * step):
        for j in (0, step, 2 * step):
            if (i, j) != (step, step):
                first, rest = _in_order(first, padded[..., i : i + height, j : j + width])
                second, rest = _in_order(second, rest)
                third, _ = _in_order(third, rest)
    return mix((first, second, third), EROSION)


def _in_order(a: Array, b: Array) -> tuple[Array, Array]:
    exchanged = b < a
    return lax.select(exchanged, b, a), lax.select(exchanged, a, b)


def _visibility(masking: Array, gain: float, slope: float, offset: float) -> Array:
    return (SCALE * (1 + gain / (slope * masking + offset))) ** 2
