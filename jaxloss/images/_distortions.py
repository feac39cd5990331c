"""Six distortions of a photograph with the same mean squared error, and the photograph that comes with the package."""

import importlib.resources
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..ops import gaussian_window, separable_filter
from ._jpeg import jpeg_file
from ._read import read_image


class Distortion(NamedTuple):
    """A way to spoil an image `[H, W, C]` in [0, 1], and how much of it."""

    name: str
    function: Callable[[np.ndarray, float], np.ndarray]
    strength: float


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    window = gaussian_window(2 * round(3 * sigma) + 1, sigma)
    return np.asarray(separable_filter(jnp.asarray(image), window, border="reflect"))


def jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    return jpeg_file(image, quality=int(quality))


def add_noise(image: np.ndarray, deviation: float) -> np.ndarray:
    return image + deviation * np.random.default_rng(0).standard_normal(image.shape)


def stretch_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    mean = image.mean()
    return mean + factor * (image - mean)


def brighten(image: np.ndarray, offset: float) -> np.ndarray:
    return image + offset


def pixelate(image: np.ndarray, side: float) -> np.ndarray:
    rows, columns = (np.arange(0, length, int(side)) for length in image.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0), columns, axis=1)
    heights, widths = np.diff(rows, append=image.shape[0]), np.diff(columns, append=image.shape[1])
    means = sums / np.multiply.outer(heights, widths)[..., None]
    return means.repeat(heights, axis=0).repeat(widths, axis=1)


# Strengths that give the sample photograph a mean squared error of 605 on the scale of 255, as near as JPEG allows.
DISTORTIONS = (
    Distortion("brightness", brighten, 0.0987),
    Distortion("contrast", stretch_contrast, 0.672),
    Distortion("white noise", add_noise, 0.105),
    Distortion("JPEG", jpeg, 3),
    Distortion("blur", blur, 2.5),
    Distortion("pixelation", pixelate, 4),
)


def sample_photograph() -> np.ndarray:
    """The photograph that comes with the package, in the public domain (see `sample/README.md`).

    Returns:
        `[256, 256, 3]`, float32, values in [0, 1].

    Example:
        >>> from jaxloss.images import sample_photograph
        >>> print(sample_photograph().shape)
        (256, 256, 3)
    """
    source = importlib.resources.files("jaxloss.images") / "sample" / "photograph.png"
    with importlib.resources.as_file(source) as path:
        return read_image(path).pixels


def distort(image: np.ndarray, name: str) -> np.ndarray:
    """A distorted copy of an image, the same at every call.

    Args:
        image: `[H, W, C]`, values in [0, 1].
        name: `"brightness"`, `"contrast"`, `"white noise"`, `"JPEG"`, `"blur"` or `"pixelation"`.

    Returns:
        Same shape, float32, values in [0, 1].

    Raises:
        KeyError: For another name.

    Example:
        >>> from jaxloss.images import distort, sample_photograph
        >>> photograph = sample_photograph()
        >>> print(f"{abs(distort(photograph, 'pixelation') - photograph).mean():.3f}")
        0.048
    """
    row = {row.name: row for row in DISTORTIONS}[name]
    return np.clip(row.function(image, row.strength), 0, 1).astype(np.float32)
