"""Pictures that show where images differ: a heat map beside the images, and a sheet of distortions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ..metrics._ssim import ssim_map
from ..registry import METRICS
from ._colors import colorize
from ._errors import InputError
from ._images import ImageFile


_MARGIN, _LINE, _TEXT = 16, 22, 15  # pixels: around a cell, from one line to the next, height of the letters
_LARGEST, _SMALLEST, _SMALLEST_OF_MANY = 640, 224, 256  # sides of an image in a picture; "many" are more than 8 rows
_INK, _PAPER = (20, 20, 20), (255, 255, 255)

Font = PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont


class Cell(NamedTuple):
    """A picture with a title above and lines of text below."""

    title: str
    picture: PIL.Image.Image
    captions: tuple[str, ...] = ()


def dissimilarity_map(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Where an image differs in structure from its reference.

    Args:
        reference: `[H, W, C]`, floating, values in [0, 1].
        image: Image under test, same shape.

    Returns:
        `[H, W]`: 1 - SSIM, mean over the channels; 0 where they are equal, 1 where nothing is alike, up to 2 where one
        is the negative of the other; NaN along the border, where the window of SSIM leaves the image.

    Raises:
        InputError: If the image is smaller than the window of SSIM.

    Example:
        >>> import numpy as np
        >>> from jaxloss.evaluate import dissimilarity_map
        >>> gray = np.full((12, 12, 1), 0.5, np.float32)
        >>> field = dissimilarity_map(gray, gray)
        >>> print(field.shape, np.nanmax(np.abs(field)) < 1e-6, np.isnan(field).sum())
        (12, 12) True 140
    """
    height, width = reference.shape[:2]
    if min(height, width) < METRICS["ssim"].smallest:
        least = METRICS["ssim"].smallest
        raise InputError(f"a map of the SSIM needs images of {least} x {least} pixels, got {width} x {height}.")
    field = 1 - np.asarray(_ssim_map(jnp.asarray(image), jnp.asarray(reference))).mean(axis=-1)
    above, left = (height - field.shape[0]) // 2, (width - field.shape[1]) // 2
    below, right = height - field.shape[0] - above, width - field.shape[1] - left
    return np.pad(field, ((above, below), (left, right)), constant_values=np.nan)


@jax.jit
def _ssim_map(x: jax.Array, y: jax.Array) -> jax.Array:
    return ssim_map(x, y, data_range=1.0)


def heat_map_picture(reference: ImageFile, images: Sequence[ImageFile]) -> PIL.Image.Image:
    """One row for each image: the reference, the image, and the map of their dissimilarity.

    Args:
        reference: The reference.
        images: Images of the same shape.

    Returns:
        An RGB picture with a color bar below. Small images are enlarged, large ones reduced.

    Raises:
        InputError: If the images are smaller than the window of SSIM.

    Example:
        >>> import numpy as np
        >>> from jaxloss.evaluate import ImageFile, heat_map_picture
        >>> gray = ImageFile("gray.png", np.full((64, 64, 1), 0.5, np.float32), ())
        >>> print(heat_map_picture(gray, [gray]).size)
        (832, 378)
    """
    limit = _LARGEST if len(images) <= 8 else _SMALLEST_OF_MANY
    rows = []
    for image in images:
        field = dissimilarity_map(reference.pixels, image.pixels)
        score = 1 - float(np.nanmean(field))
        spread = f"from {np.nanmin(field):.3f} to {np.nanmax(field):.3f}"
        rows.append(
            [
                Cell(_last(reference.name), fit(picture_of(reference.pixels), limit), ("reference",)),
                Cell(_last(image.name), fit(picture_of(image.pixels), limit), (f"SSIM {score:.4f}",)),
                Cell("dissimilarity, 1 - SSIM", fit(PIL.Image.fromarray(colorize(field)), limit), (spread,)),
            ]
        )
    return grid(rows, color_bar=True)


