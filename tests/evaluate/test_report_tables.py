"""Rows of the tables: what they mark as better is."""

import math

import pytest

from jaxloss.evaluate._report_records import Run
from jaxloss.evaluate._report_tables import comparison_groups, metric_rows
from jaxloss.evaluate._summaries import Comparison, compare_methods, summarize_metric
from jaxloss.judgments import Interval


METHODS = {"a": {"name": "a", "color": 0}, "b": {"name": "b", "color": 1}}
RUN = Run({}, {"psnr": "higher", "mae": "lower"}, ("a", "b"), (), ())
LESS, MORE = {str(n): float(n) for n in range(9)}, {str(n): n + 2.0 for n in range(9)}


@pytest.mark.parametrize(("metric", "best"), [("psnr", "b"), ("mae", "a")])
def test_the_better_mean_is_marked(metric: str, best: str) -> None:
    better = RUN.better[metric]
    found = {name: summarize_metric(scores, better=better) for name, scores in (("a", LESS), ("b", MORE))}
    group = metric_rows(RUN, metric, {name: {metric: s} if s else {} for name, s in found.items()}, METHODS)
    assert [row["method"]["name"] for row in group["rows"] if row["top"]] == [best]
    first, second = group["rows"]
    assert (first["mean"], second["mean"], first["pairs"]) == ("4", "6", "9")
    assert first["box"] == {"q05": 0, "q25": 20, "median": 40, "q75": 60, "q95": 80, "mean": 40}
    assert second["box"]["q95"] == 100 and first["interval"].startswith("[")
    summaries = {name: {metric: found["a"]} for name in METHODS if found["a"]}
    assert not any(row["top"] for row in metric_rows(RUN, metric, summaries, METHODS)["rows"]), "a tie"


def test_infinite_mean_has_no_dot() -> None:
    summary = summarize_metric({"x": math.inf, "y": 3.0, "z": 5.0}, better="higher")
    assert summary is not None
    (row,) = metric_rows(RUN, "psnr", {"a": {"psnr": summary}, "b": {}}, METHODS)["rows"]
    assert (row["mean"], row["infinite"], row["box"]) == ("∞", "1 infinite, others 4", None)


@pytest.mark.parametrize(("metric", "best"), [("psnr", "b"), ("mae", "a")])
def test_winner_is_the_better_one(metric: str, best: str) -> None:
    rows = compare_methods(metric, {"a": LESS, "b": MORE}, better=RUN.better[metric])
    (group,) = comparison_groups(RUN, rows, METHODS)
    (row,) = group["rows"]
    assert group["name"] == metric and row["winner"]["name"] == best and row["difference"] == "−2"
    assert (row["first_share"], row["second_share"]) == (("", "100 %") if best == "b" else ("100 %", ""))
    assert row["box"] == {"value": 0, "low": 0, "high": 0, "zero": 100}
    assert row["wins_text"].startswith("a is better on ")


def test_no_winner_without_evidence() -> None:
    row = Comparison("psnr", "a", "b", 20, Interval(1, -1, 3), 11, 9, 0.2, 0.2)
    certain = row._replace(p_value=0.001, p_holm=0.001)
    mixed = certain._replace(first_better=5, second_better=15)  # a larger mean on fewer pairs
    unknown = certain._replace(difference=Interval(math.nan, math.nan, math.nan))
    (group,) = comparison_groups(RUN, [row, certain, mixed, unknown], METHODS)
    assert [entry["winner"] for entry in group["rows"]] == [None, METHODS["a"], None, None]
    assert group["rows"][3]["box"] is None
