"""The figure of a training shows each curve in its color."""

import sys
from typing import Any

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.training import plot_training
from jaxloss.training._plot import ACCURACY, LOSS, SCORE


def history(held_out: bool) -> dict[str, Any]:
    curve: list[dict[str, Any]] = [{"epoch": 0, "steps": 0}]
    curve += [{"epoch": n, "steps": 9 * n, "loss": 0.7 - 0.01 * n, "accuracy": 0.6 + 0.02 * n} for n in (1, 2, 3)]
    if held_out:
        curve = [{**row, "held_out": {"score": 0.65, "low": 0.6, "high": 0.7}} for row in curve]
    return {"settings": {"net": "alex", "variant": "lin"}, "curve": curve}


@pytest.mark.parametrize("held_out", [False, True])
def test_curves_are_drawn(held_out: bool) -> None:
    picture = np.asarray(plot_training(history(held_out)))
    heights = {}
    for color in (LOSS, ACCURACY, SCORE):
        rows, columns = np.nonzero((picture == tuple(bytes.fromhex(color[1:]))).all(axis=-1))
        heights[color] = rows
        if rows.size:
            assert columns.max() - columns.min() > picture.shape[1] / 3
    assert heights[LOSS].max() < heights[ACCURACY].min()
    assert (heights[SCORE].size > 0) == held_out


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"^drawing needs matplotlib"):
        plot_training(history(False))
