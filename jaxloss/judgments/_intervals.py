"""How sure a number is that was found on some trials: bootstrap intervals, and a paired test of two metrics."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice, error_text
from ._columns import Column, check_columns


# From columns [n] of the same trials to a number, such as `two_afc_score` or `spearman`.
Statistic = Callable[..., Any]

METHODS = ("BCa", "percentile")
LEAST_TRIALS = 3
MOST_FOR_BCA = 1000  # trials, each of which it leaves out once; beyond, its corrections are far below the width
BATCH = 2**20  # numbers that are drawn at once


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval.

    Attributes:
        value: On the trials as they are.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Two metrics on the same trials.

    Attributes:
        first: Statistic of the first metric.
        second: Of the second one.
        difference: First less second, with its bootstrap interval.
        p_value: Probability of a difference at least as large, either way, if it did not matter which metric is which.
    """

    first: float
    second: float
    difference: Interval
    p_value: float


def bootstrap_interval(
    statistic: Statistic,
    *samples: Column,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    method: str | None = None,
) -> Interval:
    """Confidence interval of a statistic of trials, from trials drawn again with replacement.

    Resamples in which the statistic is undefined, as a correlation where all scores are equal, are left out.

    Args:
        statistic: Function of the samples that returns a number, such as `two_afc_score`; with a keyword `axis`, as
            `np.mean`, it is called for many resamples at once.
        samples: Columns of the same trials, `[n]` each, n >= 3: what `statistic` takes. Trials stay together.
        level: Of the interval, in (0, 1).
        resamples: How many.
        seed: Of the random numbers.
        method: `"percentile"`, the quantiles of the resamples; `"BCa"`, corrected for bias and skewness, and the same
            as `"percentile"` where that correction is undefined; by default BCa for up to 1000 trials.

    Returns:
        An `Interval`.

    Raises:
        ValueError: Also where the statistic is undefined in most resamples.

    Example:
        >>> import numpy as np
        >>> from jaxloss.judgments import agreement, bootstrap_interval
        >>> judge = np.linspace(0, 1, 50)
        >>> found = bootstrap_interval(np.mean, agreement(np.zeros(50), np.ones(50), judge))
        >>> print(f"{found.value:.2f}, {found.low:.1f} to {found.high:.1f}")
        0.50, 0.4 to 0.6

    Reference:
        Efron, "Better bootstrap confidence intervals", 1987, https://doi.org/10.1080/01621459.1987.10478410.
    """
    name = "bootstrap_interval"
    columns = check_columns(
        name, least=LEAST_TRIALS, infinite=True, **{f"sample {number}": s for number, s in enumerate(samples)}
    )
    (found,) = bootstrap_intervals(name, statistic, columns, level=level, resamples=resamples, seed=seed, method=method)
    return found


def bootstrap_intervals(
    name: str,
    statistic: Statistic,
    columns: Sequence[np.ndarray],
    *,
    level: float,
    resamples: int,
    seed: int,
    method: str | None = None,
) -> list[Interval]:
    """One for each of the numbers that the statistic returns, all from the same resamples."""
    from scipy import stats  # half a second

    _check(name, level=level, resamples=resamples)
    trials = columns[0].size
    if method is None:
        method = "BCa" if trials <= MOST_FOR_BCA else "percentile"
    check_choice(name, "method", method, METHODS)
    values = np.atleast_1d(np.asarray(statistic(*columns), np.float64))
    at_once = "axis" in inspect.signature(statistic).parameters
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):  # where BCa is undefined
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            columns,
            statistic if at_once else _where_defined(statistic, values.size),
            paired=True,
            vectorized=at_once,
            confidence_level=level,
            n_resamples=resamples,
            batch=max(1, BATCH // trials),
            method=method,
            rng=np.random.default_rng(seed),
        )
    drawn = np.atleast_2d(found.bootstrap_distribution)
    undefined = float(np.isnan(drawn).mean(axis=-1).max())
    if undefined > 0.5:
        got = f"one undefined in {100 * undefined:.0f} % of them"
        raise ValueError(error_text(name, "a statistic of resamples", got, "Collect more trials."))
    tails = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    ends = np.array([np.atleast_1d(end) for end in found.confidence_interval])
    lows, highs = np.where(np.isfinite(ends).all(axis=0), ends, tails)
    return [Interval(*map(float, numbers)) for numbers in zip(values, lows, highs, strict=True)]


