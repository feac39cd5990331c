"""Files that Pillow does not write, for tests: of light, and of 16 bits."""

import atexit
import gc
from pathlib import Path

import numpy as np
import OpenImageIO


# It complains of all its objects that are left where the interpreter ends, as those that pytest has frozen are.
atexit.register(gc.unfreeze)


def write_light(path: Path, pixels: np.ndarray, channels: str = "") -> Path:
    return _write(path, pixels.astype(np.float32), "float", channels)


def write_tiff16(path: Path, samples: np.ndarray, **attributes: str) -> Path:
    return _write(path, samples.astype(np.uint16), "uint16", **attributes)


def _write(path: Path, pixels: np.ndarray, kind: str, channels: str = "", **attributes: str) -> Path:
    height, width, count = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, count, kind)
    if channels:
        spec.channelnames = tuple(channels)
    for name, value in attributes.items():
        spec.attribute(name, value)
    buffer = OpenImageIO.ImageBuf(spec)
    assert buffer.set_pixels(buffer.roi, np.ascontiguousarray(pixels)) and buffer.write(str(path))
    return path
