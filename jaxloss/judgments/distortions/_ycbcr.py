"""JPEG's color space and back, and who may go there."""

from ..._checks import error_text
from ..._types import Array


def check_color(name: str, x: Array) -> None:
    if x.shape[-1] != 3:
        way_out = "Give gray images three channels: jnp.repeat(x, 3, axis=-1)."
        raise ValueError(error_text(name, "3 channels (RGB)", x.shape, way_out))


def ycbcr_to_rgb(luma: Array, blue: Array, red: Array) -> tuple[Array, Array, Array]:
    """The inverse of `convert_color(x, to="ycbcr")`, channel by channel; chroma centered on 0."""
    return luma + 1.402 * red, luma - 0.344136286 * blue - 0.714136286 * red, luma + 1.772 * blue
