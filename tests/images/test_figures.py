"""A figure becomes a picture of its size; without matplotlib it is said how to install it."""

import sys

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.images._figures import COLORS, DOTS_PER_INCH, new_figure, picture_of_figure, tidy


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


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r'^drawing needs matplotlib: pip install "jaxloss\[plot\]"\.$'):
        new_figure(2, 1)
