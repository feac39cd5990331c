"""Summaries and comparisons, against NumPy, SciPy and numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxloss.evaluate import _summaries
from jaxloss.evaluate._summaries import compare_methods, holm, interval_of_mean, summarize_metric


def named(values: np.ndarray) -> dict[str, float]:
    return {f"{number}.png": float(value) for number, value in enumerate(values)}


def test_summary_is_that_of_numpy_and_scipy(rng: np.random.Generator) -> None:
    values = rng.gamma(2, size=41)
    found = summarize_metric({**named(values), "none.png": math.nan}, better="lower")
    assert found is not None
    assert (found.pairs, found.infinite, found.mean) == (41, 0, pytest.approx(np.mean(values), rel=1e-12))
    assert found.finite_mean == found.mean
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert found.median == np.median(values) == found.quantiles["0.5"]
    assert found.quantiles["0.05"] == np.sort(values)[math.ceil(0.05 * 41) - 1]
    assert found.quantiles["0.95"] == np.sort(values)[math.ceil(0.95 * 41) - 1]
    assert found.worst == f"{np.argmax(values)}.png" and found.best == f"{np.argmin(values)}.png"
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, rng=np.random.default_rng(1)).confidence_interval
    assert (found.low, found.high) == pytest.approx(expected, abs=0.1 * (expected[1] - expected[0]))
    assert found == summarize_metric(named(values), better="lower"), "seeded"
    other = summarize_metric(named(values), better="higher")
    assert other is not None and other.best == found.worst


def test_infinite_scores_are_counted_and_make_the_mean_infinite() -> None:
    found = summarize_metric({"a": math.inf, "b": 30.0, "c": 40.0}, better="higher")
    assert found is not None
    assert (found.infinite, found.mean, found.finite_mean, found.median) == (1, math.inf, 35, 40)
    assert (found.best, found.worst) == ("a", "b")
    assert np.isnan([found.low, found.high, found.deviation]).all()
    assert summarize_metric({"a": math.nan}, better="higher") is None
    alone = summarize_metric({"a": 2.0}, better="higher")
    assert alone is not None and alone.mean == alone.median == 2
    assert np.isnan([alone.low, alone.deviation]).all()


def test_interval_of_many_is_normal(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    values = rng.normal(size=900)
    resampled = interval_of_mean(values)
    monkeypatch.setattr(_summaries, "MOST_RESAMPLED", 800)
    normal = interval_of_mean(values)
    half = 1.959964 * values.std(ddof=1) / 30
    assert normal == pytest.approx((values.mean(), values.mean() - half, values.mean() + half), rel=1e-6)
    assert resampled == pytest.approx(normal, abs=0.1 * half) and resampled != normal


def test_comparison_is_that_of_numpy_and_scipy(rng: np.random.Generator) -> None:
    first = rng.normal(size=60)
    second, third = first + rng.normal(0.4, 1, size=60), first.copy()
    third[:6] += 1
    scores = {"a": named(first), "b": {**named(second), "59.png": math.nan, "other.png": 3.0}, "c": named(third)}
    ab, ac, bc = compare_methods("psnr", scores, better="higher")
    assert (ab.first, ab.second, ab.pairs) == ("a", "b", 59)
    differences = (first - second)[:59]
    assert ab.difference.value == pytest.approx(differences.mean(), rel=1e-12)
    expected = stats.bootstrap((differences,), np.mean, n_resamples=20_000, rng=np.random.default_rng(1))
    width = np.ptp(expected.confidence_interval)
    assert ab.difference[1:] == pytest.approx(expected.confidence_interval, abs=0.1 * width)
    assert ab.p_value == stats.wilcoxon(differences)[1]
    assert (ab.first_better, ab.second_better) == ((differences > 0).sum(), (differences < 0).sum())
    assert (ac.first_better, ac.second_better, ac.pairs) == (0, 6, 60)
    assert ac.p_value == stats.wilcoxon((first - third)[:6])[1]
    assert [row.p_holm for row in (ab, ac, bc)] == holm([row.p_value for row in (ab, ac, bc)])
    lower = compare_methods("mse", scores, better="lower")[0]
    assert (lower.first_better, lower.second_better) == (ab.second_better, ab.first_better)


def test_comparison_of_equal_and_of_infinite_scores() -> None:
    scores = {"a": {"x": math.inf, "y": 1.0, "z": 2.0, "w": 0.0}, "b": {"x": math.inf, "y": 1.0, "z": 2.0, "w": 0.0}}
    (row,) = compare_methods("psnr", scores, better="higher")
    assert (row.difference, row.p_value, row.p_holm) == ((0, 0, 0), 1, 1)
    assert row.first_better == row.second_better == 0
    (row,) = compare_methods("psnr", {"a": scores["a"], "b": {**scores["b"], "x": 5.0}}, better="higher")
    assert row.difference.value == math.inf and math.isnan(row.difference.low) and row.first_better == 1
    (row,) = compare_methods("psnr", {"a": {"x": math.inf, "y": 1.0}, "b": {"x": 1.0, "y": math.inf}}, better="higher")
    assert math.isnan(row.difference.value) and row.p_value == 1
    assert compare_methods("psnr", {"a": {"x": 1.0}, "b": {"y": 1.0}}, better="higher") == []


def test_holm() -> None:
    """The example of Holm's procedure with 4 hypotheses: 0.005 * 4, 0.01 * 3, 0.03 * 2, and no smaller than before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1] and holm([]) == []
