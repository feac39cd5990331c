"""Files of light: linear RGB of high dynamic range, in OpenEXR or Radiance's format, read by OpenImageIO."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .._files import InputError, reading
from ._read import ImageFile, image_shape, is_light, read_frames


def read_light(path: str | os.PathLike[str]) -> ImageFile:
    """Read a file of light, `.exr` or `.hdr`, with the extra `jaxloss[hdr]`.

    Nothing is scaled: values are those of the file, in cd/m2 if it was made so. An alpha channel is dropped, the color
    being premultiplied by it, and other channels, too; of several parts the first is taken.

    Args:
        path: An OpenEXR file with channels R, G and B, or Y; or one of Radiance.

    Returns:
        An `ImageFile`: name, pixels `[H, W, C]` with C = 1 (Y) or 3 (RGB), float32 of any range, and notes.

    Raises:
        InputError: If the file is missing or damaged, holds other channels, or values that are not finite; or if
            OpenImageIO is not installed.

    Example:
        >>> import jaxloss
        >>> from jaxloss.images import read_light
        >>> try:
        ...     read_light("nowhere.exr")
        ... except jaxloss.InputError as error:
        ...     print(error)
        nowhere.exr: no such file.
    """
    name = os.fspath(path)
    buffer = _opened(name)
    channels, dropped = _channels(buffer, name)
    pixels = np.asarray(buffer.get_pixels("float", buffer.roi_full))[..., channels]
    if buffer.has_error:
        raise InputError(f"{name}: cannot be decoded: {' '.join(buffer.geterror().split()).rstrip('.')}.")
    if not np.isfinite(pixels).all():
        raise InputError(f"{name}: holds values that are not finite. Save it without NaN and infinity.")
    notes = (f"{name}: channel{'s' * (len(dropped) > 1)} {', '.join(dropped)} dropped.",) if dropped else ()
    return ImageFile(name, np.ascontiguousarray(pixels, np.float32), notes)


def any_frames(path: str | os.PathLike[str], most: int = sys.maxsize, *, stored: bool = False) -> Iterator[ImageFile]:
    """Those of `read_frames`, or what `read_light` reads."""
    return iter([read_light(path)]) if is_light(path) else read_frames(path, most, stored=stored)


def any_shape(path: str | os.PathLike[str]) -> tuple[tuple[int, int, int], int]:
    """That of `image_shape`, or `(H, W, C)` of what `read_light` makes of a file, by its header alone."""
    if not is_light(path):
        return image_shape(path)
    name = os.fspath(path)
    buffer = _opened(name)
    spec = buffer.spec()
    return (spec.full_height, spec.full_width, len(_channels(buffer, name)[0])), 1


def _opened(name: str) -> Any:
    with reading(name), Path(name).open("rb"):  # OpenImageIO says of a missing file what it says of a damaged one
        pass
    openimageio = _import_openimageio(name)
    buffer = openimageio.ImageBuf(name)
    if not buffer.init_spec(name, 0, 0):
        buffer.geterror()  # what is not asked for is printed
        raise InputError(f"{name}: not an image that OpenImageIO can read.")
    return buffer


def _channels(buffer: Any, name: str) -> tuple[list[int], list[str]]:
    """Numbers of those that are taken, and names of the others."""
    names = list(buffer.spec().channelnames)
    for wanted in ("R", "G", "B"), ("Y",):
        if set(wanted) <= set(names):
            return [names.index(channel) for channel in wanted], [other for other in names if other not in wanted]
    raise InputError(f"{name}: has the channels {', '.join(names)}. Save it with R, G and B, or with Y.")


def _import_openimageio(name: str) -> ModuleType:
    try:
        import OpenImageIO
    except ImportError as error:
        raise InputError(f'{name}: reading light needs OpenImageIO: pip install "jaxloss[hdr]".') from error
    return OpenImageIO
