"""Quality of generated or reconstructed images: each against the one that it should be, over two folders."""

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image

from .._files import InputError, reading
from ..images import check_comparable, read_image
from ..registry import Metric
from ..weights._load import load_params
from ._compare import choose_metrics, compare_loading, shape_notes


SHOWN = 3  # names of files in a sentence
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

    Two images are a pair if their file names are equal but for the extension; folders inside are passed over. Images
    are read one pair after the other, and a metric is compiled once for each size.

    Args:
        reference: Folder of the images as they should be.
        images: Folder of the images to score: a generator's, a decoder's ...
        metrics: Names of metrics, or rows of `metric_from_file`; by default all of the registry.
        progress: Called after each pair with the number of pairs done and of all.

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
    chosen, load = choose_metrics(metrics), functools.cache(load_params)
    pairs = pair_files(reference, images)
    scores: dict[str, dict[str, float]] = {}
    changed: dict[str, list[str]] = {}
    lacking: dict[str, list[str]] = {}
    for done, (target, path) in enumerate(pairs, start=1):
        base, image = read_image(target), read_image(path)
        check_comparable(base, image)
        (scores[path.name],) = compare_loading(load, base.pixels, [image.pixels], chosen=chosen, data_range=1.0)
        for file in (base, image):
            for note in file.notes:
                changed.setdefault(note.removeprefix(f"{file.name}: "), []).append(file.name)
        for note in shape_notes(chosen, base.pixels.shape):
            lacking.setdefault(note, []).append(path.name)
        if progress is not None:
            progress(done, len(pairs))
    notes = [f"{_listed(names)}: {note}" for note, names in (changed | lacking).items()]
    return FolderScores(scores, tuple(notes))


def pair_files(reference: str | os.PathLike[str], images: str | os.PathLike[str]) -> list[tuple[Path, Path]]:
    """Files of both folders whose names are equal but for the extension, by name."""
    references, others = _by_stem(Path(reference)), _by_stem(Path(images))
    for these, folder, those, other in (
        (references, reference, others, images),
        (others, images, references, reference),
    ):
        missing = [these[stem].name for stem in sorted(these.keys() - those.keys())]
        if missing:
            raise InputError(
                f"{folder}: {_listed(missing)} without a partner in {other} ({len(these)} and {len(those)} images). "
                "Images are compared with those of the same name but for the extension. Where a generator's images "
                "have no targets, name each after the image it should be like."
            )
    return [(references[stem], others[stem]) for stem in sorted(references)]


def _by_stem(folder: Path) -> dict[str, Path]:
    formats = PIL.Image.registered_extensions()
    with reading(folder):
        paths = sorted(path for path in folder.iterdir() if formats.get(path.suffix.lower()) in PIL.Image.OPEN)
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_file() and found.setdefault(path.stem, path) != path:
            names = f"{found[path.stem].name} and {path.name}"
            raise InputError(f"{folder}: {names} differ in their extension alone. Keep one of them.")
    if not found:
        raise InputError(f"{folder}: there are no images in it.")
    return found


def _listed(names: Sequence[str]) -> str:
    """The first ones, and how many more."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


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
