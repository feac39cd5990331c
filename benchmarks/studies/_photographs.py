"""Photographs to train and to test on, and random crops of them."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
from jax import lax

from jaxloss import InputError
from jaxloss.images import read_image
from jaxloss.ops import to_float

from .._command import CHANNELS
from .._results import Record


SCALES = [1.0, 0.7, 0.5]  # at which photographs are trained on


class Photograph(NamedTuple):
    """A color photograph, `[H, W, 3]`, uint8, of even height and width."""

    name: str
    pixels: np.ndarray


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


def at_scales(photographs: Iterable[Photograph], side: int) -> list[Photograph]:
    """Each at each of `SCALES` at which it is large enough: textures are finer in a smaller photograph."""
    found = []
    for scale, (name, pixels) in itertools.product(SCALES, photographs):
        height, width = (round(scale * length / 2) * 2 for length in pixels.shape[:2])
        if min(height, width) >= side:
            image = PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.LANCZOS)
            found.append(Photograph(name, np.asarray(image)))
    return found


def trained_on(settings: Record) -> str:
    """The photographs of a run, for its page."""
    *scales, last = map(str, settings.get("scales", SCALES[:1]))
    text = f"Trained on {', '.join(settings['training'])}"
    return f"{text}, each at {', '.join(scales)} and {last} of its size" if scales else text


class Stack(NamedTuple):
    """Images on the device, as bytes.

    Attributes:
        pixels: `[n, H, W, C]`; smaller images are filled up at the bottom and the right.
        sizes: `[n, 2]`, height and width of each.
    """

    pixels: jax.Array
    sizes: jax.Array


def stack(images: Iterable[np.ndarray]) -> Stack:
    """Of uint8 images, `[H, W, C]` each."""
    images = list(images)
    sizes = np.array([image.shape[:2] for image in images], np.int32)
    height, width = sizes.max(axis=0)
    filled = [np.pad(image, ((0, height - len(image)), (0, width - image.shape[1]), (0, 0))) for image in images]
    return Stack(jnp.asarray(np.stack(filled)), jnp.asarray(sizes))


def random_crops(key: jax.Array, images: Stack, count: int, side: int, *, upright: bool = False) -> jax.Array:
    """`[count, side, side, C]`, float, at places that are all equally likely in an image; turned, unless `upright`."""
    which_key, where_key, turn_key = jax.random.split(key, 3)
    which = jax.random.randint(which_key, (count,), 0, len(images.sizes))
    corners = jax.random.randint(where_key, (count, 2), 0, images.sizes[which] - side + 1)

    def cut(index: jax.Array, corner: jax.Array) -> jax.Array:
        start = (index, corner[0], corner[1], jnp.zeros_like(index))
        return lax.dynamic_slice(images.pixels, start, (1, side, side, images.pixels.shape[-1]))[0]

    crops = to_float(jax.vmap(cut)(which, corners))
    return crops if upright else _turned(turn_key, crops)


def _turned(key: jax.Array, squares: jax.Array) -> jax.Array:
    """Each by one of the eight symmetries of a square."""
    rows, columns, diagonal = jax.random.bernoulli(key, shape=(3, len(squares), 1, 1, 1))
    squares = jnp.where(rows, squares[:, ::-1], squares)
    squares = jnp.where(columns, squares[:, :, ::-1], squares)
    return jnp.where(diagonal, squares.swapaxes(1, 2), squares)
