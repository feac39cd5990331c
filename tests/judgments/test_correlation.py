"""Correlations equal scipy's; those after a fit are of what it predicts, with intervals that hold the truth."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from jaxloss.judgments import Logistic, correlate, fit_logistic, kendall, pearson, spearman


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(pearson, stats.pearsonr), (spearman, stats.spearmanr), (kendall, stats.kendalltau)],
    ids=["pearson", "spearman", "kendall"],
)
def test_correlations_are_those_of_scipy(
    ours: Callable[..., float], theirs: Callable[..., tuple[float, float]], rng: np.random.Generator
) -> None:
    for opinions in (rng.random(40), rng.integers(0, 5, 40), np.exp(9 * rng.random(40))):
        scores = 0.2 * opinions + rng.random(40)
        assert ours(scores, opinions) == pytest.approx(theirs(scores, opinions)[0], abs=1e-14)
        assert ours(-scores, opinions) == pytest.approx(-ours(scores, opinions), abs=1e-14)
    assert ours([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert ours(1e200 * np.arange(3), [4e-200, 2e-200, 0]) == pytest.approx(-1)


def noisy_opinions(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Falling scores: opinions go down from 5 to 1 as a distance goes up."""
    distances = rng.uniform(0, 1, 80)
    return distances, Logistic(np.array([1.0, 5.0, 0.4, 0.08])).predict(distances) + 0.3 * rng.standard_normal(80)


@pytest.mark.parametrize("logistic", [4, 5, None])
def test_what_is_correlated_after_a_fit(logistic: int | None, rng: np.random.Generator) -> None:
    distances, opinions = noisy_opinions(rng)
    found = correlate(distances, opinions, logistic=logistic, resamples=60)
    if logistic is None:
        predicted = np.polyval(np.polyfit(distances, opinions, 1), distances)
        linear = pearson(distances, opinions)
    else:
        predicted = fit_logistic(distances, opinions, coefficients=logistic).predict(distances)
        linear = pearson(predicted, opinions)
    expected = [linear, spearman(distances, opinions), kendall(distances, opinions)]
    assert [interval.value for interval in found[:3]] == pytest.approx(expected)
    assert found.rmse.value == pytest.approx(np.sqrt(np.mean((predicted - opinions) ** 2)))
    assert all(interval.low < interval.value < interval.high for interval in found)
    if logistic is not None:
        assert found.rmse.low < 0.3 < found.rmse.high < 0.5 and found.plcc.low > 0.95
    else:
        assert found.plcc.high < -0.9 and found.rmse.value > 0.4


def test_intervals_are_those_of_the_statistics_and_depend_on_the_seed(rng: np.random.Generator) -> None:
    scores, opinions = rng.random((2, 12))
    one, same, other = (correlate(scores, opinions, logistic=None, resamples=30, seed=seed) for seed in (0, 0, 1))
    assert one == same != other
    narrow = correlate(scores, opinions, logistic=None, resamples=30, level=0.5).srocc
    assert one.srocc.low < narrow.low < narrow.high < one.srocc.high


@pytest.mark.parametrize("function", [pearson, spearman, kendall, correlate])
def test_what_has_no_correlation(function: Callable[..., object]) -> None:
    name, column = function.__name__, np.arange(9.0)
    with pytest.raises(ValueError, match=rf"^{name}: expected at least \d trials, got 2\."):
        function([1, 2], [1, 2])
    with pytest.raises(ValueError, match=rf"^{name}: expected scores that vary, got 0\.5 throughout\."):
        function(np.full(9, 0.5), column)
    with pytest.raises(ValueError, match=rf"^{name}: expected opinions that vary, got 3 throughout\."):
        function(column, np.full(9, 3.0))
    with pytest.raises(ValueError, match=rf"^{name}: expected finite scores, got inf at 8\."):
        function(np.where(column < 8, column, np.inf), column)
    with pytest.raises(ValueError, match=rf"^{name}: expected finite opinions, got nan at 8\."):
        function(column, np.where(column < 8, column, np.nan))
    with pytest.raises(ValueError, match=rf"^{name}: expected scores and opinions of one shape"):
        function(column, column[:8])


def test_other_numbers_of_coefficients() -> None:
    with pytest.raises(ValueError, match=r"^correlate: expected logistic of 4, 5 or None, got 3\."):
        correlate([1, 2, 3], [1, 2, 3], logistic=3)
    with pytest.raises(ValueError, match=r"^correlate: expected at least 5 trials, got 3\."):
        correlate([1, 2, 3], [1, 2, 3], logistic=4)
