"""Figures as pictures: what all plots of the package have in common."""

import io
from typing import TYPE_CHECKING

import PIL.Image

from .._files import InputError


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0b6e99", "#b3343a", "#2f7d4f", "#8a4f9e", "#b8860b", "#57606a")  # of what is told apart
FAINT, GRID, LINE = "#57606a", "#e4e7eb", "#24292f"
DOTS_PER_INCH = 100
MOST_COLUMNS = 3


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of such a size in inches."""
    try:
        from matplotlib.figure import Figure  # no pyplot: nothing global, and no window
    except ImportError as error:
        raise InputError('drawing needs matplotlib: pip install "jaxloss[plot]".') from error
    return Figure(figsize=(width, height), layout="constrained")


def new_panels(count: int, width: float, height: float) -> "tuple[Figure, list[Axes]]":
    """A figure of that many panels, each of such a size in inches, in rows of at most three."""
    columns = 2 if count == 4 else min(MOST_COLUMNS, count)
    rows = -(-count // columns)
    figure = new_figure(width * columns, height * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axis in panels[count:]:
        axis.set_visible(False)
    return figure, panels[:count]


def tidy(axis: "Axes") -> None:
    """A faint grid behind what is drawn, and no frame around it."""
    axis.grid(color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def picture_of_figure(figure: "Figure") -> PIL.Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor="white")
    return PIL.Image.open(buffer).convert("RGB")
