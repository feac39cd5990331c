"""A figure becomes a picture of its size; without matplotlib it is said how to install it."""

import sys

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.images._figures import COLORS, DOTS_PER_INCH, new_figure, new_panels, picture_of_figure, tidy


def test_figure_becomes_a_picture() -> None:
    figure = new_figure(2, 1.5)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color=COLORS[0], linewidth=6)
    tidy(axis)
    picture = picture_of_figure(figure)
    assert (picture.mode, picture.size) == ("RGB", (2 * DOTS_PER_INCH, 1.5 * DOTS_PER_INCH))
    samples = np.asarray(picture)
    assert (samples[0, 0] == 255).all()
    assert (samples == tuple(bytes.fromhex(COLORS[0][1:]))).all(axis=-1).sum() > 100
    assert not axis.spines["top"].get_visible() and axis.spines["left"].get_visible()


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 2, 2), (5, 3, 2)])
def test_panels(count: int, columns: int, rows: int) -> None:
    figure, panels = new_panels(count, 2, 1)
    assert len(panels) == count and all(axis.get_visible() for axis in panels)
    assert figure.get_size_inches().tolist() == [2 * columns, rows]
    assert sum(axis.get_visible() for axis in figure.axes) == count


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r'^drawing needs matplotlib: pip install "jaxloss\[plot\]"\.$'):
        new_figure(2, 1)
