"""The figure shows each condition in its color; without matplotlib it is said how to install it."""

import sys

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.curves import _plot, analyze, plot_curves
from tests.curves._curves import random_curves


CURVES = random_curves()


def test_every_condition_has_its_column_and_color() -> None:
    picture = plot_curves(CURVES, analyze(CURVES), loss="LPIPS")
    assert picture.mode == "RGB" and picture.width > 4 * 300 and picture.height > 600
    samples = np.asarray(picture)
    for number, color in enumerate(_plot.COLORS.values()):
        rows, columns = np.nonzero((samples == tuple(bytes.fromhex(color[1:]))).all(axis=-1))
        assert rows.size > 100
        assert (
            number / 4 - 0.06 < columns.min() / picture.width < columns.max() / picture.width < (number + 1) / 4 + 0.06
        )


def test_one_condition() -> None:
    curves = {"prompt": CURVES["prompt"]}
    assert 300 < plot_curves(curves, analyze(curves)).width < 600


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r'^drawing needs matplotlib: pip install "jaxloss\[plot\]"\.$'):
        plot_curves(CURVES, analyze(CURVES))
