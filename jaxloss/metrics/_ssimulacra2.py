"""SSIMULACRA 2.1 (Sneyers 2023): structure, ringing and blur of images in XYB, at six scales."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import Pair, as_scalar, check_fits, check_image, check_positive, error_text, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import check_rgb, linear_light, mix, split_rgb
from ..ops._filters import as_taps, extend_border, filter_maps
from ..ops._numerics import fast_power, safe_abs, safe_divide, safe_power
from ..ops._pooling import keep_nan, masked_mean
from ..ops._pyramids import average_pool, pooled_size
from ._statistics import pool_pair


SCALES = 6
SMALLEST = 8  # the shorter side of the last image that is shrunk
BACKGROUNDS = (0.1, 0.9)  # behind transparent pixels
C2 = 0.0009

# What three cones make of linear RGB, in light; the bias is what they see in the dark.
CONES = ((0.3, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
BIAS = 0.0037930732552754493

# The impulse response of Charalampidis' recursive Gaussian of sigma 1.5, which ends here: its next tap is 0.
WINDOW = as_taps(
    np.array([0.17893914164149127, 0.07272614473619018, 0.01295581911051706])
    @ np.cos(np.pi / 10 * np.outer([1, 3, 5], np.arange(-4, 5)))
)

# Of the means of structure, ringing and blur, and of their norms of order 4: six scales of X, of Y, and of B - Y.
WEIGHTS = (
    (0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0),
    (0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752),
    (0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0),
    (0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0),
    (0.0007289346991508072, 0.9677937080626833, 0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053),
    (0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0),
    (0, 0, 0, 7.466890328078848, 0, 17.445833984131262),
    (0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264),
    (225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
    (176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
    (0, 0, 0, 34.77906344483772, 44.835625328877896, 0),
    (0, 0, 0, 0, 0, 0),
    (0, 0.0008680556573291698, 0, 0, 0, 0),
    (0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0),
    (0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0),
    (0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0),
    (
        95.1080498811086,
        0.9863978034400682,
        0.9834382792465353,
        0.0012286405048278493,
        171.2667255897307,
        0.9807858872435379,
    ),
    (0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537),
)


class XYBFeatures(NamedTuple):
    """Of some of the channels of an image at one scale, `[..., K, H, W, 1]` each."""

    values: Array
    means: Array
    squares: Array | None  # means of the squares, where structure counts


Features = tuple[tuple[XYBFeatures, ...], ...]


class Group(NamedTuple):
    """Channels that are compared in the same way at a scale."""

    channels: tuple[int, ...]
    weights: np.ndarray  # [K, 6]

    @property
    def structured(self) -> bool:
        return bool(self.weights[:, ::3].any())


def ssimulacra2(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, scales: int = SCALES) -> Scores:
    r"""SSIMULACRA 2.1: visible artifacts of compression, by 108 terms that were fitted to human judgements.

    $$100 - 10 \, f(u)^{0.6276}, \qquad u = \sum_{c,s,k} w_{csk} \, \overline{d_{csk}} + w'_{csk} \, \| d_{csk} \|_4$$

    over the channels of XYB, six scales of half the size each, and three errors: of structure (SSIM without its
    denominator of means), ringing (edges that only x has), and blur (that only y has); f is a fixed cubic.

    Under a mask, windows see its pixels alone.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`; sRGB with its gamma, or with a fourth channel of alpha: blended
            with dark and with bright gray, of which the worse counts.
        scales: At most so many, from 1 to 6. Images of less than 113 pixels a side have fewer; then the weights are
            counted through without gaps, as the reference does.

    Returns:
        `[...]`, at most 100; higher is better, 100 for equal images. 90 is visually lossless, 70 high quality, 50
        medium, 30 low; it may be negative. It is not symmetric.

    Gradient:
        Finite everywhere, 0 for equal images; near them the score is steep, and `ssimulacra2_loss` is not.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (8, 8, 3))
        >>> print(jax.jit(jaxloss.ssimulacra2)(0.5 * y, y, data_range=1.0).round(2))
        85.45

    Reference:
        Sneyers, SSIMULACRA 2, https://github.com/cloudinary/ssimulacra2
    """
    return score(weighted_error("ssimulacra2", x, y, data_range, mask, scales))


def ssimulacra2_map(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Map:
    """The errors of each pixel, of structure, ringing and blur, that `ssimulacra2` sees at the scale of the image.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`; sRGB with its gamma.

    Returns:
        `[..., H, W, 3]`, >= 0; 0 where the images agree. Each of the three is a sum over X, Y and B - Y.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (8, 8, 3))
        >>> print(jax.jit(jaxloss.ssimulacra2_map)(0.5 * y, y, data_range=1.0).mean(axis=(0, 1)).round(3))
        [0.27  0.021 0.116]

    Reference:
        Sneyers, https://github.com/cloudinary/ssimulacra2
    """
    name = "ssimulacra2_map"
    pair = masked_pair(name, x, y, mask)
    check_rgb(name, pair.x)
    light_x, light_y = (linear_light(_in_unit(name, z, data_range)) for z in (pair.x, pair.y))
    reference, change = (jnp.stack(planes, axis=-4) for planes in xyb_pair(light_x, light_y))
    found = compare(reference, change, pair.mask, structured=True)
    return jnp.concatenate([error.sum(axis=-4) for error in found], axis=-1)


def ssimulacra2_features(image: Image, *, data_range: Scalar) -> Features:
    """What `ssimulacra2` makes of one image, to be kept of a reference that many images are compared with.

    Args:
        image, data_range: As x or y of `ssimulacra2`, without alpha.

    Returns:
        For each scale, arrays by groups of channels: a pytree for `ssimulacra2_from_features`.

    Gradient:
        Finite everywhere.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (16, 16, 3))
        >>> print(len(jax.jit(jaxloss.ssimulacra2_features)(y, data_range=1.0)))
        3

    Reference:
        Sneyers, https://github.com/cloudinary/ssimulacra2
    """
    name, features = "ssimulacra2_features", []
    image = check_image(name, "image", image)
    check_rgb(name, image)
    scales = count_scales(name, image, SCALES)
    light = linear_light(_in_unit(name, image, data_range))
    for scale in range(scales):
        light = average_pool(light) if scale else light
        planes = xyb(cones(light))
        features.append(tuple(_features(stack(planes, group), group.structured) for group in groups(scales, scale)))
    return tuple(features)


def ssimulacra2_from_features(features_x: Features, features_y: Features) -> Scores:
    """`ssimulacra2` of two images of which the features are known.

    Args:
        features_x: `ssimulacra2_features` of the image under test.
        features_y: And of the reference.

    Returns:
        `[...]`, that of `ssimulacra2` up to rounding.

    Raises:
        ValueError: If the features are not those of images of equal shape.

    Gradient:
        That of `ssimulacra2`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (16, 16, 3))
        >>> features = jax.jit(jaxloss.ssimulacra2_features)
        >>> of_x, of_y = (features(z, data_range=1.0) for z in (0.9 * y, y))
        >>> print(jax.jit(jaxloss.ssimulacra2_from_features)(of_x, of_y).round(2))
        92.7

    Reference:
        Sneyers, https://github.com/cloudinary/ssimulacra2
    """
    shapes = [[z.shape for z in jax.tree.leaves(features)] for features in (features_x, features_y)]
    if shapes[0] != shapes[1]:
        got = f"{shapes[0][:1]} and {shapes[1][:1]}"
        way_out = "One reference for a batch: jax.vmap(ssimulacra2_from_features, in_axes=(0, None))."
        raise ValueError(error_text("ssimulacra2_from_features", "features of images of equal shape", got, way_out))
    terms = []
    for scale, (scale_x, scale_y) in enumerate(zip(features_x, features_y, strict=True)):
        for x, y, group in zip(scale_x, scale_y, groups(len(features_x), scale), strict=True):
            change, means = x.values - y.values, [y.means, x.means - y.means]
            if x.squares is not None and y.squares is not None:
                means += [x.squares + y.squares, *windowed_means([change * change], None)]
            found = errors(y.values, change, *means)
            terms.append(pool(found, group, None))
    return score(weigh(terms))


def score(error: Array) -> Array:
    u = 0.9562382616834844 * error
    cubic = u * (2.326765642916932 + u * (6.248496625763138e-05 * u - 0.020884521182843837))
    return keep_nan(100 - 10 * safe_power(cubic, 0.6276336467831387), error)


def weighted_error(name: str, x: Image, y: Image, data_range: Scalar, mask: Mask | None, scales: int) -> Array:
    """The sum of all terms, u, of RGB images; of those with alpha the larger one of two backgrounds."""
    x, y, mask = masked_pair(name, x, y, mask)
    channels = x.shape[-1]
    if channels not in (3, 4):
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1). Gray in color: jnp.repeat(x, 3, -1)."
        raise ValueError(error_text(name, "3 channels (RGB), or 4 with alpha", x.shape, way_out))
    scales = count_scales(name, x, scales)
    x, y = (_in_unit(name, z, data_range) for z in (x, y))
    if channels == 4:
        x, y = (jnp.stack([_blend(z, gray) for gray in BACKGROUNDS]) for z in (x, y))
        mask = None if mask is None else jnp.stack([mask] * len(BACKGROUNDS))
    light, terms = Pair(linear_light(x), linear_light(y), mask), []
    for scale in range(scales):
        light = pool_pair(light, 2, "symmetric") if scale else light
        reference, change = xyb_pair(light.x, light.y)
        for group in groups(scales, scale):
            found = compare(stack(reference, group), stack(change, group), light.mask, group.structured)
            terms.append(pool(found, group, light.mask))
    error = weigh(terms)
    return error.max(axis=0) if channels == 4 else error


def _in_unit(name: str, image: Array, data_range: Scalar) -> Array:
    check_positive(name, "data_range", data_range)
    return image / as_scalar(data_range, image.dtype)


def _blend(image: Array, gray: float) -> Array:
    color, alpha = lax.split(image, (3, 1), axis=image.ndim - 1)
    return alpha * color + (1 - alpha) * gray


def count_scales(name: str, image: Array, most: int) -> int:
    if not 1 <= most <= SCALES:
        raise ValueError(error_text(name, "scales from 1 to 6", most, "6 is SSIMULACRA 2."))
    check_fits(name, "one scale", SMALLEST, image, "Smaller images have no SSIMULACRA 2.")
    height, width = image.shape[-3:-1]
    scales = 1
    while scales < most and min(height, width) >= SMALLEST:
        height, width = (pooled_size(side, side, "symmetric") for side in (height, width))
        scales += 1
    return scales


def groups(scales: int, scale: int) -> Iterator[Group]:
    """Channels with a structure to compare, and others; those without weight are left out.

    With fewer than six scales the reference counts its weights through without gaps, and so is this.
    """
    rows = np.array([WEIGHTS[channel * scales + scale] for channel in range(3)])
    for structured in (True, False):
        chosen = [c for c in range(3) if rows[c].any() and rows[c, ::3].any() == structured]
        if chosen:
            yield Group(tuple(chosen), rows[chosen])


def cones(light: Array) -> list[Array]:
    """What three cones respond to linear RGB, 0 in the dark."""
    planes = split_rgb(light)
    return [fast_power(jnp.maximum(mix(planes, row) + BIAS, 0), 1 / 3) - BIAS ** (1 / 3) for row in CONES]


def opponents(responses: Sequence[Array]) -> list[Array]:
    """X, Y and B - Y of the responses of cones, or of their differences."""
    long, medium, short = responses
    luma = (long + medium) / 2
    return [7 * (long - medium), luma, short - luma]


def xyb(responses: Sequence[Array]) -> list[Array]:
    """The same, each brought to about [0, 1]."""
    return [plane + offset for plane, offset in zip(opponents(responses), (0.42, 0.01, 0.55), strict=True)]


def xyb_pair(x: Array, y: Array) -> tuple[list[Array], list[Array]]:
    """Of light y in XYB, and by how much x differs: by differences of cones, which are exactly 0 where y is equal."""
    of_x, of_y = cones(x), cones(y)
    return xyb(of_y), opponents([a - b for a, b in zip(of_x, of_y, strict=True)])


def stack(planes: Sequence[Array], group: Group) -> Array:
    return jnp.stack([planes[channel] for channel in group.channels], axis=-4)


def _features(values: Array, structured: bool) -> XYBFeatures:
    means, *squares = windowed_means([values, values * values] if structured else [values], None)
    return XYBFeatures(values, means, squares[0] if squares else None)


def compare(y: Array, change: Array, weight: Array | None, structured: bool) -> list[Array]:
    """The errors at each pixel of what differs from y by a change, `[..., K, H, W, 1]`."""
    squares = [(y + change) ** 2 + y * y, change * change] if structured else []
    return errors(y, change, *windowed_means([y, change, *squares], weight))


def windowed_means(maps: Sequence[Array], weight: Array | None) -> list[Array]:
    """Of `[..., K, H, W, 1]`; beyond the border are zeros that count. Under a mask, of what it leaves of the window."""
    if weight is None:
        return blur(maps)
    weight = jnp.broadcast_to(weight[..., None, :, :, None], maps[0].shape)
    counted, *sums = blur([weight, *(weight * z for z in maps)])
    rows, columns = (np.convolve(np.ones(side), WINDOW)[4:-4] for side in weight.shape[-3:-1])
    ones = (1,) * (weight.ndim - 3)
    rows = jnp.asarray(rows.reshape(*ones, -1, 1, 1), weight.dtype)
    columns = jnp.asarray(columns.reshape(*ones, 1, -1, 1), weight.dtype)
    return [rows * columns * safe_divide(z, counted) for z in sums]


def blur(maps: Sequence[Array]) -> list[Array]:
    size, like = len(WINDOW), jax.typeof(maps[0])
    extended = (extend_border(z, size, size, "zero")[..., 0] for z in maps)
    blurred = filter_maps([z.reshape(math.prod(z.shape[:-2]), *z.shape[-2:]) for z in extended], WINDOW, WINDOW, step=1)
    # Explicit meshes want to be told which of the leading axes is sharded.
    return [lax.reshape(z, like.shape, out_sharding=like.sharding) for z in blurred]


def errors(y: Array, change: Array, mean_y: Array, mean_change: Array, *means: Array) -> list[Array]:
    r"""Structure (where there are the means for it), ringing and blur at each pixel.

    $$1 - \bigl(1 - (\mu_x - \mu_y)^2\bigr) \frac{2\sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}, \qquad
    \pm \left(\frac{1 + |x - \mu_x|}{1 + |y - \mu_y|} - 1\right)$$

    where positive. By the change, $2\sigma_{xy} = \sigma_x^2 + \sigma_y^2 - \sigma_{x-y}^2$, all are distances: 0
    for equal images. As they stand, rounding would move scores by tenths.
    """
    detail = y - mean_y
    edge_x, edge_y = safe_abs(detail + (change - mean_change)), safe_abs(detail)
    sharper = (edge_x - edge_y) / (1 + edge_y)
    found = [_positive(sharper), _positive(-sharper)]
    if means:
        squares, squared_change = means
        shift, mean_x = mean_change * mean_change, mean_y + mean_change
        ratio = (squared_change - shift) / (squares - mean_x * mean_x - mean_y * mean_y + C2)
        found.insert(0, _positive(ratio + shift * (1 - ratio)))
    return found


def _positive(z: Array) -> Array:
    """With a slope of 0 at 0, as equal images have it."""
    return jnp.where(z > 0, z, 0)


def pool(found: Sequence[Array], group: Group, weight: Array | None) -> tuple[Array, np.ndarray]:
    """Means and norms of the errors `[..., K, H, W, 1]`, and their weights: `[..., T]` and `[T]`."""
    mask = None if weight is None else weight[..., None, :, :]
    terms, weights = [], []
    for kind, error in enumerate(found, start=3 - len(found)):
        for column, pooled in ((kind, masked_mean), (kind + 3, _norm)):
            if group.weights[:, column].any():
                terms.append(pooled(error, mask))
                weights.append(group.weights[:, column])
    return jnp.concatenate(terms, axis=-1), np.concatenate(weights)


def weigh(terms: Sequence[tuple[Array, np.ndarray]]) -> Array:
    """By a product with a vector: of sums XLA would compute the slope of the score anew for each term."""
    values, weights = zip(*terms, strict=True)
    values = jnp.concatenate(values, axis=-1)
    return jnp.matmul(values, jnp.asarray(np.concatenate(weights), values.dtype), precision=lax.Precision.HIGHEST)


def _norm(error: Array, mask: Array | None) -> Array:
    fourth = masked_mean((error * error) ** 2, mask)
    return keep_nan(safe_power(fourth, 0.25), fourth)
