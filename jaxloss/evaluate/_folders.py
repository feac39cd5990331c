"""Quality of generated or reconstructed images: each against the one that it should be, over two folders."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from .._files import InputError
from ..registry import Metric
from ._compare import choose_metrics
from ._pairs import find_pairs
from ._scoring import Options, score_pairs


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# Name of an image -> name of a metric -> score.
Scores = Mapping[str, Mapping[str, float]]


class FolderScores(NamedTuple):
    """Scores of the images of a folder.

    Attributes:
        scores: Name of the file to name of the metric to score; NaN where an image is too small for a metric.
        notes: What was done to files, and what is not computed, one sentence each.
    """

    scores: dict[str, dict[str, float]]
    notes: tuple[str, ...]


class Summary(NamedTuple):
    """The scores of many images by one metric. Each quantile is the score of an image.

    Attributes:
        images: How many have a score.
        mean: Of their scores.
        deviation: Their standard deviation; NaN for a single image, and where a score is infinite.
        q05: At most a share of 0.05 of the scores is lower.
        q25: Likewise.
        median: Of two scores in the middle, the lower one.
        q75: As q05.
        q95: As q05.
        worst: Name of the image with the worst score.
    """

    images: int
    mean: float
    deviation: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    worst: str


def score_folders(
    reference: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    metrics: Iterable[str | Metric] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> FolderScores:
    """Score the images of a folder against those of the same name in another one.

    Two images are a pair if their file names are equal but for the extension, those in folders inside with the path
    to them. See `evaluate` for several folders, and for large ones.

    Args:
        reference: Folder of the images as they should be.
        images: Folder of the images to score: a generator's, a decoder's ...
        metrics: Names of metrics, or rows of `metric_from_file`; by default all of the registry.
        progress: Called with the number of pairs done and of all.

    Returns:
        `FolderScores`, by name in order.

    Raises:
        InputError: If a folder or an image cannot be read, an image has no partner or differs from it in size, or a
            metric is unknown.

    Example:
        >>> import tempfile, PIL.Image
        >>> from pathlib import Path
        >>> from jaxloss.evaluate import score_folders
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, gray in (("real", 100), ("made", 151)):
        ...         Path(folder, name).mkdir()
        ...         PIL.Image.new("L", (8, 8), gray).save(Path(folder, name, "cat.png"))
        ...     print(score_folders(f"{folder}/real", f"{folder}/made", metrics=["mae"]).scores)
        {'cat.png': {'mae': 0.2}}
    """
    chosen, notes = choose_metrics(metrics), []
    found = find_pairs(reference, {"": images}, match="stem")
    if found.unpaired:
        raise InputError(
            f"{found.notes[0]} Images are compared with those of the same name but for the extension. Where a "
            "generator's images have no targets, name each after the image it should be like."
        )
    batches = score_pairs(
        found.pairs, chosen, Options(strict=True), say=lambda *texts: notes.extend(texts), progress=progress
    )
    by_name = {row["name"]: row["scores"] for rows in batches for row in rows}
    names = {pair.name: pair.test.relative_to(images).as_posix() for pair in found.pairs}
    return FolderScores({name: by_name[pair] for pair, name in names.items()}, tuple(notes))


def summarize(scores: Scores, *, metrics: Iterable[str | Metric] | None = None) -> dict[str, Summary]:
    """Mean, spread and quantiles of each metric.

    Args:
        scores: Of `score_folders`.
        metrics: What `score_folders` was given.

    Returns:
        Name of the metric to `Summary`; metrics that no image has a score of are left out.

    Example:
        >>> from jaxloss.evaluate import summarize
        >>> found = summarize({"a.png": {"psnr": 30.0}, "b.png": {"psnr": 20.0}}, metrics=["psnr"])["psnr"]
        >>> print(found.mean, round(found.deviation, 3), found.worst)
        25.0 7.071 b.png
    """
    found = {}
    for row in choose_metrics(metrics):
        by_name = {name: by_metric[row.name] for name, by_metric in scores.items()}
        by_name = {name: score for name, score in by_name.items() if not np.isnan(score)}
        if by_name:
            worst = (min if row.better == "higher" else max)(by_name, key=lambda name: by_name[name])
            found[row.name] = _summary(np.array(list(by_name.values())), worst)
    return found


def _summary(values: np.ndarray, worst: str) -> Summary:
    finite = values.size > 1 and np.isfinite(values).all()
    deviation = float(values.std(ddof=1)) if finite else float("nan")
    # No means of two scores, of which one may be infinite.
    q05, q25, median, q75, q95 = map(float, np.quantile(values, QUANTILES, method="inverted_cdf"))
    return Summary(values.size, float(values.mean()), deviation, q05, q25, median, q75, q95, worst)
