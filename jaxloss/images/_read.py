"""Image files to floating arrays: everything Pillow reads, at its full precision, saying what was changed."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps

from .._files import InputError, reading


LIGHT = (".exr", ".hdr")  # of files that hold light, of any range, and not pixels that are encoded for a display


class ImageFile(NamedTuple):
    """An image read from a file.

    Attributes:
        name: The path as it was given.
        pixels: `[H, W, C]`, float32, values in [0, 1], or light of any range; one channel for gray images, else three.
        notes: What was done to the file's pixels beyond scaling them, one sentence each.
    """

    name: str
    pixels: np.ndarray
    notes: tuple[str, ...]


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read an image file as people see it, in floating point.

    Integer samples are divided by the largest one of their type, 255 or 65535; floating ones must lie in [0, 1]. The
    EXIF orientation is applied, an alpha channel is composited over white, a palette looked up, and of an animation the
    first frame is taken. Color profiles are not applied.

    Args:
        path: File in any format that Pillow reads: 1, 8 or 16 bits, gray, RGB, palette, CMYK, with or without alpha.

    Returns:
        An `ImageFile`: name, pixels `[H, W, C]` in [0, 1] with C = 1 (gray) or 3 (RGB), and notes on what was done.

    Raises:
        InputError: If the file is missing, is not an image, is damaged, or holds samples whose range is unknown.

    Example:
        >>> import tempfile, PIL.Image
        >>> from jaxloss.images import read_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     PIL.Image.new("L", (3, 2), 51).save(f"{folder}/gray.png")
        ...     image = read_image(f"{folder}/gray.png")
        >>> print(image.pixels.shape, image.pixels.max(), image.notes)
        (2, 3, 1) 0.2 ()
    """
    if is_light(path):
        raise InputError(
            f"{os.fspath(path)}: holds light, not pixels in [0, 1]. `jaxloss compare` and `evaluate` show it on a "
            "display; for all else save it encoded, as PNG."
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (image,) = read_frames(path, 1)
    said = (f"{image.name}: {_sentence(str(warning.message))}" for warning in caught)
    return image._replace(notes=(*image.notes, *said))


def read_frames(path: str | os.PathLike[str], most: int = sys.maxsize, *, stored: bool = False) -> Iterator[ImageFile]:
    """The first frames of an animation, or pages of a file, one after the other, each as `read_image` reads the first.

    Or, `stored`, samples of 8 bits as they are, uint8, a quarter of the memory; those that alpha changes are not.
    What decoders warn of is no note: that cannot be told in several threads at once.
    """
    name = os.fspath(path)
    with _decoding(name), PIL.Image.open(name) as image:
        count = getattr(image, "n_frames", 1)
        for number in range(min(count, most)):
            if number:
                image.seek(number)
            samples, notes = _samples(image, name)
            if count > most:
                notes.insert(0, f"first of {count} frames taken." if most == 1 else f"first {most} of {count} frames.")
            pixels, more = _without_alpha(samples)
            about = tuple(f"{name}: {note}" for note in [*notes, *more])
            yield ImageFile(name, pixels if stored and pixels.dtype == np.uint8 else in_unit(pixels), about)


def in_unit(pixels: np.ndarray) -> np.ndarray:
    """Samples in [0, 1], float32, of 8 bits or in [0, 1] already."""
    if pixels.dtype != np.uint8:
        return pixels.astype(np.float32, copy=False)
    return pixels.astype(np.float32) / np.float32(255)  # the same as in double precision, in a third of the time


def image_shape(path: str | os.PathLike[str]) -> tuple[tuple[int, int, int], int]:
    """`(H, W, C)` of what `read_image` makes of a file, by its header alone, and the number of frames in it.

    That of a damaged file may be wrong, and that of a TIFF that is not upright.
    """
    name = os.fspath(path)
    with _decoding(name), PIL.Image.open(name) as image:
        gray = _rawmode(image) == "LA;16B" or image.mode in (*_GRAY, "I", "F") or image.mode.startswith("I;16")
        count, (width, height) = getattr(image, "n_frames", 1), image.size
        if image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) in range(5, 9):
            width, height = height, width
        return (height, width, 1 if gray else 3), count


def is_light(path: str | os.PathLike[str]) -> bool:
    """By its extension: whether it holds light, which `read_light` reads."""
    return os.path.splitext(path)[1].lower() in LIGHT


