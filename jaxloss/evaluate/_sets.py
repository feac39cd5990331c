"""Statistics of folders of images in the features of Inception, for FID: streamed, in memory that does not grow."""

import functools
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._checks import suggestion
from .._files import InputError, reading
from .._types import Array, Params
from ..backbones._inception import DIMENSIONS, SPATIAL
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
from ..sets._inception import network_features
from ..weights._load import load_params
from ._pairs import is_image, natural
from ._plan import round_up


State = tuple[Sums, Sums | None]  # moments, and what the Inception score is made of
Progress = Callable[[int, int], object]  # of images done, and of all
SHARES, EVERYWHERE = PartitionSpec("batch"), PartitionSpec()
CLASSIFIED = 2048  # dimensions of the features that classes are told by


class SetStatistics(NamedTuple):
    """What is known of the images of a folder.

    Attributes:
        images: How many there are.
        statistics: Mean and covariance of their features, for `jaxloss.sets.frechet_score`.
        inception_score: Of all as one split; NaN where the features are not those that classes are told by.
        features: `[images, dimension]`, in the order of the files, where they are to be kept.
    """

    images: int
    statistics: Statistics
    inception_score: float
    features: np.ndarray | None = None


def set_statistics(
    folders: Sequence[str | os.PathLike[str]],
    *,
    convention: str,
    dimension: int = 2048,
    batch: int = 32,
    devices: int | None = None,
    allow_singular: bool = False,
    keep_features: bool = False,
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
        batch: How many images go through the network at once, on all devices together.
        devices: How many of this process's devices; by default all.
        allow_singular: Take folders of up to `dimension` images, too, whose covariance is singular.
        keep_features: Return them, too, for `kid` and others that need all of them: 8 KiB for each image.
        params: Of Inception; by default `jaxloss.load_params("inception")`.
        progress: Called with the number of images done and of all.

    Returns:
        `SetStatistics` of each folder.

    Raises:
        InputError: If a folder has no images or too few, a file is damaged, or grain is not installed.
    """
    options = SetOptions(convention, dimension, batch, devices, allow_singular, keep_features)
    return list(iterate_statistics(folders, options, params=params, progress=progress))


class SetOptions(NamedTuple):
    """See `set_statistics`."""

    convention: str
    dimension: int
    batch: int
    devices: int | None
    allow_singular: bool
    keep_features: bool

    def check(self) -> None:
        if self.convention not in FID_CONVENTIONS:
            raise InputError(f"no convention {self.convention!r}. {suggestion(self.convention, FID_CONVENTIONS)}")
        if self.dimension not in (*DIMENSIONS, SPATIAL):
            known = ", ".join(map(str, (*DIMENSIONS, SPATIAL)))
            raise InputError(f"no features of {self.dimension} dimensions. There are: {known}.")
        if self.batch < 1:
            raise InputError("a batch has at least 1 image.")
        there = jax.local_device_count()
        if self.devices is not None and not 1 <= self.devices <= there:
            raise InputError(f"there are {there} devices, not {self.devices}.")

    def check_size(self, folder: object, images: int) -> None:
        if images <= self.dimension and not self.allow_singular:
            raise InputError(
                f"{folder}: has {how_many(images)}, and a covariance of {self.dimension} features needs more than "
                f"{self.dimension}. Take more, or fewer features, or allow it to be singular."
            )
        if images < 2:
            raise InputError(f"{folder}: has 1 image, which has no covariance.")


def iterate_statistics(
    folders: Sequence[str | os.PathLike[str]],
    options: SetOptions,
    *,
    params: Params | None = None,
    progress: Progress | None = None,
) -> Iterator[SetStatistics]:
    """As `set_statistics`, one folder after the other, so that features of one set need not wait for those of all."""
    options.check()
    files = [image_files(folder) for folder in folders]
    for folder, found in zip(folders, files, strict=True):
        options.check_size(folder, len(found))
    network = load_params("inception") if params is None else params
    chosen = jax.local_devices()[: options.devices]
    look = _looking(options.dimension, tuple(chosen))
    shares, everywhere = (NamedSharding(Mesh(np.array(chosen), ("batch",)), spec) for spec in (SHARES, EVERYWHERE))
    everyone = jax.device_put(network, everywhere)
    head = jax.device_put({"fc": network["fc"]} if options.dimension == CLASSIFIED else {}, chosen[0])
    total, done = sum(map(len, files)), 0
    for found in files:
        classes = init_inception_score(head["fc"]["bias"].shape[0]) if head else None
        state: State = init_moments(options.dimension), classes
        kept: list[np.ndarray] = []
        for images, mask in _batches(_prepared(found, options.convention), round_up(options.batch, len(chosen))):
            features = look(jax.device_put(images, shares), everyone)
            state = _update(state, jax.device_put(features, chosen[0]), mask, head)
            if options.keep_features:
                kept.append(np.asarray(features)[mask])
            done += int(mask.sum())
            if progress is not None:
                progress(done, total)
        moments, classes = state
        score = math.nan if classes is None else float(inception_score_of(classes))
        features = np.concatenate(kept) if kept else None
        yield SetStatistics(len(found), host_statistics(moments), score, features)


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
    """`[299, 299, 3]` each."""
    grain = import_grain("FID of folders")
    options = grain.ReadOptions(num_threads=threads(), prefetch_buffer_size=2 * threads())
    images = grain.MapDataset.source(files).map(lambda path: read_trial_image(path, None)).to_iter_dataset(options)
    return map(_preparing(convention), images)


@functools.cache  # or each folder would compile it anew
def _preparing(convention: str) -> Callable[[np.ndarray], Array]:
    """A small program for each size of images."""
    return jax.jit(lambda x: prepare_images(to_float(x), data_range=1.0, convention=convention))


def _batches(images: Iterator[Array], size: int) -> Iterator[tuple[Array, np.ndarray]]:
    """All of one size, the last one filled up, and which of its images count."""
    while chunk := list(itertools.islice(images, size)):
        mask = np.arange(size) < len(chunk)
        yield jnp.stack([*chunk, *[chunk[0]] * (size - len(chunk))]), mask


@functools.cache  # likewise
def _looking(dimension: int, devices: tuple[Any, ...]) -> Callable[[Array, Params], Array]:
    """The network on batches of prepared images, each device with its share of them."""

    def look(images: Array, params: Params) -> Array:
        return network_features("set_statistics", images, params=params, dimension=dimension, precision="highest")

    mesh = Mesh(np.array(devices), ("batch",))
    return jax.jit(jax.shard_map(look, mesh=mesh, in_specs=(SHARES, EVERYWHERE), out_specs=SHARES))


@jax.jit
def _update(state: State, features: Array, mask: Array, params: Params) -> State:
    moments, classes = state
    if classes is not None:
        classes = update_inception_score(classes, inception_logits(features, params=params), mask=mask)
    return update_moments(moments, features, mask=mask), classes


def how_many(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
