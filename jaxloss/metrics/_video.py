"""What metrics of video codecs are defined on: planes of luma and chroma, 8 bits each, with video's levels."""

import math
from typing import NamedTuple

from .._checks import as_scalar, check_fits, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar
from ..ops._color import COLOR_MATRICES, weigh
from ..ops._filters import merge_channels
from ..ops._pointwise import computed_once


BLACK = 16  # luma of black; that of white is 219 more
SPANS = (219, 224, 224)


class Planes(NamedTuple):
    """Of images in 255ths of their range, `[n, H, W]` each."""

    luma: Array  # of the reference
    differences: list[Array]  # of the image under test from it, plane by plane; exactly 0 for equal images
    mask: Array | None
    leading: tuple[int, ...]


def video_planes(
    name: str,
    x: Image,
    y: Image,
    data_range: Scalar,
    mask: Mask | None = None,
    *,
    yuv: bool,
    fit: tuple[str, int],
    chroma: bool = False,
) -> Planes:
    """Planes of a video as they are, or (not `yuv`) those that ffmpeg makes of pictures, gray or RGB, but unrounded.

    Of at least so many pixels a side as what is to `fit` in needs.
    """
    check_positive(name, "data_range", data_range)
    pair = masked_pair(name, x, y, mask)
    check_fits(name, *fit, pair.y, "Enlarge the images.")
    *leading, height, width, channels = pair.y.shape
    if channels not in (1, 3):
        way_out = "Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "1 channel (gray) or 3 (RGB, or YUV)", pair.y.shape, way_out))
    levels = as_scalar(data_range, pair.y.dtype)

    def plane(image: Array, index: int) -> Array:
        given = yuv or channels == 1
        picked = image[..., index : index + 1] if given else weigh(image, COLOR_MATRICES["ycbcr"][index])
        return picked * ((255 if yuv else SPANS[index]) / levels)

    luma = computed_once(lambda image: plane(image, 0) + (0 if yuv else BLACK), pair.y)
    differences = [plane(pair.x - pair.y, index) for index in range(channels if chroma else 1)]
    luma, *differences = map(merge_channels, (luma, *differences))
    mask = None if pair.mask is None else pair.mask.reshape(math.prod(leading), height, width)
    return Planes(luma, differences, mask, tuple(leading))
