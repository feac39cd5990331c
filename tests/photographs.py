"""The sample photograph of the package, whole and in crops."""

import functools
from pathlib import Path

import numpy as np
from PIL import Image


ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "jaxloss" / "images" / "sample" / "photograph.png"


@functools.cache
def sample() -> np.ndarray:
    """`[H, W, 3]`, float32 in [0, 1]."""
    with Image.open(SAMPLE) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def crop_sample(count: int, height: int, width: int) -> np.ndarray:
    """That many crops along the photograph's diagonal, `[count, height, width, 3]`."""
    photograph = sample()
    rows, columns = photograph.shape[0] - height, photograph.shape[1] - width
    if min(rows, columns) < 0:
        raise ValueError(f"The photograph is {photograph.shape[:2]}, smaller than {(height, width)}.")
    tops, lefts = np.linspace(0, rows, count).astype(int), np.linspace(0, columns, count).astype(int)
    return np.stack([photograph[i : i + height, j : j + width] for i, j in zip(tops, lefts, strict=True)])
