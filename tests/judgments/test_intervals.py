"""Intervals against scipy's and the normal law; the paired test against every way to exchange two metrics."""

import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy import stats

from jaxloss.judgments import (
    agreement,
    bootstrap_interval,
    jnd_score,
    kendall,
    paired_test,
    pearson,
    spearman,
    two_afc_score,
)


def test_interval_of_a_mean_is_that_of_the_normal_law(rng: np.random.Generator) -> None:
    values = rng.standard_normal(400)
    found = bootstrap_interval(np.mean, values, level=0.9)
    assert found.value == pytest.approx(values.mean())
    half = stats.norm.ppf(0.95) * values.std() / 20
    np.testing.assert_allclose([found.low, found.high], values.mean() + np.array([-half, half]), atol=0.07 * half)


@pytest.mark.parametrize("method", ["BCa", "percentile"])
def test_one_by_one_and_at_once_give_the_interval_of_scipy(method: str, rng: np.random.Generator) -> None:
    values = rng.exponential(size=20)
    at_once, single = (
        bootstrap_interval(statistic, values, resamples=99, seed=3, method=method)
        for statistic in (np.mean, lambda sample: float(sample.mean()))
    )
    generator = np.random.default_rng(3)
    expected = stats.bootstrap([values], np.mean, n_resamples=99, method=method, rng=generator).confidence_interval
    np.testing.assert_allclose(at_once, [values.mean(), expected.low, expected.high])
    np.testing.assert_allclose(single, at_once)
    assert bootstrap_interval(np.mean, values, resamples=99, seed=4, method=method) != at_once
    assert bootstrap_interval(np.mean, values, resamples=99, seed=3) == bootstrap_interval(
        np.mean, values, resamples=99, seed=3, method="BCa"
    )


def test_trials_stay_together() -> None:
    line = np.linspace(0, 1, 12)
    assert bootstrap_interval(pearson, line, 3 - 2 * line, resamples=50) == pytest.approx((-1, -1, -1))


def test_undefined_resamples_are_left_out() -> None:
    """Of 3 trials one resample in 9 has equal scores, and so have some without one of them."""
    found = bootstrap_interval(spearman, [1, 2, 3], [2, 1, 3], resamples=200)
    assert found == pytest.approx((0.5, -1, 1))
    with pytest.raises(ValueError, match=r"^bootstrap_interval: expected a statistic of resamples, got one undefined"):
        bootstrap_interval(partial(only_whole, size=3), [1, 2, 3], resamples=50)


def only_whole(sample: np.ndarray, *, size: int) -> float:
    """Undefined where a trial is drawn twice."""
    if len(set(sample)) < size:
        raise ValueError
    return float(sample.sum())


def test_certain_statistic_has_no_width() -> None:
    assert bootstrap_interval(two_afc_score, np.zeros(9), np.ones(9), np.zeros(9), resamples=20) == (1, 1, 1)


Distances = tuple[np.ndarray, np.ndarray]


def sides(rng: np.random.Generator, trials: int) -> tuple[np.ndarray, Distances, Distances]:
    """Judgments, and the distances of a metric that goes with them and of one on another scale that does not."""
    judge = rng.integers(0, 6, trials) / 5
    good, poor = 0.3 * rng.random((2, trials)), 100 * rng.random((2, trials))
    return judge, (judge + good[0], 1 - judge + good[1]), (poor[0], poor[1])


def test_p_value_counts_all_exchanges(rng: np.random.Generator) -> None:
    judge, good, poor = sides(rng, 8)
    found = paired_test(two_afc_score, good, poor, judge, resamples=256)
    differences = agreement(*good, judge) - agreement(*poor, judge)
    sums = [float(np.dot(signs, differences)) for signs in itertools.product((1, -1), repeat=8)]
    assert found.p_value == pytest.approx(np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9))
    assert found.difference.value == pytest.approx(differences.mean()) == pytest.approx(found.first - found.second)
    assert (found.first, found.second) == (two_afc_score(*good, judge), two_afc_score(*poor, judge))


@pytest.mark.parametrize("statistic", [jnd_score, spearman, kendall, pearson])
def test_metrics_of_different_scales(statistic: Callable[..., float], rng: np.random.Generator) -> None:
    said = rng.random(60)
    good, equal, poor = said + 0.2 * rng.random(60), 1e3 * (said + 0.2 * rng.random(60)), 1e3 * rng.random(60)
    if statistic is jnd_score:
        said = 1 - said
    test = partial(paired_test, statistic, resamples=99, seed=1)
    found = test(good, poor, said)
    assert found.p_value == 2 / 100 and 0 < found.difference.low < found.difference.value < found.difference.high
    back = test(poor, good, said)
    assert (back.first, back.p_value, back.difference.value) == (found.second, 2 / 100, -found.difference.value)
    near = test(good, equal, said)
    assert near.p_value > 0.1 and abs(near.difference.value) < found.difference.low
    same = test(good, good, said)
    assert same.p_value == 1 and same.difference == (0, 0, 0)


def test_what_is_refused() -> None:
    column = np.arange(5.0)
    with pytest.raises(ValueError, match=r"^bootstrap_interval: expected at least 3 trials, got 2"):
        bootstrap_interval(np.mean, [1, 2])
    with pytest.raises(ValueError, match=r"^bootstrap_interval: expected level between 0 and 1, got 95"):
        bootstrap_interval(np.mean, column, level=95)
    with pytest.raises(ValueError, match=r"^bootstrap_interval: expected resamples >= 1, got 0"):
        bootstrap_interval(np.mean, column, resamples=0)
    with pytest.raises(ValueError, match=r"^bootstrap_interval: expected method one of \['BCa', 'percentile'\]"):
        bootstrap_interval(np.mean, column, method="basic")
    with pytest.raises(ValueError, match=r"^bootstrap_interval: expected sample 1 without NaN, got nan at 0"):
        bootstrap_interval(pearson, column, [math.nan, 1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"^paired_test: expected as many columns of first as of second, got 2 and 1"):
        paired_test(two_afc_score, (column, column), column, column)
    with pytest.raises(ValueError, match=r"^paired_test: expected first 0 and second 0 and judgments 0 of one shape"):
        paired_test(spearman, column, column, column[:4])
    with pytest.raises(ValueError, match=r"^paired_test: expected a statistic that depends on order, or up to scale"):
        paired_test(lambda scores, opinions: float((scores * opinions).mean()), column, column**2, column)
