"""The scores of methods in a few numbers: each method by itself, and two of them on the pairs that both have."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..judgments import Interval, bootstrap_interval


LEVEL = 0.95
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEAST_PAIRS = 3  # for an interval
MOST_RESAMPLED = 20_000  # pairs; beyond, the bootstrap interval of a mean is the normal one to within a percent


class MetricSummary(NamedTuple):
    """The scores of a method by one metric.

    Attributes:
        pairs: Those that have a score.
        infinite: How many of these scores are infinite.
        mean: Of all scores, so it is infinite if one of them is.
        finite_mean: Of the finite scores.
        low: Lower end of the bootstrap interval of the mean; NaN below three pairs and where scores are infinite.
        high: Upper end.
        deviation: Standard deviation, of n - 1; NaN likewise.
        median: The quantile 0.5.
        quantiles: Share to quantile, each the score of a pair: of two in the middle, the lower one.
        best: Name of the pair with the best score.
        worst: Name of the pair with the worst score.
    """

    pairs: int
    infinite: int
    mean: float
    finite_mean: float
    low: float
    high: float
    deviation: float
    median: float
    quantiles: dict[str, float]
    best: str
    worst: str


class Comparison(NamedTuple):
    """Two methods by one metric, on the pairs that both have a score of.

    Attributes:
        metric: Its name.
        first: A method.
        second: Another one.
        pairs: How many both have.
        difference: Mean of first less second, with its bootstrap interval.
        first_better: On how many pairs the first one has the better score.
        second_better: Likewise; on the others they are equal.
        p_value: Of Wilcoxon's signed-rank test that neither is better.
        p_holm: The same, corrected by Holm's step-down for all pairs of methods compared by this metric.
    """

    metric: str
    first: str
    second: str
    pairs: int
    difference: Interval
    first_better: int
    second_better: int
    p_value: float
    p_holm: float


def summarize_metric(scores: Mapping[str, float], *, better: str) -> MetricSummary | None:
    """Of scores by the name of the pair, NaN where there is none; nothing if there is none at all."""
    known = {name: score for name, score in scores.items() if not math.isnan(score)}
    if not known:
        return None
    values = np.array(list(known.values()))
    finite = values[np.isfinite(values)]
    mean = interval_of_mean(values)
    quantiles = np.quantile(values, QUANTILES, method="inverted_cdf")  # no means of scores that may be infinite
    lowest, highest = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return MetricSummary(
        pairs=values.size,
        infinite=values.size - finite.size,
        mean=mean.value,
        finite_mean=float(finite.mean()) if finite.size else math.nan,
        low=mean.low,
        high=mean.high,
        deviation=float(values.std(ddof=1)) if 1 < values.size == finite.size else math.nan,
        median=float(quantiles[QUANTILES.index(0.5)]),
        quantiles={str(share): float(value) for share, value in zip(QUANTILES, quantiles, strict=True)},
        best=highest if better == "higher" else lowest,
        worst=lowest if better == "higher" else highest,
    )


def interval_of_mean(values: np.ndarray) -> Interval:
    """The mean, with the ends of its interval where they are defined."""
    with np.errstate(invalid="ignore"):  # inf - inf
        mean = float(values.mean())
    if values.size < LEAST_PAIRS or not math.isfinite(mean):
        return Interval(mean, math.nan, math.nan)
    if values.size <= MOST_RESAMPLED:
        return bootstrap_interval(np.mean, values, level=LEVEL)
    from scipy import stats  # half a second

    return Interval(mean, *map(float, stats.norm.interval(LEVEL, mean, stats.sem(values))))


def compare_methods(metric: str, scores: Mapping[str, Mapping[str, float]], *, better: str) -> list[Comparison]:
    """Every method against every later one, by scores of method and name of the pair."""
    found = []
    for first, second in itertools.combinations(scores, 2):
        both = [(score, scores[second].get(name, math.nan)) for name, score in scores[first].items()]
        both = [(one, two) for one, two in both if not (math.isnan(one) or math.isnan(two))]
        if both:
            found.append(_comparison(metric, first, second, *np.array(both).T, better=better))
    corrected = holm([row.p_value for row in found])
    return [row._replace(p_holm=p) for row, p in zip(found, corrected, strict=True)]


def _comparison(metric: str, first: str, second: str, ones: np.ndarray, twos: np.ndarray, *, better: str) -> Comparison:
    from scipy import stats

    differences = np.subtract(ones, twos, out=np.zeros_like(ones), where=ones != twos)  # equal where both are infinite
    changed = differences[differences != 0]  # what Wilcoxon's test looks at; without zeros SciPy is exact for a few
    test: Any = stats.wilcoxon(changed) if changed.size else None
    p_value = 1.0 if test is None else float(test.pvalue)
    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    wins = (higher, lower) if better == "higher" else (lower, higher)
    return Comparison(metric, first, second, ones.size, interval_of_mean(differences), *wins, p_value, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected for their number: the smallest one times n, the next times n - 1 ..., never falling, at most 1."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1)
    return corrected[np.argsort(order, kind="stable")].tolist()
