"""The compiled step of a run: a batch of pairs to their scores, spread over all devices."""

import functools
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._types import Array, ArrayLike, Mask, Params, Scores
from ..registry import Metric
from ..weights._load import load_params
from ._halves import first_half, second_half
from ._plan import Batch
from ._programs import QUICK
from ._temporal import TEMPORAL


BATCH, EVERYWHERE = PartitionSpec("batch"), PartitionSpec()
SMALL = 2**20  # pixels of all images
KEPT = 4  # shapes whose programs stay, in case that headers of damaged files lied

Rows = tuple[Metric, ...]
Frames = tuple[ArrayLike, ArrayLike]  # of x and y
Programs = tuple[jax.stages.Compiled, ...]  # one; or one for references, and one for what is compared with them


class Step:
    """Metrics on batches of pairs, the batch axis over the devices and parameters on each of them.

    Each device scores its share of a batch as if it were alone: `shard_map` without any collective. Metrics of one
    paper are one program. Where images share references, what networks see of these is kept from batch to batch.
    """

    def __init__(self, metrics: Rows, devices: Sequence[Any], *, masked: bool) -> None:
        self.metrics, self.masked = metrics, masked
        self.mesh = Mesh(np.array(devices), ("batch",))
        self.rows, everywhere = (NamedSharding(self.mesh, spec) for spec in (BATCH, EVERYWHERE))
        # Rows of one file of parameters share its arrays.
        files = {row.params: load_params(row.params) for row in metrics if row.params}
        self.params = jax.device_put(files, everywhere)
        self.compiled = functools.lru_cache(KEPT)(self._compiled)
        self.references: Mapping[int, Hashable] = {}
        self.seen: dict[Rows, list[Array]] = {}  # of these references

    def __call__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        mask: ArrayLike | None,
        batch: Batch,
        before: Frames | None = None,
        references: Mapping[int, Hashable] = {},
    ) -> dict[str, Scores]:
        """Name to scores `[n]` of the metrics that images of this shape suit; they are on their way when it returns.

        Of videos `before` has the frames before those of x and y, where a metric asks for them. Of a batch that is
        shared, `references` names what is in the rows of y that matter: it is not looked at again if it was there in
        the batch before.
        """
        if not references.items() <= self.references.items():
            self.references, self.seen = references, {}
        images = jax.device_put((x, y, mask), self.rows)
        scores: dict[str, Scores] = {}
        for family, programs in self.compiled(batch):
            given, needed = images, self._needed(family)
            if TEMPORAL in family and before is not None:
                given = jax.device_put((*map(_two_frames, before, (x, y)), mask), self.rows)
            if len(programs) == 1:
                scores |= programs[0](*given, needed)
                continue
            look, compare = programs
            if family not in self.seen:
                self.seen[family] = look(given[1], needed)
            scores |= compare(given[0], self.seen[family], needed)
        return scores

    def _needed(self, family: Rows) -> dict[str, Params]:
        return {row.name: self.params[row.params] for row in family if row.params}

    def _compiled(self, batch: Batch) -> tuple[tuple[Rows, Programs], ...]:
        """While one is compiled the next is traced."""
        families = _families(row for row in self.metrics if not row.misfit(batch.shape))
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            running = []
            for family in families:
                options = self._options(family, batch)
                parts = [workers.submit(part.compile, compiler_options=options) for part in self.lower(family, batch)]
                running.append((family, parts))
            return tuple((family, tuple(part.result() for part in parts)) for family, parts in running)

    def lower(self, family: Rows, batch: Batch) -> tuple[jax.stages.Lowered, ...]:
        """The program of a family; of models, where images share references, one for these and one for the rest."""
        if batch.shared and looks(family):
            return self._lower_halves(family, batch)
        images, references = self._inputs(batch, *([2] if TEMPORAL in family else []))
        mask = jax.ShapeDtypeStruct(images.shape[:-1], np.float32, sharding=self.rows) if self.masked else None
        score = functools.partial(score_batch, family=family)
        mapped = jax.shard_map(score, mesh=self.mesh, in_specs=(BATCH, BATCH, BATCH, EVERYWHERE), out_specs=BATCH)
        return (jax.jit(mapped).lower(images, references, mask, self._needed(family)),)

    def _lower_halves(self, family: Rows, batch: Batch) -> tuple[jax.stages.Lowered, ...]:
        needed = self._needed(family)
        score = functools.partial(score_each, family=family)

        def look(y: Array, params: Mapping[str, Params]) -> list[Array]:
            return first_half(score, jnp.repeat(y, batch.each, axis=0), y, params)

        def compare(x: Array, seen: list[Array], params: Mapping[str, Params]) -> dict[str, Array]:
            return second_half(score, x, x[:: batch.each], seen, params)

        images, references = self._inputs(batch)
        mapped = jax.shard_map(look, mesh=self.mesh, in_specs=(BATCH, EVERYWHERE), out_specs=BATCH)
        first = jax.jit(mapped).lower(references, needed)
        seen = [jax.ShapeDtypeStruct(z.shape, z.dtype, sharding=self.rows) for z in first.out_info]
        mapped = jax.shard_map(compare, mesh=self.mesh, in_specs=(BATCH, BATCH, EVERYWHERE), out_specs=BATCH)
        return first, jax.jit(mapped).lower(images, seen, needed)

    def _inputs(self, batch: Batch, *frames: int) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
        images, references = (
            jax.ShapeDtypeStruct((count, *frames, *batch.shape), batch.samples, sharding=self.rows)
            for count in (batch.size, batch.size // batch.each)
        )
        return images, references

    def _options(self, family: Rows, batch: Batch) -> Any:
        """A program that few pixels go through is not worth its optimization."""
        few = batch.images * batch.shape[0] * batch.shape[1] <= SMALL
        quick = few and self.mesh.devices.flat[0].platform == "cpu" and not any(row.has_network for row in family)
        return QUICK if quick else None


def score_batch(
    x: Array, y: Array, mask: Mask | None, params: Mapping[str, Params], *, family: Rows
) -> dict[str, Array]:
    """Name to scores `[n]` of images in [0, 1], `[n, H, W, C]`, or of frames with those before, `[n, 2, H, W, C]`.

    Of m references there are n / m images each, one after another. Samples of 8 bits are as good as pixels in [0, 1].
    """
    scores, each = {}, x.shape[0] // y.shape[0]
    x, y = _in_unit(x), _in_unit(y)
    y = y if each == 1 else jnp.repeat(y, each, axis=0)
    for row in family:
        supplied = {"data_range": 1.0, "params": params.get(row.name)}
        more = {name: supplied[name] for name in row.needs}
        scores[row.name] = row.function(x, y, **row.options, **more, **({} if mask is None else {"mask": mask}))
    return scores


def score_each(x: Array, y: Array, params: Mapping[str, Params], *, family: Rows) -> dict[str, Array]:
    """The same by an axis of its own for the images of a reference, so that there is only one of it."""
    images = x.reshape(y.shape[0], -1, *x.shape[1:])
    score = functools.partial(score_batch, mask=None, params=params, family=family)
    found = jax.vmap(lambda x: score(x, y), in_axes=1, out_axes=1)(images)
    return {name: scores.reshape(-1) for name, scores in found.items()}


def _in_unit(image: Array) -> Array:
    """As files are read, to the last bit, which a product with 1 / 255 is not: XLA divides by what varies alone."""
    if image.dtype != jnp.uint8:
        return image
    pixels = image.astype(jnp.float32)
    return pixels / jnp.maximum(255, pixels)


def _two_frames(before: ArrayLike, frame: ArrayLike) -> np.ndarray:
    """Videos of two frames, `[n, 2, H, W, C]`."""
    return np.stack([np.asarray(before), np.asarray(frame)], axis=1)


def looks(metrics: Iterable[Metric]) -> bool:
    """Whether there are networks among them, or other trained models: most of the work, half of it of references."""
    return any(row.params and row != TEMPORAL for row in metrics)


def _families(metrics: Iterable[Metric]) -> list[Rows]:
    """Those of one file, which share what they compute; networks last."""
    families: dict[str, list[Metric]] = {}
    for row in metrics:
        families.setdefault(row.function.__module__, []).append(row)
    return [tuple(family) for family in sorted(families.values(), key=lambda family: bool(family[0].params))]
