"""Color conversions that metrics and networks are defined on: one table of 3 x 3 matrices from RGB, and Lab."""

import functools
from collections.abc import Sequence

import jax.numpy as jnp

from .._checks import Pair, check_choice, check_image, error_text
from .._types import Array, GrayArray, Image, ImageArray
from ._numerics import fast_power


LUMA = (0.299, 0.587, 0.114)  # Recommendation ITU-R BT.601

# A row for each channel. Chroma is centered on 0.
COLOR_MATRICES = {
    "yiq": (LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)),  # NTSC, as MATLAB and piq have it
    "ycbcr": (LUMA, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)),  # JPEG's
}


def convert_color(image: Image, *, to: str) -> ImageArray:
    """An RGB image in another color space, by a matrix.

    Args:
        image: `[..., H, W, 3]`, RGB, floating.
        to: `"yiq"` or `"ycbcr"`: luma, and two channels of chroma centered on 0.

    Returns:
        `[..., H, W, 3]`, in the unit of the input.

    Raises:
        ValueError: If the last axis is not 3 long, or for an unknown space.

    Gradient:
        The matrix, everywhere.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.convert_color(jnp.array([[[1.0, 0.0, 0.0]]]), to="yiq"))
        [[[0.299  0.5959 0.2115]]]

    Reference:
        Recommendation ITU-R BT.601. https://www.itu.int/rec/R-REC-BT.601
    """
    check_choice("convert_color", "to", to, COLOR_MATRICES)
    image = _check_rgb("convert_color", image)
    return jnp.concatenate([weigh(image, row) for row in COLOR_MATRICES[to]], axis=-1)


# From linear RGB of sRGB's primaries to XYZ, each divided by that of its white (D65, 2 degrees).
SRGB_TO_XYZ = (
    (0.412453 / 0.95047, 0.357580 / 0.95047, 0.180423 / 0.95047),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.08883, 0.119193 / 1.08883, 0.950227 / 1.08883),
)


def rgb_to_lab(image: Image) -> ImageArray:
    """CIE 1976 L*a*b* of an sRGB image, under the white of daylight (D65).

    Args:
        image: `[..., H, W, 3]`, sRGB with its gamma, floating, values in [0, 1].

    Returns:
        `[..., H, W, 3]`: lightness in [0, 100]; green to red and blue to yellow, about [-110, 110], 0 for gray.

    Raises:
        ValueError: If the last axis is not 3 long.

    Gradient:
        Finite everywhere, in black too.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.rgb_to_lab(jnp.array([[[1.0, 0.0, 0.0]]])).round())
        [[[53. 80. 67.]]]

    Reference:
        CIE 15:2004; IEC 61966-2-1. https://en.wikipedia.org/wiki/CIELAB_color_space
    """
    return jnp.concatenate(lab_planes(_check_rgb("rgb_to_lab", image)), axis=-1)


def lab_planes(image: Array) -> list[Array]:
    """The channels of `rgb_to_lab`, `[..., H, W, 1]` each."""
    linear = linear_planes(image)
    x, y, z = (lab_lightness(mix(linear, row)) for row in SRGB_TO_XYZ)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def linear_planes(image: Array) -> list[Array]:
    """The channels `[..., H, W, 1]` of an sRGB image in [0, 1] as light, without the gamma."""
    return [linear_light(plane) for plane in split_rgb(image)]


def split_rgb(image: Array) -> list[Array]:
    """The channels `[..., H, W, 1]`.

    The transpose is a concatenation; that of slices is a sum, for which XLA on a CPU takes five times as long.
    """
    return jnp.split(image, 3, axis=-1)


def linear_light(v: Array) -> Array:
    """Of a channel of an sRGB image in [0, 1]."""
    return jnp.where(v > 0.04045, fast_power((v + 0.055) / 1.055, 2.4), v / 12.92)


def lab_lightness(t: Array, *, end: float = 0.008856, slope: float = 7.787) -> Array:
    """A cube root whose slope ends at a small t, so that black has one; the numbers are those of scikit-image."""
    return jnp.where(t > end, fast_power(t, 1 / 3), slope * t + 16 / 116)


def mix(planes: Sequence[Array], weights: Sequence[float]) -> Array:
    return functools.reduce(jnp.add, (weight * plane for weight, plane in zip(weights, planes, strict=True)))


def rgb_to_y(image: Image) -> GrayArray:
    """Luma of an RGB image (the Y of YIQ, and of JPEG's YCbCr): what most classical metrics were defined on.

    Args:
        image: `[..., H, W, 3]`, RGB, floating.

    Returns:
        `[..., H, W, 1]`: `0.299 R + 0.587 G + 0.114 B`, in the range of the input.

    Raises:
        ValueError: If the last axis is not 3 long.

    Gradient:
        The three weights, everywhere.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.rgb_to_y(jnp.ones((1, 1, 3))).round(6))
        [[[1.]]]

    Reference:
        Recommendation ITU-R BT.601. https://www.itu.int/rec/R-REC-BT.601
    """
    return weigh(_check_rgb("rgb_to_y", image), LUMA)


def luma_pair(name: str, pair: Pair) -> Pair:
    """The pair in gray: RGB images by their luma, and gray ones as they are."""
    channels = pair.x.shape[-1]
    if channels == 1:
        return pair
    if channels != 3:
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "1 channel (gray) or 3 (RGB)", pair.x.shape, way_out))
    return pair._replace(x=weigh(pair.x, LUMA), y=weigh(pair.y, LUMA))


def check_rgb(name: str, image: Array) -> None:
    if image.shape[-1] != 3:
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1). Gray in color: jnp.repeat(x, 3, -1)."
        raise ValueError(error_text(name, "3 channels (RGB)", image.shape, way_out))


def _check_rgb(name: str, image: Image) -> Array:
    image = check_image(name, "image", image)
    check_rgb(name, image)
    return image


def weigh(image: Array, weights: tuple[float, ...]) -> Array:
    """`[..., 3]` to `[..., 1]`: in XLA's loops, where a product with a matrix would need a precision."""
    return functools.reduce(jnp.add, (weight * image[..., i : i + 1] for i, weight in enumerate(weights)))
