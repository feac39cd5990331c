"""Photographs of a folder, and random crops of them on the device."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
from jax import lax

from .._files import InputError
from ..ops._ranges import to_float
from ._read import read_image


class Photograph(NamedTuple):
    """A color photograph.

    Attributes:
        name: That of its file, without the extension.
        pixels: `[H, W, 3]`, uint8, of even height and width.
    """

    name: str
    pixels: np.ndarray


class Stack(NamedTuple):
    """Images on the device, as bytes.

    Attributes:
        pixels: `[n, H, W, C]`; smaller images are filled up at the bottom and the right.
        sizes: `[n, 2]`, height and width of each.
    """

    pixels: jax.Array
    sizes: jax.Array


def read_photographs(folder: str | os.PathLike[str], side: int) -> tuple[list[Photograph], list[str]]:
    """The color photographs of a folder by name, and why others are left out.

    Args:
        folder: Where they are; files that are no images by their extension are passed over.
        side: Smallest height and width in pixels.

    Returns:
        Photographs, the last row or column of odd sides cut off; and a sentence on each one that is gray or too small.

    Raises:
        InputError: If the folder cannot be read, or an image in it.

    Example:
        >>> import tempfile
        >>> from jaxloss.images import read_photographs, save_picture
        >>> import PIL.Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_picture(PIL.Image.new("RGB", (41, 30)), f"{folder}/a.png")
        ...     save_picture(PIL.Image.new("RGB", (20, 30)), f"{folder}/b.png")
        ...     photographs, notes = read_photographs(folder, 24)
        >>> print([(name, pixels.shape) for name, pixels in photographs], notes)
        [('a', (30, 40, 3))] ['b.png is left out: it is smaller than the crops of 24 x 24.']
    """
    folder = Path(folder)
    try:
        formats = PIL.Image.registered_extensions()
        paths = sorted(path for path in folder.iterdir() if formats.get(path.suffix.lower()) in PIL.Image.OPEN)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}.") from error
    photographs, notes = [], []
    for path in paths:
        pixels = read_image(path).pixels
        height, width, channels = pixels.shape
        if channels != 3:
            notes.append(f"{path.name} is left out: it is gray.")
        elif min(height, width) < side:
            notes.append(f"{path.name} is left out: it is smaller than the crops of {side} x {side}.")
        else:
            # Even sides: whole cells of the Bayer pattern, and exactly twice the low resolution.
            even = pixels[: height - height % 2, : width - width % 2]
            photographs.append(Photograph(path.stem, np.rint(255 * even).astype(np.uint8)))
    return photographs, notes


def stack_images(images: Iterable[np.ndarray]) -> Stack:
    """Images of any sizes in one array.

    Args:
        images: uint8, `[H, W, C]` each.

    Returns:
        A `Stack`.

    Example:
        >>> import numpy as np
        >>> from jaxloss.images import stack_images
        >>> print(stack_images([np.zeros((2, 5, 3), np.uint8), np.zeros((4, 3, 3), np.uint8)]).pixels.shape)
        (2, 4, 5, 3)
    """
    images = list(images)
    sizes = np.array([image.shape[:2] for image in images], np.int32)
    height, width = sizes.max(axis=0)
    filled = [np.pad(image, ((0, height - len(image)), (0, width - image.shape[1]), (0, 0))) for image in images]
    return Stack(jnp.asarray(np.stack(filled)), jnp.asarray(sizes))


def random_crops(key: jax.Array, images: Stack, *, count: int, side: int, upright: bool = False) -> jax.Array:
    """Random crops of random images, on the device; jit it with `count`, `side` and `upright` static.

    Args:
        key: Of the randomness.
        images: All at least `side` pixels high and wide.
        count: How many.
        side: Height and width of each.
        upright: Whether crops are left as they lie; else each is turned by one of the eight symmetries of a square.

    Returns:
        `[count, side, side, C]`, float32 in [0, 1], at places that are all equally likely in an image.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.images import random_crops, stack_images
        >>> images = stack_images([np.full((30, 40, 3), 51, np.uint8)])
        >>> draw = jax.jit(random_crops, static_argnames=("count", "side"))
        >>> crops = draw(jax.random.key(0), images, count=4, side=16)
        >>> print(crops.shape, crops.max())
        (4, 16, 16, 3) 0.2
    """
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
