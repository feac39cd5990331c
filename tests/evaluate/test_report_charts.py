"""Marks stand where their numbers are."""

import math
import re

import numpy as np
import pytest

from jaxloss.evaluate._report_charts import distribution_panels, percent_of, score_text
from jaxloss.evaluate._report_records import Record, Run
from jaxloss.evaluate._summaries import summarize_metric


METHODS = {"a": {"name": "a", "color": 0}, "b": {"name": "b", "color": 1}}


def run_of(**scores: list[float]) -> Run:
    records = [
        Record(method, f"{number:03}", "", "", (8, 8, 3), {"psnr": score}, {}, "")
        for method, values in scores.items()
        for number, score in enumerate(values)
    ]
    return Run({}, {"psnr": "higher"}, tuple(scores), tuple(records), ())


def panels(run: Run) -> list:
    found = {method: summarize_metric(run.scores(method, "psnr"), better="higher") for method in run.methods}
    return distribution_panels(run, {m: {"psnr": s} if s else {} for m, s in found.items()}, METHODS)


def test_numbers() -> None:
    assert [score_text(x) for x in (-1.23456, math.inf, -math.inf, math.nan, 0.0)] == ["−1.235", "∞", "−∞", "-", "0"]
    assert percent_of(3, [2.0, 6.0, math.nan, math.inf]) == 25 and percent_of(2, [2.0]) == 50
    assert percent_of(math.inf, [1.0, 2.0]) is None and percent_of(1, [math.inf]) is None


def test_bars_are_those_of_the_histogram(rng: np.random.Generator) -> None:
    values = rng.normal(30, 4, size=64)
    (panel,) = panels(run_of(a=values.tolist(), b=[*values[:8].tolist(), math.inf]))
    first, second = panel["rows"]
    count, edges = np.histogram(values, 8)
    bars = re.findall(r"M([\d.]+) 100v-([\d.]+)h", first["path"])
    assert [float(height) for _, height in bars] == pytest.approx(96 * count[count > 0] / count.max(), abs=0.05)
    assert [float(left) for left, _ in bars] == pytest.approx(12.5 * np.flatnonzero(count), abs=0.01)
    assert first["mean"] == pytest.approx(100 * (values.mean() - edges[0]) / np.ptp(edges), abs=0.01)
    assert second["mean"] is None and panel["remark"] == "And 1 infinite."
    assert (panel["lowest"], panel["highest"]) == (f"{edges[0]:.3g}", f"{edges[-1]:.3g}")


def test_equal_scores_and_none() -> None:
    (panel,) = panels(run_of(a=[2.0, 2.0, 2.0], b=[math.nan]))
    (row,) = panel["rows"]
    assert row["path"].count("M") == 1 and row["median"] == 50
    assert panels(run_of(a=[math.inf], b=[math.nan])) == []