def contact_sheet(
    reference: np.ndarray,
    images: Mapping[str, np.ndarray],
    captions: Mapping[str, tuple[str, ...]],
    *,
    title: str = "reference",
    columns: int = 4,
) -> PIL.Image.Image:
    """The reference and its distorted copies, each above its map of dissimilarity and its scores.

    Args:
        reference: `[H, W, C]`, values in [0, 1].
        images: Title to image, same shape.
        captions: Title to the lines below the map.
        title: Title of the reference.
        columns: Cells in a row.

    Returns:
        An RGB picture with a color bar below.

    Raises:
        InputError: If the images are smaller than the window of SSIM.

    Example:
        >>> import numpy as np
        >>> from jaxloss.evaluate import contact_sheet
        >>> gray = np.full((64, 64, 1), 0.5, np.float32)
        >>> print(contact_sheet(gray, {"same": gray}, {"same": ("SSIM 1.000",)}, columns=2).size)
        (560, 638)
    """
    cells = [Cell(name, _above_map(reference, image), captions.get(name, ())) for name, image in images.items()]
    cells.insert(0, Cell(title, _above_map(reference, reference), captions.get(title, ())))
    return grid([cells[i : i + columns] for i in range(0, len(cells), columns)], color_bar=True)


def _above_map(reference: np.ndarray, image: np.ndarray) -> PIL.Image.Image:
    upper = fit(picture_of(image), _LARGEST)
    lower = fit(PIL.Image.fromarray(colorize(dissimilarity_map(reference, image))), _LARGEST)
    both = PIL.Image.new("RGB", (upper.width, 2 * upper.height + 4), _PAPER)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height + 4))
    return both


def picture_of(pixels: np.ndarray) -> PIL.Image.Image:
    """`[H, W, C]` in [0, 1] to an RGB picture of 8 bits."""
    samples = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return PIL.Image.fromarray(np.broadcast_to(samples, (*samples.shape[:2], 3)).copy())


def fit(picture: PIL.Image.Image, limit: int) -> PIL.Image.Image:
    """Reduced to at most `limit` pixels a side; a tiny one is enlarged by a whole factor, so that its pixels show."""
    longest = max(picture.size)
    if longest > limit:
        size = [max(1, round(side * limit / longest)) for side in picture.size]
        return picture.resize((size[0], size[1]), PIL.Image.Resampling.BOX)
    factor = max(1, min(limit // longest, -(-_SMALLEST // longest)))
    return picture.resize((picture.width * factor, picture.height * factor), PIL.Image.Resampling.NEAREST)


def grid(rows: Sequence[Sequence[Cell]], *, color_bar: bool) -> PIL.Image.Image:
    """Cells in rows and columns, all columns of one width."""
    width = max(_SMALLEST, max(cell.picture.width for row in rows for cell in row))
    heights = [max(cell.picture.height + _LINE * (1 + len(cell.captions)) for cell in row) for row in rows]
    columns = max(len(row) for row in rows)
    footer = _LINE + 24 if color_bar else 0
    size = (columns * (width + _MARGIN) + _MARGIN, sum(heights) + _MARGIN * (len(rows) + 1) + footer)
    sheet = PIL.Image.new("RGB", size, _PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            _draw_cell(sheet, draw, cell, (_MARGIN + column * (width + _MARGIN), top), width)
        top += height + _MARGIN
    if color_bar:
        _draw_color_bar(sheet, draw, top)
    return sheet


def _draw_cell(
    sheet: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, cell: Cell, corner: tuple[int, int], width: int
) -> None:
    left, top = corner
    font = PIL.ImageFont.load_default(_TEXT)
    draw.text((left, top), _shorten(cell.title, draw, font, width), _INK, font)
    top += _LINE
    sheet.paste(cell.picture, (left, top))
    for line, caption in enumerate(cell.captions):
        draw.text((left, top + cell.picture.height + 3 + line * _LINE), caption, _INK, font)


def _draw_color_bar(sheet: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, top: int) -> None:
    font = PIL.ImageFont.load_default(_TEXT)
    label, low, high = "1 - SSIM:", "0 (alike)", "1 and more"
    left = _MARGIN + int(draw.textlength(f"{label}  {low}  ", font))
    right = min(sheet.width - _MARGIN - int(draw.textlength(f"  {high}", font)), left + 400)
    ramp = np.broadcast_to(np.linspace(0, 1, right - left), (_LINE, right - left))
    sheet.paste(PIL.Image.fromarray(colorize(ramp)), (left, top))
    draw.text((_MARGIN, top + 2), f"{label}  {low}", _INK, font)
    draw.text((right + 8, top + 2), high, _INK, font)


def _shorten(text: str, draw: PIL.ImageDraw.ImageDraw, font: Font, width: int) -> str:
    """The text with its middle left out, if it is wider than the cell: the ends of file names tell them apart."""
    kept = len(text)
    short = text
    while draw.textlength(short, font) > width and kept > 2:
        kept -= 1
        short = f"{text[: kept // 2]}...{text[-(kept - kept // 2) :]}"
    return short


def _last(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]
