"""Metrics judged by people's choices: which of them choose as people do, how surely, and how good people are."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._files import InputError
from ..datasets import TrialSet, batches
from ..judgments import (
    Choices,
    Comparisons,
    Interval,
    PairedTest,
    agreement,
    bootstrap_interval,
    jnd_score,
    paired_test,
    two_afc_score,
)
from ..registry import Metric
from ._distances import Scorer, Trials, check_versus, metrics_at_hand


LEAST_TRIALS = 3  # of which there is an interval

# Called now and then with what is being done.
Report = Callable[[str], object]


class Verdict(NamedTuple):
    """The scores of all metrics on one set of judgments; higher is better.

    Attributes:
        name: Of the subset, or of the correlation.
        kind: `"2afc"`, `"jnd"` or `"opinion"`.
        trials: How many judgments.
        scores: Metric to score, with its confidence interval.
        chance: Score of a metric that knows nothing.
        ceiling: Score of a person, where there is one.
        tests: Metric to the test of it against one that was chosen.
    """

    name: str
    kind: str
    trials: int
    scores: Mapping[str, Interval]
    chance: float
    ceiling: Interval | None = None
    tests: Mapping[str, PairedTest] = {}


def judge(
    sets: Sequence[TrialSet],
    *,
    metrics: Iterable[str | Metric] | None = None,
    side: int | None = 64,
    limit: int | None = None,
    versus: str | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    report: Report = lambda _: None,
) -> tuple[list[Verdict], list[str]]:
    """Score metrics by human judgments.

    Of choices the score is `two_afc_score`, of comparisons `jnd_score`. Where there are several subsets of a kind, a
    verdict more is their mean.

    Args:
        sets: Of `jaxloss.datasets.find_trials`.
        metrics: Names, or rows of `metric_from_file`; by default all metrics whose parameters are at hand.
        side: To which images are resized, 64 as in the paper; None leaves them as they are.
        limit: Of the trials of each subset, evenly spaced; by default all.
        versus: One of the metrics, against which all others are tested.
        level: Of the confidence intervals.
        resamples: Of the bootstrap, and of the tests.
        seed: Of their random numbers.
        report: Called with a few words on the progress.

    Returns:
        A `Verdict` for each subset and each mean, and notes on metrics that were left out.

    Raises:
        InputError: If a metric is unknown or none suits the images, a subset is too small, or an image is unreadable.

    Example:
        >>> import tempfile, numpy as np
        >>> from jaxloss.datasets import find_trials, write_choices
        >>> from jaxloss.evaluate import judge
        >>> from jaxloss.judgments import Choices
        >>> y, noise = np.random.default_rng(0).random((2, 8, 16, 16, 3))
        >>> trials = Choices(y, (y + noise) / 2, 0.9 * y + 0.1 * noise, np.full(8, 0.75), np.ones(8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_choices(f"{folder}/2afc/val/mine", trials)
        ...     (verdict,), notes = judge(find_trials(folder), metrics=["mse"], side=None)
        >>> print(verdict.name, verdict.scores["mse"].value, verdict.ceiling.value)
        2afc/val/mine 0.75 0.625
    """
    chosen, notes = metrics_at_hand(metrics)
    check_versus(versus, chosen)
    for trials in sets:
        if min(len(trials), limit or len(trials)) < LEAST_TRIALS:
            raise InputError(
                f"{trials.name}: there are fewer than {LEAST_TRIALS} trials, of which nothing can be said."
            )
    scorer, verdicts = Scorer(chosen), []
    options = {"level": level, "resamples": resamples, "seed": seed}
    for trials in sets:
        part = trials if limit is None else trials.spread(limit)
        distances, more = _distances(part, scorer, side, report)
        notes += more
        report(f"{trials.name}: intervals")
        verdicts.append(_verdict(part, distances, versus, options))
    return [*verdicts, *_means(verdicts)], list(dict.fromkeys(notes))


def _distances(
    trials: TrialSet, scorer: Scorer, side: int | None, report: Report
) -> tuple[dict[str, np.ndarray], Sequence[str]]:
    """By metric, `[2, n]` of choices and `[1, n]` of comparisons."""
    alone = functools.partial(batches, side=side, process_index=0, process_count=1)
    shape = next(alone([trials.spread(1)], batch=1)).first.shape[1:]
    fitting, notes = scorer.fitting(shape)
    batch = scorer.batch_of(shape, len(trials))
    taken = alone([trials], batch=batch)
    found = []
    for done, part in enumerate(scorer.distances(_as_trials(taken), fitting), start=1):
        found.append(part)
        report(f"{trials.name}: {min(done * batch, len(trials))} of {len(trials)}")
    rows = len(trials)
    return {row.name: np.concatenate([part[row.name] for part in found], axis=1)[:, :rows] for row in fitting}, notes


def _as_trials(taken: Iterable[Choices | Comparisons]) -> Iterator[Trials]:
    """Of a comparison the first image is the reference, as in BAPPS."""
    for part in taken:
        yield ([part.first, part.second], part.reference) if isinstance(part, Choices) else ([part.second], part.first)


def _verdict(
    trials: TrialSet, distances: Mapping[str, np.ndarray], versus: str | None, options: Mapping[str, Any]
) -> Verdict:
    said = trials.judgments
    for name, found in distances.items():
        if np.isnan(found).any():
            which = trials.images["second"][int(np.argmax(np.isnan(found).any(axis=0)))]
            raise InputError(f"{name} is not a number for {which}: something is wrong with its parameters.")
    if trials.kind == "2afc":
        shares = {name: agreement(first, second, said) for name, (first, second) in distances.items()}
        scores = {name: bootstrap_interval(np.mean, share, **options) for name, share in shares.items()}
        ceiling, chance = bootstrap_interval(np.mean, said**2 + (1 - said) ** 2, **options), 0.5
    elif said.any():
        scores = {name: bootstrap_interval(jnd_score, found[0], said, **options) for name, found in distances.items()}
        ceiling, chance = None, float(said.mean())
    else:
        raise InputError(f"{trials.name}: nobody found any two images the same, so that there is no score.")
    tests = {} if versus is None or versus not in distances else _tests(trials.kind, distances, versus, said, options)
    return Verdict(trials.name, trials.kind, len(trials), scores, chance, ceiling, tests)


def _tests(
    kind: str, distances: Mapping[str, np.ndarray], versus: str, said: np.ndarray, options: Mapping[str, Any]
) -> dict[str, PairedTest]:
    statistic = two_afc_score if kind == "2afc" else jnd_score
    others = {name: tuple(found) for name, found in distances.items() if name != versus}
    return {
        name: paired_test(statistic, found, tuple(distances[versus]), said, **options) for name, found in others.items()
    }


def _means(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Of the subsets of each kind, if there are several."""
    for kind in dict.fromkeys(verdict.kind for verdict in verdicts):
        alike = [verdict for verdict in verdicts if verdict.kind == kind]
        if len(alike) > 1:
            names = [name for name in alike[0].scores if all(name in verdict.scores for verdict in alike)]
            ceilings = [verdict.ceiling for verdict in alike if verdict.ceiling is not None]
            yield Verdict(
                name=f"mean of {kind}",
                kind=kind,
                trials=sum(verdict.trials for verdict in alike),
                scores={name: _mean([verdict.scores[name] for verdict in alike]) for name in names},
                chance=float(np.mean([verdict.chance for verdict in alike])),
                ceiling=_mean(ceilings) if ceilings else None,
            )


def _mean(intervals: Sequence[Interval]) -> Interval:
    """Of independent estimates. The distances to the ends of their intervals add up as standard errors do.

    Zou, Donner, Statistics in Medicine 2008, https://doi.org/10.1002/sim.3095.
    """
    values, lows, highs = np.array(intervals).T
    value, count = values.mean(), len(intervals)
    below, above = (float(np.linalg.norm(values - ends)) / count for ends in (lows, highs))
    return Interval(float(value), float(value - below), float(value + above))


def best_of(verdict: Verdict) -> list[str]:
    """The metrics with the highest score."""
    highest = max((interval.value for interval in verdict.scores.values()), default=0)
    return [name for name, interval in verdict.scores.items() if interval.value == highest]
