"""JPEG's color space and back, and who may go there."""

from ..._checks import error_text
from ..._types import Array


# In 65536ths, as libjpeg has them: products with integers up to 255 and their sums are exact in float32.
TO_YCBCR = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
BLUE_TO_GREEN, BLUE_TO_BLUE = -22554, 116130
RED_TO_GREEN, RED_TO_RED = -46802, 91881


def check_color(name: str, x: Array) -> None:
    if x.shape[-1] != 3:
        way_out = "Give gray images three channels: jnp.repeat(x, 3, axis=-1)."
        raise ValueError(error_text(name, "3 channels (RGB)", x.shape, way_out))


def rgb_to_ycbcr(x: Array) -> tuple[Array, ...]:
    """Luma, and chroma towards blue and red, centered on 0: each `[..., H, W]`."""
    red, green, blue = (x[..., channel] for channel in range(3))
    return tuple((a / 65536) * red + (b / 65536) * green + (c / 65536) * blue for a, b, c in TO_YCBCR)


def ycbcr_to_rgb(luma: Array, blue: Array, red: Array) -> tuple[Array, Array, Array]:
    """The inverse, channel by channel."""
    green = (BLUE_TO_GREEN / 65536) * blue + (RED_TO_GREEN / 65536) * red
    return luma + (RED_TO_RED / 65536) * red, luma + green, luma + (BLUE_TO_BLUE / 65536) * blue
