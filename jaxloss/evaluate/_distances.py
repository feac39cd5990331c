"""Distances of many images by many metrics: one program for each shape, spread over the devices of this process."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._checks import suggestion
from .._files import InputError
from .._types import ArrayLike, Image, Params, Scores
from ..registry import METRICS, Metric
from ..weights._load import is_at_hand, load_params
from ._compare import choose_metrics, shape_notes
from ._programs import score_by_all


PIXELS = 2**18  # of an image of the batch, on each device

# The images that one reference is held against, and the reference; `[n, H, W, C]` each.
Trials = tuple[Sequence[ArrayLike], ArrayLike]


def metrics_at_hand(metrics: Iterable[str | Metric] | None) -> tuple[list[Metric], list[str]]:
    """What is chosen; by default all metrics whose parameters need not be downloaded, and notes on the others."""
    if metrics is not None:
        return list(choose_metrics(metrics)), []
    known = [row for row in METRICS.values() if row.kind == "metric"]
    missing = [row for row in known if row.params and not is_at_hand(row.params)]
    notes = [
        f"{row.name} is left out: its weights are not here. Fetch them: jaxloss weights fetch {row.params}."
        for row in missing
    ]
    return [row for row in known if row not in missing], notes


def check_versus(name: str | None, metrics: Iterable[Metric]) -> None:
    """What others are tested against is scored, too."""
    names = [row.name for row in metrics]
    if name is not None and name not in names:
        raise InputError(f"there is no {name!r} to test against. {suggestion(name, names)}")


class Scorer:
    """Metrics with their parameters on all local devices."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.devices = jax.local_devices()
        mesh = Mesh(np.array(self.devices), ("batch",))
        self._rows = NamedSharding(mesh, PartitionSpec("batch"))
        params = {row.name: load_params(row.params) for row in metrics if row.params}
        self._params = jax.device_put(params, NamedSharding(mesh, PartitionSpec()))

    def batch_of(self, shape: tuple[int, ...], count: int) -> int:
        """How many of so many images `[H, W, C]` are scored at once."""
        devices = len(self.devices)
        return devices * max(1, min(PIXELS // (shape[0] * shape[1]), -(-count // devices)))

    def fitting(self, shape: tuple[int, ...]) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
        """Metrics that images `[H, W, C]` suit, and notes on the others."""
        fitting = tuple(row for row in self.metrics if not row.misfit(shape))
        notes = shape_notes(self.metrics, shape)
        if not fitting:
            raise InputError(f"no metric can be computed of images of this size: {' '.join(notes)}")
        return fitting, notes

    def distances(self, batches: Iterable[Trials], fitting: tuple[Metric, ...]) -> Iterator[dict[str, np.ndarray]]:
        """By metric, `[m, n]` of the m images that each of n references is held against; lower is nearer."""
        ahead = None
        for images, reference in batches:
            placed = jax.device_put((tuple(images), reference), self._rows)
            scores = _score_images(*placed, self._params, fitting=fitting)
            if ahead is not None:  # this batch is computed while the next one is read
                yield _lower_nearer(ahead, fitting)
            ahead = scores
        if ahead is not None:
            yield _lower_nearer(ahead, fitting)


@functools.partial(jax.jit, static_argnames="fitting")
def _score_images(
    images: Sequence[Image], reference: Image, params: Mapping[str, Params], *, fitting: tuple[Metric, ...]
) -> list[dict[str, Scores]]:
    # In one program: what a metric makes of the reference alone is computed once for all of its images.
    return [score_by_all(image, reference, 1.0, params, fitting=fitting) for image in images]


def _lower_nearer(scores: list[dict[str, Any]], fitting: tuple[Metric, ...]) -> dict[str, np.ndarray]:
    host: list[dict[str, np.ndarray]] = jax.device_get(scores)
    signs = {row.name: 1 if row.better == "lower" else -1 for row in fitting}
    return {name: sign * np.stack([of_image[name] for of_image in host]) for name, sign in signs.items()}
