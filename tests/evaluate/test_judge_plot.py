"""Bars of verdicts: one panel each, the best in its color, people as a line."""

import numpy as np
import PIL.Image

from jaxloss.evaluate import Verdict, plot_verdicts
from jaxloss.evaluate._judge_plot import BAR, BEST
from jaxloss.judgments import Interval


def verdict(name: str, kind: str = "2afc", ceiling: Interval | None = None) -> Verdict:
    scores = {"mse": Interval(0.6, 0.55, 0.65), "ssim": Interval(0.7, 0.66, 0.74), "lpips": Interval(0.48, 0.4, 0.5)}
    return Verdict(name, kind, 50, scores, 0.5, ceiling)


def pixels_of(picture: PIL.Image.Image, color: str) -> np.ndarray:
    return (np.asarray(picture) == tuple(bytes.fromhex(color[1:]))).all(axis=-1)


def test_panels() -> None:
    people = Interval(0.8, 0.78, 0.82)
    verdicts = [verdict("a", ceiling=people), verdict("b"), verdict("c", "jnd"), verdict("d", "opinion")]
    row = plot_verdicts(verdicts)
    assert row.mode == "RGB" and row.width > 1000
    bars, best = pixels_of(row, BAR), pixels_of(row, BEST)
    for panel in range(4):
        begin, end = (round(0.1 * row.width + 0.22 * row.width * place) for place in (panel, panel + 1))
        assert bars[:, begin:end].sum() > 500 and best[:, begin:end].sum() > bars[:, begin:end].sum()
    two_rows = plot_verdicts([*verdicts, verdict("e")._replace(scores={"mse": Interval(0.7, 0.6, 0.8)})])
    assert two_rows.height > 1.8 * row.height and two_rows.width == row.width
    alone = plot_verdicts(verdicts[:1])
    assert alone.width < row.width / 2
