"""Picture files: refused before the work if they cannot be written, and written whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path

import PIL.Image

from .._files import check_destination as check_path, part_file


def check_destination(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """The path of a picture to be written, if one can be written there: ask before the work that makes it.

    Args:
        path: Where to; the extension chooses the format.
        inputs: Files to be read, which the picture must not replace.

    Returns:
        The path.

    Raises:
        InputError: If no picture can be written there, or if it is one of the inputs.

    Example:
        >>> import jaxloss
        >>> from jaxloss.images import check_destination
        >>> try:
        ...     check_destination("map.text")
        ... except jaxloss.InputError as error:
        ...     print(error)
        map.text: no picture format is known by the extension '.text'. Use .png.
    """
    known = {extension for extension, name in PIL.Image.registered_extensions().items() if name in PIL.Image.SAVE}
    path = check_path(path, [".png", *known], "picture format", inputs)
    # Permissions and what a format cannot hold show only when something is written.
    with part_file(path) as part:
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
        >>> from jaxloss.images import read_image, save_picture
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_picture(PIL.Image.new("RGB", (3, 2), "white"), f"{folder}/white.png")
        ...     print(read_image(f"{folder}/white.png").pixels.shape)
        (2, 3, 3)
    """
    path = Path(path)
    with part_file(path) as part:
        picture.save(part)
        os.replace(part, path)