def paired_test(
    statistic: Statistic,
    first: Column | Sequence[Column],
    second: Column | Sequence[Column],
    *judgments: Column,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PairedTest:
    """Whether one of two metrics is better on the same trials.

    The p-value is that of the permutation test in which the two metrics change places at random, trial by trial; with
    few trials it goes through all `2^n` ways. For this both are brought to one scale: that of their ranks, or, for a
    statistic that depends on more than order, as `pearson` does, that of their standard deviations.

    Args:
        statistic: `statistic(*metric, *judgments)`, a number: `two_afc_score`, `jnd_score`, `spearman` ...
        first: What the first metric found: `[n]`, or a tuple such as `(d0, d1)`.
        second: The same of the second one. Both are better in the same direction: else negate one.
        judgments: What people said: `judge`, `same` or opinions, `[n]`.
        level: Of the interval of the difference.
        resamples: For the interval, and permutations for the test.
        seed: Of the random numbers.

    Returns:
        A `PairedTest`.

    Raises:
        ValueError: Also where the statistic depends on the scale of a metric.

    Example:
        >>> import numpy as np
        >>> from jaxloss.judgments import paired_test, spearman
        >>> opinions = np.arange(30.0)
        >>> found = paired_test(spearman, opinions**2, np.sin(opinions), opinions)
        >>> print(found.first, found.difference.low > 0, found.p_value < 0.01)
        1.0 True True

    Reference:
        Venkatraman, Begg, "A distribution-free procedure for comparing receiver operating characteristic curves from a
        paired experiment", 1996, https://doi.org/10.1093/biomet/83.4.835.
    """
    from scipy import stats

    name = "paired_test"
    _check(name, level=level, resamples=resamples)
    one, two = _columns_of(first), _columns_of(second)
    if len(one) != len(two):
        got = f"{len(one)} and {len(two)}"
        raise ValueError(error_text(name, "as many columns of first as of second", got, "Give both as d, or (d0, d1)."))
    width, sides = len(one), ("first", "second")
    labels = [f"{side} {number}" for side in sides for number in range(width)]
    labels += [f"judgments {number}" for number in range(len(judgments))]
    given = dict(zip(labels, [*one, *two, *judgments], strict=True))
    columns = check_columns(name, least=LEAST_TRIALS, infinite=True, **given)
    one, two, said = columns[:width], columns[width : 2 * width], columns[2 * width :]

    def difference(*columns: np.ndarray) -> float:
        said = columns[2 * width :]
        return statistic(*columns[:width], *said) - statistic(*columns[width : 2 * width], *said)

    scaled = _on_one_scale(name, statistic, (one, two), said)

    def exchanged(places: np.ndarray, others: np.ndarray) -> float:
        return difference(*np.where(places == 0, *scaled), *np.where(others == 0, *scaled), *said)

    (interval,) = bootstrap_intervals(name, difference, columns, level=level, resamples=resamples, seed=seed)
    test = stats.permutation_test(
        (np.zeros(columns[0].size), np.ones(columns[0].size)),
        exchanged,
        permutation_type="samples",
        vectorized=False,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return PairedTest(float(statistic(*one, *said)), float(statistic(*two, *said)), interval, float(test.pvalue))


def _check(name: str, *, level: float, resamples: int) -> None:
    if not 0 < level < 1:
        raise ValueError(error_text(name, "level between 0 and 1", level, "0.95 is usual."))
    if resamples < 1:
        raise ValueError(error_text(name, "resamples >= 1", resamples, "1000 or more give steady intervals."))


def _columns_of(metric: Column | Sequence[Column]) -> list[Any]:
    """Of a metric that is given as one column, or as several."""
    if isinstance(metric, tuple | list) and len(metric) > 0 and np.ndim(metric[0]) > 0:
        return [*metric]
    return [metric]


def _where_defined(statistic: Statistic, size: int) -> Statistic:
    """The statistic as `[size]`, NaN where it refuses a resample."""

    def call(*columns: np.ndarray) -> np.ndarray:
        try:
            return np.atleast_1d(np.asarray(statistic(*columns), np.float64))
        except ValueError:
            return np.full(size, np.nan)

    return call


def _on_one_scale(
    name: str, statistic: Statistic, metrics: Sequence[list[np.ndarray]], said: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Columns `[m, n]` of each metric, on the first scale that leaves the statistic as it is."""
    expected = [statistic(*metric, *said) for metric in metrics]
    for scale in (_ranks, _deviations):
        scaled = [scale(np.stack(metric)) for metric in metrics]
        if np.allclose([statistic(*metric, *said) for metric in scaled], expected, rtol=1e-6):
            return scaled
    way_out = "Two metrics can change places only if their scales do not count: see jaxloss.judgments.pearson."
    raise ValueError(error_text(name, "a statistic that depends on order, or up to scale", "another", way_out))


def _ranks(metric: np.ndarray) -> np.ndarray:
    """Among all of a metric's numbers, so that those of one trial compare as before."""
    from scipy import stats

    return stats.rankdata(metric).reshape(metric.shape)


def _deviations(metric: np.ndarray) -> np.ndarray:
    return (metric - metric.mean()) / metric.std()
