"""Networks on strips of rows: the numbers of whole images, in a fraction of the memory.

A network is a chain of stages, each up to a pooling. Whole are the images and what is between stages, pooled features;
inside a stage those of one strip exist at a time, and a gradient computes them anew. A strip sees as many rows above
and below its own as the layers reach, but none outside the image. Where it begins or ends with the image, it is padded
as the image is; what any other end of it makes wrong is cut off.

    0 ┌──────────┐ ┐                 It begins at a multiple of the stage's step, and ends at a multiple of it before
      │          │ │ strip 0         the image does. So windows fall on the same rows as in the image, and those that
      ├ ─ ─ ─ ─ ─┤ │  ┐ `above`      remain at the end of the last strip are those that remain at the end of the image.
      │          │ ┘  │
      ├ ─ ─ ─ ─ ─┤    │ strip 1
      │          │    │
      └──────────┘    ┘ `below`
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array
from ._layers import Blur, Conv, Fire, Layer, Pool, Table, used_layers


class Stage(NamedTuple):
    layers: Table
    taps: tuple[str, ...]
    end: str | None = None  # what the next stage sees

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.taps if self.end is None else (*self.taps, self.end)))


class Output(NamedTuple):
    """Of one layer of a stage."""

    rows: int
    step: int  # rows of the stage's input for each


class Strips(NamedTuple):
    """Of the rows of a stage's input."""

    height: int  # rows that each strip has for itself, strip i from `i * height` on
    rows: int  # that it sees
    starts: tuple[int, ...]  # of what it sees
    outputs: dict[str, Output]


Run = Callable[[Stage, Array], dict[str, Array]]  # all outputs of a stage
Combine = Callable[..., dict[str, Array]]  # of the features of each image
Seen = tuple[tuple[Array, ...], dict[str, Array]]  # what the next stage sees of each image, and the combined taps


def run_in_strips(
    run: Run, layers: Table, taps: tuple[str, ...], images: tuple[Array, ...], strip_rows: int, combine: Combine
) -> dict[str, Array]:
    """`combine(taps of the first of the images, of the second, ...)`, which treats each position for itself."""
    found: dict[str, Array] = {}
    for stage in stages(layers, taps):
        images, combined = _run_stage(run, stage, images, strip_rows, combine)
        found |= combined
    return {tap: found[tap] for tap in taps}


def stages(layers: Table, taps: tuple[str, ...]) -> Iterator[Stage]:
    """A table up to its last tap, cut after each pooling."""
    layers = used_layers(layers, taps)
    cuts = [i for i, layer in enumerate(layers[:-1], start=1) if _pools(layer)]
    for start, stop in zip([0, *cuts], [*cuts, len(layers)], strict=True):
        part = layers[start:stop]
        end = None if stop == len(layers) else part[-1].name
        yield Stage(part, tuple(layer.name for layer in part if layer.name in taps), end)


def strips_of(stage: Stage, size: int, strip_rows: int) -> Strips:
    """The fewest that have no more than `strip_rows` for themselves, as far as the stage's step allows."""
    step, above, below, outputs = 1, 0, 0, {}
    rows = size
    for layer in stage.layers:
        window, stride, padding = _window(layer)
        above += step * padding
        below += step * max(0, window - stride - padding)
        step, rows = step * stride, layer.output_size(rows)
        if layer.name in stage.outputs:
            outputs[layer.name] = Output(rows, step)
    height = max(strip_rows // step, 1) * step
    above = -(-above // step) * step
    seen = above + height + below
    seen += (size - seen) % step
    if seen >= size:
        return Strips(size, size, (0,), outputs)
    count = max(math.ceil(rows * step / height) for rows, step in outputs.values())
    starts = (min(max(0, i * height - above), size - seen) for i in range(count))
    return Strips(height, seen, tuple(starts), outputs)


def _pools(layer: Layer) -> bool:
    return isinstance(layer, Blur) or (isinstance(layer, Pool) and layer.stride > 1)


def _window(layer: Layer) -> tuple[int, int, int]:
    """Its size, its step, and the padding of the image, in rows."""
    match layer:
        case Conv(blurred=True):
            return layer.size + 2, 2, layer.padding + 2
        case Conv():
            return layer.size, layer.stride, layer.padding
        case Pool():
            return layer.size, layer.stride, 0
        case Blur():
            return 3, 2, layer.padding
        case Fire():
            return 3, 1, 1
    return 1, 1, 0


def _run_stage(run: Run, stage: Stage, images: tuple[Array, ...], strip_rows: int, combine: Combine) -> Seen:
    def see(*images: Array) -> Seen:
        features = [run(stage, z) for z in images]
        ends = () if stage.end is None else tuple(f[stage.end] for f in features)
        return ends, combine(*({tap: f[tap] for tap in stage.taps} for f in features)) if stage.taps else {}

    strips = strips_of(stage, images[0].shape[1], strip_rows)
    if len(strips.starts) == 1:
        return jax.checkpoint(see)(*images)

    def by_layer(change: Callable[[Output, Array], Array], seen: Seen) -> Seen:
        ends, taps = seen
        ends = tuple(change(strips.outputs[str(stage.end)], z) for z in ends)
        return ends, {tap: change(strips.outputs[tap], z) for tap, z in taps.items()}

    # Cutting inside of the checkpoint leaves only the strip's number to be stored for a gradient.
    def see_strip(own: Array, start: Array) -> Seen:
        seen = see(*(lax.dynamic_slice_in_dim(z, start, strips.rows, axis=1) for z in images))
        return by_layer(
            lambda output, z: _own_rows(z, (own - start) // output.step, strips.height // output.step), seen
        )

    own = strips.height * np.arange(len(strips.starts), dtype=np.int32)
    starts = np.asarray(strips.starts, np.int32)
    checkpointed = jax.checkpoint(see_strip, prevent_cse=False)  # nothing is found twice across rounds of a loop
    stacked = lax.map(lambda strip: checkpointed(*strip), (jnp.asarray(own), jnp.asarray(starts)))
    return by_layer(lambda output, z: _joined(z)[:, : output.rows], stacked)


def _own_rows(z: Array, start: Array, count: int) -> Array:
    """Of `[n, h, w, c]`; what the last strip has too many is zeros."""
    z = jnp.pad(z, ((0, 0), (0, count), (0, 0), (0, 0)))
    return lax.dynamic_slice_in_dim(z, start, count, axis=1)


def _joined(z: Array) -> Array:
    """`[strips, n, h, w, c]` to `[n, strips * h, w, c]`."""
    count, n, rows, *rest = z.shape
    return jnp.moveaxis(z, 0, 1).reshape(n, count * rows, *rest)
