"""Photographs and what spoils them: the pairs of images on which libraries are compared."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage


def photograph(folder: Path, name: str, rows: int, columns: int, *, gray: bool = False) -> np.ndarray:
    """The center of a photograph, `[rows, columns, 3 or 1]`, float32 in [0, 1]."""
    with Image.open(folder / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L" if gray else "RGB"), np.float32) / 255
    top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
    return pixels.reshape(*pixels.shape[:2], -1)[top : top + rows, left : left + columns]


def continued(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """An image made larger by its mirror image."""
    more = [(0, max(0, rows - image.shape[0])), (0, max(0, columns - image.shape[1])), (0, 0)]
    return np.pad(image, more, mode="symmetric")[:rows, :columns]


def add_noise(image: np.ndarray) -> np.ndarray:
    noisy = image + 0.1 * np.random.default_rng(0).standard_normal(image.shape, np.float32)
    return np.clip(noisy, 0, 1)


def blur(image: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(image, (1.5, 1.5, 0))


def compress(image: np.ndarray) -> np.ndarray:
    stored, pixels = io.BytesIO(), np.round(255 * image).astype(np.uint8)
    Image.fromarray(pixels.squeeze()).save(stored, "JPEG", quality=20)
    return np.asarray(Image.open(stored), np.float32).reshape(image.shape) / 255


def reduce_contrast(image: np.ndarray) -> np.ndarray:
    return 0.5 + 0.6 * (image - 0.5)


def invert(image: np.ndarray) -> np.ndarray:
    return 1 - image


def invert_one_channel(image: np.ndarray) -> np.ndarray:
    return np.concatenate([1 - image[..., :1], blur(image[..., 1:])], axis=-1)


Distortion = Callable[[np.ndarray], np.ndarray]
