"""Folders of images against one, by FID and the other metrics of sets, on one pass through Inception."""

import functools
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import numpy as np

from .._checks import suggestion
from .._files import InputError
from .._types import Array, Params
from ..backbones._inception import SPATIAL
from ..sets import Statistics, density_coverage, frechet_score, kid, precision_recall
from ._sets import Progress, SetOptions, SetStatistics, how_many, image_files, iterate_statistics
from ._statistics import EXTENSION, read_statistics


class SetScore(NamedTuple):
    """What one knows of a metric that folders are scored by.

    Attributes:
        better: Which way is better.
        least: Images that each set must have, if it needs their features; 0 where statistics will do.
    """

    better: Literal["higher", "lower"]
    least: int = 0


NEIGHBORS, WIDER = 3, 5  # of precision and recall, and of density and coverage, as their papers have them
SET_SCORES: dict[str, SetScore] = {
    "fid": SetScore("lower"),
    "inception_score": SetScore("higher"),
    "kid": SetScore("lower", 2),
    "precision": SetScore("higher", NEIGHBORS + 1),
    "recall": SetScore("higher", NEIGHBORS + 1),
    "density": SetScore("higher", WIDER + 1),
    "coverage": SetScore("higher", WIDER + 1),
}


class ScoredSet(NamedTuple):
    """One folder.

    Attributes:
        images: How many there are.
        scores: By name; with `kid` also `kid_deviation`, between its subsets.
    """

    images: int
    scores: dict[str, float]


class SetEvaluation(NamedTuple):
    """All folders.

    Attributes:
        reference: Its statistics, for `save_statistics`.
        sets: In the order of the folders.
    """

    reference: Statistics
    sets: list[ScoredSet]


def score_sets(
    reference: str | os.PathLike[str],
    folders: Sequence[str | os.PathLike[str]],
    *,
    convention: str,
    metrics: Sequence[str] = ("fid", "inception_score"),
    dimension: int = 2048,
    batch: int = 32,
    devices: int | None = None,
    allow_singular: bool = False,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    params: Params | None = None,
    progress: Progress | None = None,
) -> SetEvaluation:
    """Folders of images against a reference, by FID and other metrics of the same features.

    FID and Inception score come from sums, in memory that does not grow with the folders. The others need the features
    of all images, those of the reference and of one folder at a time: 8 KiB for each image, or 400 MB for 50,000.

    Args:
        reference: A folder; or for `fid` and `inception_score` a file of its statistics, see `read_statistics`.
        folders: Of the images to score.
        metrics: Names out of `"fid"`, `"inception_score"`, `"kid"`, `"precision"`, `"recall"`, `"density"` and
            `"coverage"`.
        convention, dimension, batch, devices, allow_singular, params, progress: As for `set_statistics`; sFID is `fid`
            of 2023 dimensions.
        subsets, subset_size: Of KID, see `jaxloss.sets.kid`.
        seed: Of the random subsets.

    Returns:
        `SetEvaluation`.

    Raises:
        InputError: Also if a set is too small for a metric, before any image is looked at.
    """
    _check_metrics(metrics, subsets, subset_size)
    known = Path(reference).suffix == EXTENSION
    options = SetOptions(
        convention, dimension, batch, devices, allow_singular or "fid" not in metrics, bool(_of_features(metrics))
    )
    options.check()
    if known and options.keep_features:
        names = " and ".join(_of_features(metrics))
        raise InputError(f"{reference}: holds no features, which {names} would need. Name the folder of images.")
    target = _read(reference, dimension) if known else None
    every = list(folders) if known else [reference, *folders]
    for folder in every:
        _check_size(folder, len(image_files(folder)), metrics, subset_size)
    found = iterate_statistics(every, options, params=params, progress=progress)
    first = next(found) if target is None else SetStatistics(0, target, np.nan)
    key = jax.random.key(seed)
    scored = [ScoredSet(z.images, _scores(z, first, metrics, key, subsets, subset_size)) for z in found]
    return SetEvaluation(first.statistics, scored)


_kid = jax.jit(kid, static_argnames=("subsets", "subset_size"))
_OF_NEIGHBORS = {
    ("precision", "recall"): jax.jit(functools.partial(precision_recall, neighbors=NEIGHBORS)),
    ("density", "coverage"): jax.jit(functools.partial(density_coverage, neighbors=WIDER)),
}


def _scores(
    part: SetStatistics, target: SetStatistics, metrics: Sequence[str], key: Array, subsets: int, subset_size: int
) -> dict[str, float]:
    scores = {"inception_score": part.inception_score}
    if "fid" in metrics:
        scores["fid"] = frechet_score(part.statistics, target.statistics)
    x, y = part.features, target.features
    if x is not None and y is not None:
        if "kid" in metrics:
            found = _kid(key, x, y, subsets=subsets, subset_size=subset_size)
            scores["kid"], scores["kid_deviation"] = map(float, found)
        for names, function in _OF_NEIGHBORS.items():
            if not set(names).isdisjoint(metrics):
                scores |= zip(names, map(float, function(x, y)), strict=True)
    return {name: scores[name] for metric in metrics for name in (metric, f"{metric}_deviation") if name in scores}


def _of_features(metrics: Collection[str]) -> list[str]:
    return [name for name in metrics if SET_SCORES[name].least]


def _check_metrics(metrics: Collection[str], subsets: int, subset_size: int) -> None:
    for name in metrics:
        if name not in SET_SCORES:
            raise InputError(f"no metric of sets {name!r}. {suggestion(name, SET_SCORES)}")
    if not metrics:
        raise InputError(f"no metric of sets is named. There are: {', '.join(SET_SCORES)}.")
    if subsets < 1 or subset_size < 2:
        raise InputError(f"kid is of 1 subset or more with 2 images or more, not of {subsets} with {subset_size}.")


def _check_size(folder: object, images: int, metrics: Collection[str], subset_size: int) -> None:
    if "kid" in metrics and images < subset_size:
        way_out = "Take more, or smaller subsets (subset_size, --subset-size)"
        raise InputError(f"{folder}: has {how_many(images)}, and a subset of kid {subset_size}. {way_out}.")
    for name in metrics:
        if images < SET_SCORES[name].least:
            raise InputError(f"{folder}: has {how_many(images)}, and {name} needs {SET_SCORES[name].least} or more.")


def _read(path: str | os.PathLike[str], dimension: int) -> Statistics:
    found = read_statistics(path, spatial=dimension == SPATIAL)
    if found.mean.size != dimension:
        raise InputError(f"{path}: is of {found.mean.size} dimensions. Name them: --dimension {found.mean.size}.")
    return found
