"""Displays: what light the pixels of an image become, and under what angle one sees them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp

from .._checks import NUMBERS, as_scalar, check_choice, check_image, error_text, suggestion
from .._types import Array, Image, ImageArray, Scalar
from ._color import linear_light, mix, split_rgb
from ._numerics import clip, fast_power


# From linear RGB to XYZ. The second row gives luminance.
RGB_TO_XYZ = {
    "bt709": (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    ),
    "bt2020": ((0.6370, 0.1446, 0.1689), (0.2627, 0.6780, 0.0593), (0, 0.0281, 1.0610)),
}
EOTFS = ("srgb", "pq", "hlg", "linear")
INCH = 0.0254  # meters
DARKEST = 0.005  # cd/m2, to which PQ and linear light are clipped
BRIGHT = 1000  # cd/m2, above which the gamma of HLG depends on the display


class Display(NamedTuple):
    """A display, the light around it and the place of its viewer: by default `DISPLAYS["standard_4k"]`.

    Attributes:
        peak: Luminance of white in cd/m2.
        contrast: Ratio of white to black, > 1, in the dark.
        ambient: Light that falls on the screen in lux.
        reflectivity: Share of it that the screen sends back.
        eotf: The electro-optical transfer function: `"srgb"`, `"pq"` (SMPTE ST 2084), `"hlg"` (ITU-R BT.2100), the
            exponent of a gamma as a number, or `"linear"`, where pixels are light in cd/m2.
        primaries: `"bt709"`, those of sRGB, too, or `"bt2020"`.
        width: In pixels.
        height: In pixels.
        diagonal: In inches.
        distance: Of the viewer in meters.
        exposure: What light is multiplied by before it is shown; where pixels are light, cd/m2 of the value 1.
    """

    peak: float = 200
    contrast: float = 1000
    ambient: float = 250
    reflectivity: float = 0.005
    eotf: str | float = "srgb"
    primaries: str = "bt709"
    width: int = 3840
    height: int = 2160
    diagonal: float = 30
    distance: float = 0.7472
    exposure: float = 1


_HDR = Display(peak=1500, contrast=1e6, ambient=10)
_PQ = Display(contrast=1e6, ambient=5, eotf="pq", primaries="bt2020", diagonal=65, distance=1.98)
_LG_2017 = Display(ambient=100, diagonal=64.5, distance=101 * INCH)
_IPHONE = Display(width=2532, height=1170, diagonal=6.1, distance=20 * INCH)
_IPHONE_14 = _IPHONE._replace(peak=1025, contrast=1025 / 0.0004)
_IPHONE_HDR = _IPHONE._replace(peak=1590, contrast=1590 / 0.0004, ambient=10, eotf="hlg", primaries="bt2020")
# Headsets: a virtual screen 3 m away, whose diagonal covers 110 degrees.
_HEADSET = Display(
    peak=100, ambient=0, width=1440, height=1600, diagonal=6 * math.tan(math.radians(55)) / INCH, distance=3
)

# Those of ColorVideoVDP, under its names; and pixels that are the light that arrives, whatever shows it.
DISPLAYS = {
    "absolute": Display(peak=10000, contrast=10000 / DARKEST, ambient=0, eotf="linear"),
    "standard_4k": Display(),
    "standard_hdr_pq": _HDR._replace(eotf="pq", primaries="bt2020"),
    "standard_hdr_hlg": _HDR._replace(eotf="hlg", primaries="bt2020"),
    "standard_hdr_linear": _HDR._replace(eotf="linear"),
    "standard_hdr_linear_dark": _HDR._replace(eotf="linear", ambient=0),
    "standard_hdr_linear_zoom": _HDR._replace(eotf="linear", peak=10000, distance=0.25),
    "standard_fhd": Display(width=1920, height=1080, diagonal=24, distance=0.6),
    "standard_hmd": _HEADSET,
    "standard_phone": Display(
        peak=500, contrast=10000, width=2400, height=1080, diagonal=6, distance=0.4
    ),
    "sdr_4k_30": Display(peak=100, distance=0.6),
    "sdr_fhd_24": Display(peak=100, width=1920, height=1080, diagonal=24, distance=0.6),
    "htc_vive_pro": _HEADSET._replace(peak=133.3, contrast=1333),
    "iphone_12_pro": _IPHONE._replace(peak=825, contrast=825 / 0.0004),
    "iphone_14_pro": _IPHONE_14,
    "iphone_14_pro_vert": _IPHONE_14._replace(width=1170, height=2532),
    "iphone_14_pro_hdr": _IPHONE_HDR,
    "iphone_14_pro_hdr_vert": _IPHONE_HDR._replace(width=1170, height=2532),
    "ipad_pro_12_9": Display(
        peak=600, contrast=600 / 0.37, width=2732, height=2048, diagonal=12.9, distance=20 * INCH
    ),
    "macbook_pro_16": Display(
        peak=500, contrast=500 / 0.37, width=3072, height=1920, diagonal=16, distance=25 * INCH
    ),
    "lg_oled_2017_sdr": _LG_2017._replace(peak=272, contrast=272 / 0.014),
    "lg_oled_2017_hdr": _LG_2017._replace(peak=754, contrast=754 / 0.038),
    "eizo_CG3146": Display(peak=300, contrast=3000, ambient=0, width=4096, diagonal=31.063, distance=0.73406),
    "65inch_hdr_pq_4knit": _PQ._replace(peak=4000),
    "65inch_hdr_pq_2Knit": _PQ._replace(peak=2000),
    "65inch_hdr_pq_1Knit": _PQ._replace(peak=1000),
    "lg_oled_2026_hdr_pq": _PQ._replace(peak=3000, contrast=3000 / 0.0005, diagonal=64.9, distance=86.62 * INCH),
}  # fmt: skip


def display_light(image: Image, display: str | Display) -> ImageArray:
    """The light that reaches the eye from each pixel of a display, linear RGB in cd/m2.

    `(peak - black) EOTF(image) + black + reflected`, where `black = peak / contrast` and
    `reflected = ambient reflectivity / pi`. PQ and linear pixels stand for light themselves, which the display clips:
    `clip(EOTF(image), 0.005, peak) + black + reflected`, and `clip(image, max(0.005, black), peak) + reflected`.

    Args:
        image: `[..., H, W, 3]`, or gray, `[..., H, W, 1]`; floating, in [0, 1]; in cd/m2 where the display is linear.
            Of PQ and HLG, what lies outside is clipped; the curves of sRGB and of a gamma go on.
        display: One of `jaxloss.ops.DISPLAYS` by its name, or any other `Display`.

    Returns:
        The shape of the image, in cd/m2, of the display's primaries.

    Raises:
        ValueError: For an unknown display, or one that cannot be.

    Gradient:
        Finite everywhere; 0 where pixels or light are clipped.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.display_light(jnp.full((1, 1, 1), 0.5), "standard_4k").round(2))
        [[[43.36]]]

    Reference:
        Mantiuk et al., "ColorVideoVDP", ACM Transactions on Graphics 2024. https://doi.org/10.1145/3658144
    """
    image, shown = check_image("display_light", "image", image), check_display("display_light", display)
    return jnp.concatenate(light_planes(color_planes("display_light", image), shown, 1.0), axis=-1)


def color_planes(name: str, image: Array) -> list[Array]:
    """The channels `[..., H, W, 1]`, 3 of RGB or 1 of gray."""
    if image.shape[-1] == 1:
        return [image]
    if image.shape[-1] != 3:
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "1 channel (gray) or 3 (RGB)", image.shape, way_out))
    return split_rgb(image)


def light_planes(planes: Sequence[Array], display: Display, data_range: Scalar) -> list[Array]:
    """`display_light` of each channel; light itself, which is in cd/m2, has no range."""
    peak, eotf, black = display.peak, display.eotf, display.peak / display.contrast
    reflected = display.ambient * display.reflectivity / math.pi
    if eotf == "linear":
        return [clip(display.exposure * plane, max(DARKEST, black), peak) + reflected for plane in planes]
    planes = [plane / as_scalar(data_range, plane.dtype) for plane in planes]
    if eotf == "pq":
        lights = [display.exposure * _pq_light(clip(v, 0, 1)) for v in planes]
        return [clip(light, DARKEST, peak) + (black + reflected) for light in lights]
    if eotf == "hlg":
        planes = _hlg_light([clip(v, 0, 1) for v in planes], display)
    elif eotf == "srgb":
        planes = [linear_light(v) for v in planes]
    else:
        planes = [fast_power(v, float(eotf)) for v in planes]
    if display.exposure != 1:
        planes = [clip(display.exposure * plane, 0, 1) for plane in planes]
    return [(peak - black) * plane + (black + reflected) for plane in planes]


def luminance(planes: Sequence[Array], display: Display) -> Array:
    """Of light; gray light is that already."""
    return planes[0] if len(planes) == 1 else mix(planes, RGB_TO_XYZ[display.primaries][1])


def pixels_per_degree(display: str | Display) -> float:
    """Pixels in a degree of visual angle, in the middle of the display.

    Args:
        display: One of `jaxloss.ops.DISPLAYS` by its name, or any other `Display`.

    Returns:
        The number of pixels.

    Raises:
        ValueError: For an unknown display, or one that cannot be.

    Example:
        >>> import jaxloss
        >>> print(round(jaxloss.ops.pixels_per_degree("standard_4k"), 3))
        75.402
    """
    shown = check_display("pixels_per_degree", display)
    pixel = shown.diagonal * INCH / math.hypot(shown.width, shown.height)
    return 1 / math.degrees(2 * math.atan(pixel / 2 / shown.distance))


def check_display(name: str, display: str | Display) -> Display:
    """The display of that name, or the display itself if there can be such."""
    if isinstance(display, str):
        if display not in DISPLAYS:
            way_out = suggestion(display, DISPLAYS)
            raise ValueError(error_text(name, "display one of jaxloss.ops.DISPLAYS", repr(display), way_out))
        return DISPLAYS[display]
    for argument, (least, unit) in _LEAST.items():
        value = getattr(display, argument)
        if not (least < value < math.inf):
            raise ValueError(error_text(name, f"{argument} of the display > {least}", value, f"It is {unit}."))
    for argument in ("ambient", "reflectivity"):
        value = getattr(display, argument)
        if not (0 <= value < math.inf):
            raise ValueError(error_text(name, f"{argument} of the display >= 0", value, "In the dark it is 0."))
    check_choice(name, "primaries", display.primaries, RGB_TO_XYZ)
    if display.eotf not in EOTFS and not (isinstance(display.eotf, NUMBERS) and display.eotf > 0):
        expected, way_out = f"eotf one of {EOTFS}, or an exponent > 0", "A gamma is a number: eotf=2.2."
        raise ValueError(error_text(name, expected, repr(display.eotf), way_out))
    if display.eotf == "hlg" and display.peak > BRIGHT and display.ambient == 0:
        way_out = f"The gamma of HLG above {BRIGHT} cd/m2 is defined by it; 5 lux is a dim room."
        raise ValueError(error_text(name, "ambient of the display > 0", 0, way_out))
    return display


_LEAST = {
    "peak": (0, "the luminance of white in cd/m2"),
    "contrast": (1, "white over black"),
    "width": (0, "in pixels"),
    "height": (0, "in pixels"),
    "diagonal": (0, "in inches"),
    "distance": (0, "in meters"),
    "exposure": (0, "a factor, 1 for light as it is"),
}


def _pq_light(v: Array) -> Array:
    """In cd/m2, of the perceptual quantizer: 10000 ((t - c1) / (c2 - c3 t))^(1 / m1), where t = v^(1 / m2).

    By 1 - t, for t is near 1, where float32 has few digits of both differences, and c1 - 1 = c3 - c2.
    """
    c3, end = 2392 / 128, 21 / 128
    below = -jnp.expm1(jnp.log(jnp.maximum(v, 1e-6)) * (32 / 2523))  # black has no logarithm, and 1e-6 no light
    return 10000 * fast_power((end - below) / (end + c3 * below), 8192 / 1305)


def _hlg_light(planes: Sequence[Array], display: Display) -> list[Array]:
    """Of hybrid log-gamma, in [0, 1]: the light of the scene, and of it what the display makes of it."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * math.log(4 * a)
    scene = [jnp.where(v <= 0.5, v * v / 3, (jnp.exp((v - c) / a) + b) / 12) for v in planes]
    gamma = 1.2
    if display.peak > BRIGHT:  # the second term is of the BBC's White Paper 369
        gamma += 0.42 * math.log10(display.peak / BRIGHT) - 0.07623 * math.log10(display.ambient / 5)
    scale = fast_power(luminance(scene, Display(primaries="bt2020")), gamma - 1)
    return [scale * plane for plane in scene]
