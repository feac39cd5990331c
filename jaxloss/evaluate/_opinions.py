"""Metrics judged by people's opinions of single images: do their scores rise and fall with the opinions?"""

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._files import InputError, read_csv
from ..images import ImageFile, check_comparable, read_image
from ..judgments import Correlations, PairedTest, correlate, paired_test, spearman
from ..registry import Metric
from ._distances import Scorer, check_versus, metrics_at_hand
from ._judge import Report, Verdict


COLUMNS = ("reference", "image", "opinion")
KEPT = 8  # references that are not read again

# Number of the row, its reference and its image.
Read = tuple[int, ImageFile, ImageFile]


class _Row(NamedTuple):
    where: str
    reference: Path
    image: Path
    opinion: float


def judge_opinions(
    csv: str | os.PathLike[str],
    *,
    metrics: Iterable[str | Metric] | None = None,
    versus: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    report: Report = lambda _: None,
) -> tuple[list[Verdict], list[str]]:
    """Score metrics by mean opinions, as of the data sets LIVE, TID2013 or KADID: by three correlations.

    They are those of `jaxloss.judgments.correlate` with the metric, negated if it is better when lower: Pearson's after
    the fit of a logistic curve with five coefficients, Spearman's and Kendall's.

    Args:
        csv: With the columns reference, image (files, relative to the CSV file) and opinion, which is higher for better
            images: negate scores of differences (DMOS). Images may be of any sizes, but small batches take longer.
        metrics: Names, or rows of `metric_from_file`; by default all metrics whose parameters are at hand.
        versus: One of the metrics, against which Spearman's correlation of all others is tested.
        level: Of the confidence intervals.
        resamples: Of the bootstrap, and of the tests.
        seed: Of their random numbers.
        report: Called with a few words on the progress.

    Returns:
        A `Verdict` for each correlation, and notes on images, and on metrics that were left out.

    Raises:
        InputError: If the file or an image is not as it should be, with its line, or if a correlation is undefined.
    """
    chosen, notes = metrics_at_hand(metrics)
    check_versus(versus, chosen)
    rows = _read(csv)
    opinions = np.array([row.opinion for row in rows])
    qualities = _qualities(rows, Scorer(chosen), notes, report)
    options: dict[str, Any] = {"level": level, "resamples": resamples, "seed": seed}
    found: dict[str, Correlations] = {}
    tests: dict[str, PairedTest] = {}
    for name, quality in qualities.items():
        report(f"{name}: intervals")
        try:
            found[name] = correlate(quality, opinions, **options)
            if versus in qualities and name != versus:
                tests[name] = paired_test(spearman, quality, qualities[versus], opinions, **options)
        except ValueError as error:
            raise InputError(f"{csv}: {name}: {error}") from error
    linear, ranks, pairs = ({name: by[place] for name, by in found.items()} for place in range(3))
    verdicts = [
        Verdict("Pearson", "opinion", len(rows), linear, chance=0),
        Verdict("Spearman", "opinion", len(rows), ranks, chance=0, tests=tests),
        Verdict("Kendall", "opinion", len(rows), pairs, chance=0),
    ]
    return verdicts, list(dict.fromkeys(notes))


def _read(csv: str | os.PathLike[str]) -> list[_Row]:
    beside = Path(csv).parent
    return [
        _Row(row.where, beside / row.text("reference"), beside / row.text("image"), row.number("opinion"))
        for row in read_csv(csv, COLUMNS, "opinions")
    ]


def _qualities(rows: Sequence[_Row], scorer: Scorer, notes: list[str], report: Report) -> dict[str, np.ndarray]:
    """By metric that suits all images, `[n]`; higher is better."""
    qualities = {row.name: np.full(len(rows), np.nan) for row in scorer.metrics}
    for done, (places, references, images) in enumerate(_batches(rows, scorer, notes)):
        fitting, more = scorer.fitting(references.shape[1:])
        notes += more
        (distances,) = scorer.distances([([images], references)], fitting)
        for name, distance in distances.items():
            qualities[name][places] = -distance[0, : len(places)]
        report(f"batch {done + 1}, of {len(rows)} images")
    found = {name: values for name, values in qualities.items() if not np.isnan(values).any()}
    if not found:
        raise InputError(f"no metric can be computed of all images. {' '.join(notes)}")
    return {name: _finite(name, values, notes) for name, values in found.items()}


def _batches(
    rows: Sequence[_Row], scorer: Scorer, notes: list[str]
) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
    """Rows, their references and images; images of one size, and filled up to whole batches."""
    waiting: dict[tuple[int, ...], list[Read]] = {}
    for place, reference, image in _files(rows, notes):
        shape = image.pixels.shape
        alike = waiting.setdefault(shape, [])
        alike.append((place, reference, image))
        if len(alike) == scorer.batch_of(shape, len(rows)):
            yield _stacked(waiting.pop(shape), len(alike))
    for shape, alike in waiting.items():
        yield _stacked(alike, scorer.batch_of(shape, len(rows)))


def _stacked(alike: Sequence[Read], batch: int) -> tuple[list[int], np.ndarray, np.ndarray]:
    filled = [alike[row % len(alike)] for row in range(batch)]
    references = np.stack([reference.pixels for _, reference, _ in filled])
    images = np.stack([image.pixels for _, _, image in filled])
    return [place for place, _, _ in alike], references, images


def _files(rows: Sequence[_Row], notes: list[str]) -> Iterator[Read]:
    read_kept = functools.lru_cache(KEPT)(read_image)
    for place, row in enumerate(rows):
        try:
            reference, image = read_kept(row.reference), read_image(row.image)
            check_comparable(reference, image)
        except InputError as error:
            raise InputError(f"{row.where}: {error}") from error
        notes += [*reference.notes, *image.notes]
        yield place, reference, image


def _finite(name: str, values: np.ndarray, notes: list[str]) -> np.ndarray:
    """An image that equals its reference has an infinite PSNR: it counts as the best one of the others."""
    infinite = np.isinf(values)
    if infinite.any() and not infinite.all():
        notes.append(f"{name} is infinite for {infinite.sum()} images, which count as the best of the others.")
        values = np.where(infinite, values[~infinite].max(), values)
    return values
