"""Folders of small crops and noisy copies of them, for the tests of whole runs."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.photographs import sample


SIZES = ((16, 20), (24, 18), (13, 40))  # height, width
METRICS = ["mae", "psnr", "ssim"]


def write_folders(
    root: Path, count: int, methods: Iterable[str] = ("made",), sizes: Iterable[tuple[int, int]] = SIZES
) -> None:
    """`real/0.png` and so on, and for each method a folder with more noise than that of the one before."""
    rng, photograph, sizes = np.random.default_rng(0), sample(), list(sizes)
    for number in range(count):
        height, width = sizes[number % len(sizes)]
        top, left = (place * number % (side - 80) for place, side in zip((3, 5), photograph.shape, strict=False))
        image = photograph[top : top + height, left : left + width]
        save(root / "real" / f"{number}.png", image)
        for strength, method in enumerate(methods, start=1):
            save(root / method / f"{number}.png", image + 0.05 * strength * rng.standard_normal(image.shape))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * pixels.clip(0, 1)).astype(np.uint8)).save(path)
