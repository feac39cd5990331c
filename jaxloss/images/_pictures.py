"""Sheets of pictures: cells with titles and captions in a grid, above a bar that says what the colors mean."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ._colors import colorize


_MARGIN, _LINE, _TEXT = 16, 22, 15  # pixels: around a cell, from one line to the next, height of the letters
_SMALLEST = 224  # side of an image in a picture
_INK, _PAPER = (20, 20, 20), (255, 255, 255)

Font = PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont


class Cell(NamedTuple):
    """A picture with a title above and lines of text below."""

    title: str
    picture: PIL.Image.Image
    captions: tuple[str, ...] = ()


class Legend(NamedTuple):
    """What the colors of a sheet mean."""

    label: str
    low: str
    high: str


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


def grid(rows: Sequence[Sequence[Cell]], legend: Legend | None = None) -> PIL.Image.Image:
    """Cells in rows and columns, all columns of one width, with a color bar below if there is a legend."""
    width = max(_SMALLEST, max(cell.picture.width for row in rows for cell in row))
    heights = [max(cell.picture.height + _LINE * (1 + len(cell.captions)) for cell in row) for row in rows]
    columns = max(len(row) for row in rows)
    footer = _LINE + 24 if legend else 0
    size = (columns * (width + _MARGIN) + _MARGIN, sum(heights) + _MARGIN * (len(rows) + 1) + footer)
    sheet = PIL.Image.new("RGB", size, _PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            _draw_cell(sheet, draw, cell, (_MARGIN + column * (width + _MARGIN), top), width)
        top += height + _MARGIN
    if legend:
        _draw_color_bar(sheet, draw, top, legend)
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


def _draw_color_bar(sheet: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, top: int, legend: Legend) -> None:
    font = PIL.ImageFont.load_default(_TEXT)
    before, after = f"{legend.label}:  {legend.low}", legend.high
    left = _MARGIN + int(draw.textlength(f"{before}  ", font))
    right = min(sheet.width - _MARGIN - int(draw.textlength(f"  {after}", font)), left + 400)
    ramp = np.broadcast_to(np.linspace(0, 1, right - left), (_LINE, right - left))
    sheet.paste(PIL.Image.fromarray(colorize(ramp)), (left, top))
    draw.text((_MARGIN, top + 2), before, _INK, font)
    draw.text((right + 8, top + 2), after, _INK, font)


def _shorten(text: str, draw: PIL.ImageDraw.ImageDraw, font: Font, width: int) -> str:
    """The text with its middle left out, if it is wider than the cell: the ends of file names tell them apart."""
    kept = len(text)
    short = text
    while draw.textlength(short, font) > width and kept > 2:
        kept -= 1
        short = f"{text[: kept // 2]}...{text[-(kept - kept // 2) :]}"
    return short