def check_comparable(reference: ImageFile, image: ImageFile) -> None:
    """Two images must agree in size and in the number of channels."""
    (height, width, channels), other = reference.pixels.shape, image.pixels.shape
    if (height, width) != other[:2]:
        raise InputError(
            f"{image.name} is {other[1]} x {other[0]} and {reference.name} is {width} x {height} pixels. "
            "Crop or resize one of them."
        )
    if channels != other[2]:
        gray, color = (reference, image) if channels == 1 else (image, reference)
        raise InputError(f"{gray.name} is gray and {color.name} is RGB. Save both as gray or both as RGB.")


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Whatever goes wrong with a file is an `InputError`."""
    try:
        with reading(name, f"Name the files in it: {os.path.join(name, '*.png')}."):
            yield
    except InputError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise InputError(f"{name}: not an image that Pillow can read.") from error
    except Exception as error:  # The decoders of damaged files raise OSError, SyntaxError, struct.error, IndexError ...
        raise InputError(f"{name}: cannot be decoded: {_sentence(str(error) or type(error).__name__)}") from error


def _samples(image: PIL.Image.Image, name: str) -> tuple[np.ndarray, list[str]]:
    """Samples [H, W, C] in [0, 1], or of 8 bits, with C = 1, 2 (gray, alpha), 3 or 4 (RGB, alpha), and notes."""
    _check_planes(image, name)
    notes, rawmode = [], _rawmode(image)  # Looking at the EXIF data of a PNG loads it, and then the rawmode is gone.
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        notes.append("turned upright by its EXIF orientation.")
    if rawmode == "LA;16B" or rawmode in _OTHER_BYTES:
        return _sixteen_bits(image, name, rawmode), notes + _ignored_key(image)
    if ";16" in rawmode and not image.mode.startswith("I"):
        notes.append("16-bit color read with 8 bits, which is what Pillow keeps of it.")
    pixels = PIL.ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return np.asarray(pixels)[..., None] / 65535, notes + _ignored_key(image)
    if image.mode in ("I", "F"):
        return _unscaled(np.asarray(pixels, np.float64), 65535 if image.mode == "I" else 1, name), notes
    if image.mode not in (*_GRAY, "RGB", "RGBA", "RGBa", "P", "PA"):
        notes.append(f"{image.mode} converted to RGB without a color profile.")
    target = ("L" if image.mode in _GRAY else "RGB") + ("A" if pixels.has_transparency_data else "")
    samples = np.asarray(pixels.convert(target))
    samples = samples.reshape(*samples.shape[:2], -1)
    return samples / 255 if target.endswith("A") else samples, notes


_ORIENTATION = 0x0112  # tag of EXIF
_PLANES, _BITS = 0x011C, 0x0102  # and of TIFF

_GRAY = ("1", "L", "LA", "La")

# Pillow's unpackers keep one byte of a 16-bit color sample; the one for the other byte order keeps the other byte.
_OTHER_ORDER = "B" if sys.byteorder == "little" else "L"
_OTHER_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    # In the order of this machine, of compressed TIFF files.
    "RGB;16N": f"RGB;16{_OTHER_ORDER}",
    "RGBA;16N": f"RGBA;16{_OTHER_ORDER}",
}


def _check_planes(image: PIL.Image.Image, name: str) -> None:
    """Pillow takes the bytes of such files for samples."""
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("RGB") and tags.get(_PLANES) == 2 and 16 in tags.get(_BITS, ()):
        raise InputError(
            f"{name}: holds 16-bit color in separate planes. Save it with its channels together, or as PNG."
        )


def _rawmode(image: PIL.Image.Image) -> str:
    """How the samples lie in the file, which is not always what the image's mode tells."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _sixteen_bits(image: PIL.Image.Image, name: str, rawmode: str) -> np.ndarray:
    if rawmode == "LA;16B":  # Read as if it were RGBA: high and low byte of gray, high and low byte of alpha.
        read = _read_as(image, name, "RGBA")
        return (256 * read[..., 0::2] + read[..., 1::2]) / 65535
    high = np.asarray(PIL.ImageOps.exif_transpose(image), np.float64)
    return (256 * high + _read_as(image, name, _OTHER_BYTES[rawmode])) / 65535


def _read_as(loaded: PIL.Image.Image, name: str, rawmode: str) -> np.ndarray:
    with PIL.Image.open(name) as image:
        image.seek(loaded.tell())
        tiles = image.tile
        arguments = [(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode for tile in tiles]
        image.tile = [tile._replace(args=args) for tile, args in zip(tiles, arguments, strict=True)]
        return np.asarray(PIL.ImageOps.exif_transpose(image), np.float64)


def _ignored_key(image: PIL.Image.Image) -> list[str]:
    return ["transparent color ignored: 16-bit images keep all their pixels."] if "transparency" in image.info else []


def _unscaled(samples: np.ndarray, largest: int, name: str) -> np.ndarray:
    lowest, highest = samples.min(), samples.max()
    if not (lowest >= 0 and highest <= largest):
        raise InputError(
            f"{name}: expected samples in [0, {largest}], got [{lowest:g}, {highest:g}]. "
            "Scale them, or compare arrays with jaxloss.evaluate.compare."
        )
    return samples[..., None] / largest


def _without_alpha(samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if samples.shape[-1] % 2:
        return samples, []
    color, alpha = samples[..., :-1], samples[..., -1:]
    if alpha.min() == 1:
        return color, ["opaque alpha channel dropped."]
    return alpha * color + (1 - alpha), ["alpha channel composited over white."]


def _sentence(text: str) -> str:
    """One line that ends with a full stop."""
    return " ".join(text.split()).rstrip(".") + "."
