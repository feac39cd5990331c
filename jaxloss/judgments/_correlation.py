"""Agreement of a metric's scores with people's opinions: correlations, and how far off the scores are."""

from typing import NamedTuple

import numpy as np

from .._checks import error_text
from ._columns import Column, check_columns, check_varies
from ._intervals import LEAST_TRIALS, Interval, bootstrap_intervals
from ._logistic import FORMS, curve_at, first_fit, fit_near, standardized


class Correlations(NamedTuple):
    """How scores go with opinions, each with its confidence interval.

    Attributes:
        plcc: Pearson's linear correlation of the opinions with those that the fitted curve predicts.
        srocc: Spearman's correlation of ranks.
        krocc: Kendall's.
        rmse: Root mean square of what the curve is off, in units of the opinions; lower is better.
    """

    plcc: Interval
    srocc: Interval
    krocc: Interval
    rmse: Interval


def pearson(scores: Column, opinions: Column) -> float:
    """Pearson's linear correlation.

    Args:
        scores: Of a metric, `[n]`, n >= 3.
        opinions: Of people on the same images, `[n]`.

    Returns:
        In [-1, 1]; 1 where the two lie on a rising line, -1 on a falling one.

    Example:
        >>> from jaxloss.judgments import pearson
        >>> print(round(pearson([0.1, 0.2, 0.3, 0.4], [5, 4, 4, 1]), 3))
        -0.9

    Reference:
        `scipy.stats.pearsonr` gives the same number.
    """
    return _pearson(*_pair("pearson", scores, opinions))


def spearman(scores: Column, opinions: Column) -> float:
    """Spearman's correlation of ranks: Pearson's of the places in order, shared by equal ones.

    Args:
        scores: Of a metric, `[n]`, n >= 3.
        opinions: Of people on the same images, `[n]`.

    Returns:
        In [-1, 1]; 1 where one always rises with the other, -1 where it falls.

    Example:
        >>> from jaxloss.judgments import spearman
        >>> print(round(spearman([0.1, 0.2, 0.3, 0.4], [5, 4, 4, 1]), 3))
        -0.949

    Reference:
        `scipy.stats.spearmanr` gives the same number.
    """
    return _spearman(*_pair("spearman", scores, opinions))


def kendall(scores: Column, opinions: Column) -> float:
    """Kendall's correlation of ranks, tau-b: how many more pairs of images are in the same order than in opposite ones.

    Args:
        scores: Of a metric, `[n]`, n >= 3.
        opinions: Of people on the same images, `[n]`.

    Returns:
        In [-1, 1]; 1 where all pairs are in the same order, -1 where all are in opposite ones.

    Example:
        >>> from jaxloss.judgments import kendall
        >>> print(round(kendall([0.1, 0.2, 0.3, 0.4], [5, 4, 4, 1]), 3))
        -0.913

    Reference:
        `scipy.stats.kendalltau` gives the same number.
    """
    return _kendall(*_pair("kendall", scores, opinions))


def correlate(
    scores: Column,
    opinions: Column,
    *,
    logistic: int | None = 5,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Correlations:
    """The four numbers by which metrics are usually held against mean opinions, with bootstrap intervals.

    The curve is fitted anew to each resample, so that the intervals tell its uncertainty, too.

    Args:
        scores: Of a metric, `[n]`, n of at least 3 and more than the curve has coefficients.
        opinions: Mean opinions of people on the same images, `[n]`.
        logistic: Coefficients of the curve, 4 or 5, see `fit_logistic`; None for a line, with which `plcc` has the sign
            of `pearson`.
        level: Of the intervals, in (0, 1).
        resamples: How many.
        seed: Of the random numbers.

    Returns:
        `Correlations`. Those of ranks are negative where a metric falls as opinions rise.

    Example:
        >>> import numpy as np
        >>> from jaxloss.judgments import correlate
        >>> scores = np.linspace(0, 1, 30)
        >>> found = correlate(scores, 5 - 4 * scores**3 + 0.2 * np.cos(90 * scores), resamples=100)
        >>> print(f"{found.plcc.value:.2f} {found.srocc.value:.2f} {found.krocc.value:.2f} {found.rmse.value:.2f}")
        0.99 -0.95 -0.87 0.16

    Reference:
        Sheikh, Sabir, Bovik, IEEE TIP 2006, https://doi.org/10.1109/TIP.2006.881959.
    """
    name = "correlate"
    if logistic is not None and logistic not in FORMS:
        raise ValueError(error_text(name, "logistic of 4, 5 or None", logistic, "These are numbers of coefficients."))
    score, opinion = _pair(name, scores, opinions, least=max(LEAST_TRIALS, 1 + (logistic or 0)))
    (x, *_), (y, _, spread) = standardized(score), standardized(opinion)
    curve = None if logistic is None else first_fit(x, y, logistic)

    def statistic(x: np.ndarray, y: np.ndarray) -> list[float]:
        check_varies(name, scores=x, opinions=y)
        if curve is None:
            predicted = np.polyval(np.polyfit(x, y, 1), x)
            linear = _pearson(x, y)
        else:
            predicted = curve_at(fit_near(x, y, [curve], evaluations=20), x)
            check_varies(name, predictions=predicted)
            linear = _pearson(predicted, y)
        error = spread * float(np.sqrt(np.mean((predicted - y) ** 2)))
        return [linear, _spearman(x, y), _kendall(x, y), error]

    return Correlations(*bootstrap_intervals(name, statistic, [x, y], level=level, resamples=resamples, seed=seed))


def _pair(name: str, scores: Column, opinions: Column, least: int = LEAST_TRIALS) -> list[np.ndarray]:
    columns = check_columns(name, least=least, scores=scores, opinions=opinions)
    check_varies(name, scores=columns[0], opinions=columns[1])
    return columns


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    # Unit vectors before the product: that of two tiny or huge deviations leaves the range of numbers.
    x, y = (z / np.abs(z).max() for z in (x - x.mean(), y - y.mean()))
    return float(np.clip((x / np.linalg.norm(x)) @ (y / np.linalg.norm(y)), -1, 1))


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    from scipy import stats

    return _pearson(stats.rankdata(x), stats.rankdata(y))


def _kendall(x: np.ndarray, y: np.ndarray) -> float:
    from scipy import stats

    tau, _ = np.array([*stats.kendalltau(x, y)])
    return float(tau)
