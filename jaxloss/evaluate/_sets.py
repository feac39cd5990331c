"""Statistics of folders of images in the features of Inception, for FID: streamed, in memory that does not grow."""

import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import suggestion
from .._files import InputError, reading
from .._types import Array, Params
from ..backbones._inception import DIMENSIONS
from ..datasets._batches import import_grain, read_trial_image
from ..datasets._layout import threads
from ..ops._ranges import to_float
from ..sets import (
    FID_CONVENTIONS,
    Statistics,
    Sums,
    host_statistics,
    inception_logits,
    inception_score_of,
    init_inception_score,
    init_moments,
    prepare_images,
    update_inception_score,
    update_moments,
)
from ..sets._inception import mean_features
from ..weights._load import load_params
from ._pairs import is_image, natural


State = tuple[Sums, Sums | None]  # moments, and what the Inception score is made of
Progress = Callable[[int, int], object]  # of images done, and of all
CLASSIFIED = 2048  # dimensions of the features that classes are told by


class SetStatistics(NamedTuple):
    """What is known of the images of a folder.

    Attributes:
        images: How many there are.
        statistics: Mean and covariance of their features, for `jaxloss.sets.frechet_score`.
        inception_score: Of all as one split; NaN where the features are not those that classes are told by.
    """

    images: int
    statistics: Statistics
    inception_score: float


def set_statistics(
    folders: Sequence[str | os.PathLike[str]],
    *,
    convention: str,
    dimension: int = 2048,
    batch: int = 32,
    allow_singular: bool = False,
    params: Params | None = None,
    progress: Progress | None = None,
) -> list[SetStatistics]:
    """Mean and covariance of the features of Inception of all images in each folder and below it.

    Images are decoded by many threads while the network is at work. They are of any sizes; gray ones get three
    channels, and an alpha channel is dropped, as pytorch-fid and clean-fid do.

    Args:
        folders: With images; hidden ones are passed over.
        convention: A row of `jaxloss.sets.FID_CONVENTIONS`: how images are prepared.
        dimension: Of the features, as for `jaxloss.sets.inception_features`.
        batch: How many images go through the network at once.
        allow_singular: Take folders of up to `dimension` images, too, whose covariance is singular.
        params: Of Inception; by default `jaxloss.load_params("inception")`.
        progress: Called with the number of images done and of all.

    Returns:
        `SetStatistics` of each folder.

    Raises:
        InputError: If a folder has no images or too few, a file is damaged, or grain is not installed.
    """
    if convention not in FID_CONVENTIONS:
        raise InputError(f"no convention {convention!r}. {suggestion(convention, FID_CONVENTIONS)}")
    if dimension not in DIMENSIONS:
        raise InputError(f"no features of {dimension} dimensions. There are: {', '.join(map(str, DIMENSIONS))}.")
    if batch < 1:
        raise InputError("a batch has at least 1 image.")
    files = [image_files(folder) for folder in folders]
    for folder, found in zip(folders, files, strict=True):
        if len(found) <= dimension and not allow_singular:
            count = "1 image" if len(found) == 1 else f"{len(found)} images"
            raise InputError(
                f"{folder}: has {count}, and a covariance of {dimension} features needs more than {dimension}. Take "
                "more, or fewer features, or allow it to be singular."
            )
        if len(found) < 2:
            raise InputError(f"{folder}: has 1 image, which has no covariance.")
    network = jax.device_put(load_params("inception") if params is None else params)
    update = jax.jit(_update, static_argnames="dimension")
    total, done = sum(map(len, files)), 0
    results = []
    for found in files:
        classes = init_inception_score(network["fc"]["bias"].shape[0]) if dimension == CLASSIFIED else None
        state: State = init_moments(dimension), classes
        for images, mask in _batches(_prepared(found, convention), batch):
            state = update(state, images, mask, network, dimension=dimension)
            done += int(mask.sum())
            if progress is not None:
                progress(done, total)
        moments, classes = state
        score = math.nan if classes is None else float(inception_score_of(classes))
        results.append(SetStatistics(len(found), host_statistics(moments), score))
    return results


def image_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Those in it and below, in order."""
    root = Path(folder)
    with reading(root):
        os.listdir(root)
    below = (path for path in root.rglob("*") if not any(p.startswith(".") for p in path.relative_to(root).parts))
    files = sorted(filter(is_image, below), key=lambda path: natural(str(path)))
    if not files:
        raise InputError(f"{folder}: there are no images in it.")
    return files


def _prepared(files: Sequence[Path], convention: str) -> Iterator[Array]:
    """`[299, 299, 3]` each; one small program for each size of images."""
    grain = import_grain("FID of folders")
    options = grain.ReadOptions(num_threads=threads(), prefetch_buffer_size=2 * threads())
    images = grain.MapDataset.source(files).map(lambda path: read_trial_image(path, None)).to_iter_dataset(options)
    prepare = jax.jit(lambda x: prepare_images(to_float(x), data_range=1.0, convention=convention))
    return map(prepare, images)


def _batches(images: Iterator[Array], size: int) -> Iterator[tuple[Array, np.ndarray]]:
    """All of one size, the last one filled up, and which of its images count."""
    while chunk := list(itertools.islice(images, size)):
        mask = np.arange(size) < len(chunk)
        yield jnp.stack([*chunk, *[chunk[0]] * (size - len(chunk))]), mask


def _update(state: State, images: Array, mask: Array, params: Params, dimension: int) -> State:
    features = mean_features("set_statistics", images, params=params, dimension=dimension, precision="highest")
    moments, classes = state
    if classes is not None:
        classes = update_inception_score(classes, inception_logits(features, params=params), mask=mask)
    return update_moments(moments, features, mask=mask), classes
