"""Pairs scored in batches: files are read, and rows come out, while the devices work."""

import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from .._files import InputError
from .._types import Scores
from ..images._read import in_unit
from ..registry import Metric
from ._decode import Decoded, decoded
from ._pairs import Pair
from ._plan import CPU_PIXELS, MOST_SHAPES, PIXELS, Batch, Plan, filled_shape, make_plan
from ._rows import Collector, Row
from ._step import Step, looks
from ._temporal import TEMPORAL, with_frames_before


AHEAD = 2  # batches that are queued beyond the one that is worked on

Progress = Callable[[int, int], object]


class Options(NamedTuple):
    """See `evaluate`."""

    video: bool = False
    batch_size: int | None = None
    devices: int | None = None
    strict: bool = False


def score_pairs(
    pairs: Sequence[Pair],
    metrics: Sequence[Metric],
    options: Options,
    done: Collection[tuple[str, str]] = (),
    *,
    say: Callable[..., object],
    progress: Progress | None = None,
) -> Iterator[list[Row]]:
    """The rows of all pairs whose method and name are not among those that are done, batch after batch."""
    wanted = {number for number, pair in enumerate(pairs) if (pair.method, pair.name) not in done}
    chosen = jax.local_devices()[: options.devices]
    plan = make_plan(
        pairs,
        batch=options.batch_size,
        devices=len(chosen),
        pixels=CPU_PIXELS if chosen[0].platform == "cpu" else PIXELS,
        fillable=all(row.pixelwise for row in metrics),
        video=options.video,
        keep=looks(metrics) and not options.video,
    )
    if plan.shapes > MOST_SHAPES and wanted:
        say(f"there are {plan.shapes} sizes of images, for each of which the metrics are compiled.")
    collector = Collector(pairs, metrics, plan)
    finished = len(pairs) - len(wanted)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")  # of what is odd in a file: its pixels are what they are
        for rows in _batches(plan, wanted, Step(tuple(metrics), chosen, masked=plan.filled), collector):
            rows = [row for row in rows if (row["method"], row["name"]) not in done]
            failed = next((row["error"] for row in rows if "error" in row), None)
            if failed is not None and options.strict:
                raise InputError(failed)
            finished += len(rows)
            if progress is not None:
                progress(finished, len(pairs))
            yield rows
    say(*collector.notes())


def _batches(plan: Plan, wanted: Collection[int], step: Step, collector: Collector) -> Iterator[list[Row]]:
    """Rows as they become complete; while one batch is scored others are read and queued."""
    queued: deque[Iterator[Row]] = deque()
    yield [row for number in wanted & plan.failures.keys() for row in collector.fail(number, plan.failures[number])]
    tasks = plan.needed(wanted)
    sizes = Counter(place.batch for task in tasks for place in task.places)
    images = decoded(tasks, plan.largest)
    if TEMPORAL in step.metrics:
        images = with_frames_before(images)
    gathered: defaultdict[int, list[Decoded]] = defaultdict(list)
    numbers = deque(sorted(sizes))
    for image in images:
        gathered[image.place.batch].append(image)
        while numbers and len(gathered[numbers[0]]) == sizes[numbers[0]]:
            number = numbers.popleft()
            queued.append(_start(gathered.pop(number), plan.batches[number], step, collector))
            if len(queued) > AHEAD:
                yield list(queued.popleft())
    for rows in queued:
        yield list(rows)


def _start(images: list[Decoded], batch: Batch, step: Step, collector: Collector) -> Iterator[Row]:
    """Send a batch to the devices; what waits for its scores."""
    whole, alone = [], []
    for image in images:
        if not image.error:
            (whole if _suits(image, batch, step) else alone).append(image)
    parts = [(whole, _send(whole, batch, step, collector.pairs))] if whole else []
    for image in alone:  # the header of a damaged file lied
        devices = step.mesh.size
        slot = image._replace(place=image.place._replace(slot=0))
        parts.append(([slot], _send([slot], Batch(image.reference.shape, devices, devices), step, collector.pairs)))

    def wait() -> Iterator[Row]:
        for image in images:
            if image.error:
                yield from collector.fail(image.place.pair, image.error)
        for some, scores in parts:
            found = jax.device_get(scores)
            for image in some:
                known = [name for name in found if name != TEMPORAL.name or image.before is not None]
                yield from collector.add(image, {name: float(found[name][image.place.slot]) for name in known})

    return wait()


def _suits(image: Decoded, batch: Batch, step: Step) -> bool:
    shape = image.reference.shape
    return (filled_shape(shape) if step.masked else shape) == batch.shape


def _send(images: list[Decoded], batch: Batch, step: Step, pairs: Sequence[Pair]) -> dict[str, Scores]:
    """Rows without an image are copies of the first one, so that they are as good as any.

    Images of 8 bits are sent as they are where all are: memory that is new to the process costs as much as it weighs.
    """
    if all(z.dtype == np.uint8 for image in images for z in (image.test, image.reference)):
        batch = batch._replace(samples="uint8")
    else:
        images = [image._replace(test=in_unit(image.test), reference=in_unit(image.reference)) for image in images]
    new = np.zeros if step.masked else np.empty
    x, y = (new((count, *batch.shape), batch.samples) for count in (batch.size, batch.size // batch.each))
    before = (np.empty_like(x), np.empty_like(y)) if TEMPORAL in step.metrics else None
    mask = np.zeros(x.shape[:-1], np.float32) if step.masked else None
    of_slots = {image.place.slot: image for image in images}
    for slot in range(batch.size):
        image = of_slots.get(slot, images[0])
        height, width, _ = image.reference.shape
        x[slot, :height, :width], y[slot // batch.each, :height, :width] = image.test, image.reference
        if mask is not None:
            mask[slot, :height, :width] = 1
        if before is not None:  # the frame itself stands in for one that is not there; what comes of it is not taken
            before[0][slot], before[1][slot] = image.before or (image.test, image.reference)
    references = {slot // batch.each: pairs[image.place.pair].reference for slot, image in of_slots.items()}
    return step(x, y, mask, batch, before, references)
