"""What is restored: photographs, three ways to degrade them, and random crops of both."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
from jax import lax

from jaxloss.evaluate import InputError, read_image
from jaxloss.ops import separable_filter, to_float

from ._command import CHANNELS


NOISE = 0.05  # standard deviation of the sensor's noise, for values in [0, 1]
JPEG_QUALITY = 10  # of 95
SCALE = 2  # of super-resolution
DEGRADATIONS = {"noise": NOISE, "jpeg_quality": JPEG_QUALITY, "scale": SCALE}


class Photograph(NamedTuple):
    """A color photograph, `[H, W, 3]`, uint8, of even height and width."""

    name: str
    pixels: np.ndarray


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


def read_photographs(folder: Path, side: int) -> tuple[list[Photograph], list[str]]:
    """The color images of a folder by name, and why others are left out."""
    try:
        formats = PIL.Image.registered_extensions()
        paths = sorted(path for path in folder.iterdir() if formats.get(path.suffix.lower()) in PIL.Image.OPEN)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}.") from error
    photographs, notes = [], []
    for path in paths:
        pixels = read_image(path).pixels
        height, width, channels = pixels.shape
        if channels != CHANNELS:
            notes.append(f"{path.name} is left out: it is gray.")
        elif min(height, width) < side:
            notes.append(f"{path.name} is left out: it is smaller than the crops of {side} x {side}.")
        else:
            # Even sides: whole cells of the Bayer pattern, and exactly twice the low resolution.
            even = pixels[: height - height % 2, : width - width % 2]
            photographs.append(Photograph(path.stem, np.rint(255 * even).astype(np.uint8)))
    return photographs, notes


def split(
    photographs: list[Photograph], held_out: Iterable[str] | None = None
) -> tuple[list[Photograph], list[Photograph]]:
    """Those to train on and those to test on: the named ones, or the last two; of fewer than four, the last one."""
    names = [photograph.name for photograph in photographs]
    chosen = names[-1 if len(names) < 4 else -2 :] if held_out is None else [Path(name).stem for name in held_out]
    for name in chosen:
        if name not in names:
            raise InputError(f"no photograph {name!r} is there to hold out. There are {', '.join(names) or 'none'}.")
    training = [photograph for photograph in photographs if photograph.name not in chosen]
    if not training:
        raise InputError(f"no photograph is left to train on: the color photographs are {', '.join(names) or 'none'}.")
    return training, [photograph for photograph in photographs if photograph.name in chosen]


class Stack(NamedTuple):
    """Photographs on the device, as bytes.

    Attributes:
        pixels: `[n, H, W, 6]`, original and degraded; smaller photographs are filled up at the bottom and the right.
        sizes: `[n, 2]`, height and width of each.
    """

    pixels: jax.Array
    sizes: jax.Array


def stack(photographs: Iterable[Photograph], task: Task) -> Stack:
    pairs = [np.concatenate([photo.pixels, task.once(photo.pixels)], axis=-1) for photo in photographs]
    sizes = np.array([pair.shape[:2] for pair in pairs], np.int32)
    height, width = sizes.max(axis=0)
    filled = [np.pad(pair, ((0, height - len(pair)), (0, width - pair.shape[1]), (0, 0))) for pair in pairs]
    return Stack(jnp.asarray(np.stack(filled)), jnp.asarray(sizes))


def random_crops(key: jax.Array, photographs: Stack, task: Task, count: int, side: int) -> tuple[jax.Array, jax.Array]:
    """Degraded and original crops, `[count, side, side, 3]` each, at places that are all equally likely in an image."""
    which_key, where_key, task_key = jax.random.split(key, 3)
    which = jax.random.randint(which_key, (count,), 0, len(photographs.sizes))
    corners = jax.random.randint(where_key, (count, 2), 0, photographs.sizes[which] - side + 1)

    def cut(index: jax.Array, corner: jax.Array) -> jax.Array:
        start = (index, corner[0], corner[1], jnp.zeros_like(index))
        return lax.dynamic_slice(photographs.pixels, start, (1, side, side, 2 * CHANNELS))[0]

    original, degraded = jnp.split(to_float(jax.vmap(cut)(which, corners)), 2, axis=-1)
    return task.anew(task_key, degraded), original
