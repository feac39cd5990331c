"""Files of light for tests."""

import atexit
import gc
from pathlib import Path

import numpy as np
import OpenImageIO


# It complains of all its objects that are left where the interpreter ends, as those that pytest has frozen are.
atexit.register(gc.unfreeze)


def write_light(path: Path, pixels: np.ndarray, channels: str = "") -> Path:
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "float")
    if channels:
        spec.channelnames = tuple(channels)
    buffer = OpenImageIO.ImageBuf(spec)
    assert buffer.set_pixels(buffer.roi, np.ascontiguousarray(pixels, np.float32)) and buffer.write(str(path))
    return path
