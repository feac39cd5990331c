"""Picture files: refused before the work if they cannot be written, and written whole or not at all."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import PIL.Image

from ._errors import InputError


def check_destination(path: str | os.PathLike[str], inputs: Iterable[str] = ()) -> Path:
    """The path of a picture to be written, if one can be written there and it is none of the inputs."""
    path = Path(path)
    writable = {extension for extension, name in PIL.Image.registered_extensions().items() if name in PIL.Image.SAVE}
    if path.suffix.lower() not in writable:
        raise InputError(f"{path}: no picture format is known by the extension {path.suffix!r}. Use .png.")
    if path.is_dir():
        raise InputError(f"{path}: is a directory. Name a file in it: {path / 'map.png'}.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the directory {path.parent} does not exist.")
    if path.exists() and any(os.path.exists(name) and os.path.samefile(name, path) for name in inputs):
        raise InputError(f"{path}: is one of the images to read. Choose another name for the picture.")
    # Permissions and what a format cannot hold show only when something is written.
    with _part_of(path) as part:
        PIL.Image.new("RGB", (16, 16)).save(part)
    return path


def save_picture(picture: PIL.Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a picture so that no half of it is ever seen: to a file beside the destination, which is then renamed.

    Args:
        picture: What `heat_map_picture` and `contact_sheet` return, or any other picture of Pillow.
        path: Where to; the extension chooses the format. A file that is there is replaced.

    Raises:
        InputError: If it cannot be written.

    Example:
        >>> import tempfile, PIL.Image
        >>> from jaxloss.evaluate import read_image, save_picture
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_picture(PIL.Image.new("RGB", (3, 2), "white"), f"{folder}/white.png")
        ...     print(read_image(f"{folder}/white.png").pixels.shape)
        (2, 3, 3)
    """
    path = Path(path)
    with _part_of(path) as part:
        picture.save(part)
        os.replace(part, path)


@contextlib.contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """A file beside the destination, which is gone afterwards in any case."""
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield part
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    finally:
        part.unlink(missing_ok=True)
