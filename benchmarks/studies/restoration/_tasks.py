"""What is restored: three ways to degrade photographs, and random crops of both."""

import io
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image

from jaxloss.images import Photograph, Stack, random_crops, stack_images
from jaxloss.ops import separable_filter, to_float


NOISE = 0.05  # standard deviation of the sensor's noise, for values in [0, 1]
JPEG_QUALITY = 10  # of 95
SCALE = 2  # of super-resolution
DEGRADATIONS = {"noise": NOISE, "jpeg_quality": JPEG_QUALITY, "scale": SCALE}


class Task(NamedTuple):
    """How photographs are degraded: in two steps, of which a task uses one.

    Attributes:
        title: For people.
        once: uint8 `[H, W, 3]` -> the same shape and type: what a file format does, on the host.
        anew: key, float `[..., H, W, 3]` -> the same shape: what is random, on the device for each crop.
    """

    title: str
    once: Callable[[np.ndarray], np.ndarray] = np.asarray
    anew: Callable[[jax.Array, jax.Array], jax.Array] = lambda key, image: image

    def degrade(self, key: jax.Array, pixels: np.ndarray) -> jax.Array:
        """A whole photograph, float."""
        return self.anew(key, to_float(self.once(pixels)))


def bayer_sites(height: int, width: int) -> np.ndarray:
    """`[H, W, 3]`, True where the sensor measures a color: red at (0, 0), blue at (1, 1), green elsewhere."""
    rows, columns = np.indices((height, width)) % 2
    return np.stack([(rows + columns == 0), (rows != columns), (rows + columns == 2)], axis=-1)


def interpolate_bayer(image: jax.Array) -> jax.Array:
    """Bilinear interpolation of the values at the sites of each color; all others are ignored."""
    pattern = bayer_sites(*image.shape[-3:-1])
    # The mirrored border continues the pattern. The mean of the measured neighbors is the bilinear interpolation.
    tent = (0.5, 1.0, 0.5)
    shares = separable_filter(pattern.astype(image.dtype), tent, border="reflect")
    sites, shares = jnp.broadcast_to(pattern, image.shape), jnp.broadcast_to(shares, image.shape)
    around = separable_filter(jnp.where(sites, image, 0), tent, border="reflect")
    return jnp.where(sites, image, around / shares)


def noisy_bayer(key: jax.Array, image: jax.Array) -> jax.Array:
    return interpolate_bayer(image + NOISE * jax.random.normal(key, image.shape, image.dtype))


def jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    with PIL.Image.open(file) as decoded:
        return np.asarray(decoded)


def low_resolution(pixels: np.ndarray) -> np.ndarray:
    """Down and up again, both bicubic."""
    height, width = pixels.shape[:2]
    small = PIL.Image.fromarray(pixels).resize((width // SCALE, height // SCALE), PIL.Image.Resampling.BICUBIC)
    return np.asarray(small.resize((width, height), PIL.Image.Resampling.BICUBIC))


TASKS = {
    "demosaicking": Task("Joint denoising and demosaicking", anew=noisy_bayer),
    "super_resolution": Task(f"{SCALE}× super-resolution", once=low_resolution),
    "jpeg": Task(f"JPEG artefact removal, quality {JPEG_QUALITY}", once=jpeg),
}


def stack_pairs(photographs: Iterable[Photograph], task: Task) -> Stack:
    """Originals and what is degraded once, as six channels."""
    return stack_images(np.concatenate([photo.pixels, task.once(photo.pixels)], axis=-1) for photo in photographs)


def random_pairs(key: jax.Array, pairs: Stack, task: Task, count: int, side: int) -> tuple[jax.Array, jax.Array]:
    """Degraded and original crops, `[count, side, side, 3]` each."""
    crop_key, noise_key = jax.random.split(key)
    original, degraded = jnp.split(random_crops(crop_key, pairs, count=count, side=side), 2, axis=-1)
    return task.anew(noise_key, degraded), original
