"""The compiled step of a run: a batch of pairs to their scores, spread over all devices."""

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._types import ArrayLike, Image, Mask, Params, Scores
from ..registry import Metric
from ..weights._load import load_params
from ._plan import Batch
from ._programs import QUICK, SMALL
from ._temporal import TEMPORAL


BATCH, EVERYWHERE = PartitionSpec("batch"), PartitionSpec()
KEPT = 4  # shapes whose programs stay, in case that headers of damaged files lied

Rows = tuple[Metric, ...]
Frames = tuple[ArrayLike, ArrayLike]  # of x and y
Compiled = tuple[tuple[Rows, jax.stages.Compiled], ...]


class Step:
    """Metrics on batches of pairs, the batch axis over the devices and parameters on each of them.

    Each device scores its share of a batch as if it were alone: `shard_map` without any collective. Metrics of one
    paper are one program.
    """

    def __init__(self, metrics: Rows, devices: Sequence[Any], *, masked: bool) -> None:
        self.metrics, self.masked = metrics, masked
        self.mesh = Mesh(np.array(devices), ("batch",))
        self.rows, everywhere = (NamedSharding(self.mesh, spec) for spec in (BATCH, EVERYWHERE))
        # Rows of one file of parameters share its arrays.
        files = {row.params: load_params(row.params) for row in metrics if row.params}
        self.params = jax.device_put(files, everywhere)
        self.compiled = functools.lru_cache(KEPT)(self._compiled)

    def __call__(
        self, x: ArrayLike, y: ArrayLike, mask: ArrayLike | None, batch: Batch, before: Frames | None = None
    ) -> dict[str, Scores]:
        """Name to scores `[n]` of the metrics that images of this shape suit; they are on their way when it returns.

        Of videos `before` has the frames before those of x and y, where a metric asks for them.
        """
        images = jax.device_put((x, y, mask), self.rows)
        scores: dict[str, Scores] = {}
        for family, program in self.compiled(batch):
            given = images
            if TEMPORAL in family and before is not None:
                given = jax.device_put((*map(_two_frames, before, (x, y)), mask), self.rows)
            scores |= program(*given, self._needed(family))
        return scores

    def _needed(self, family: Rows) -> dict[str, Params]:
        return {row.name: self.params[row.params] for row in family if row.params}

    def _compiled(self, batch: Batch) -> Compiled:
        """While one is compiled the next is traced."""
        families = _families(row for row in self.metrics if not row.misfit(batch.shape))
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            lowered = ((family, self.lower(family, batch)) for family in families)
            running = [
                (family, workers.submit(program.compile, compiler_options=self._options(family, batch)))
                for family, program in lowered
            ]
            return tuple((family, program.result()) for family, program in running)

    def lower(self, family: Rows, batch: Batch) -> jax.stages.Lowered:
        size = (batch.size, 2) if TEMPORAL in family else (batch.size,)
        images = jax.ShapeDtypeStruct((*size, *batch.shape), np.float32, sharding=self.rows)
        mask = jax.ShapeDtypeStruct(images.shape[:-1], np.float32, sharding=self.rows) if self.masked else None
        score = functools.partial(score_batch, family=family)
        mapped = jax.shard_map(score, mesh=self.mesh, in_specs=(BATCH, BATCH, BATCH, EVERYWHERE), out_specs=BATCH)
        return jax.jit(mapped).lower(images, images, mask, self._needed(family))

    def _options(self, family: Rows, batch: Batch) -> Any:
        """A program that few pixels go through is not worth its optimization."""
        few = batch.images * batch.shape[0] * batch.shape[1] <= SMALL
        quick = few and self.mesh.devices.flat[0].platform == "cpu" and not any(row.params for row in family)
        return QUICK if quick else None


def score_batch(
    x: Image, y: Image, mask: Mask | None, params: Mapping[str, Params], *, family: Rows
) -> dict[str, jax.Array]:
    """Name to scores `[n]` of images in [0, 1], `[n, H, W, C]`, or of frames with those before, `[n, 2, H, W, C]`."""
    scores = {}
    for row in family:
        supplied = {"data_range": 1.0, "params": params.get(row.name)}
        more = {name: supplied[name] for name in row.needs}
        scores[row.name] = row.function(x, y, **row.options, **more, **({} if mask is None else {"mask": mask}))
    return scores


def _two_frames(before: ArrayLike, frame: ArrayLike) -> np.ndarray:
    """Videos of two frames, `[n, 2, H, W, C]`."""
    return np.stack([np.asarray(before), np.asarray(frame)], axis=1)


def _families(metrics: Iterable[Metric]) -> list[Rows]:
    """Those of one file, which share what they compute; networks last."""
    families: dict[str, list[Metric]] = {}
    for row in metrics:
        families.setdefault(row.function.__module__, []).append(row)
    return [tuple(family) for family in sorted(families.values(), key=lambda family: bool(family[0].params))]
