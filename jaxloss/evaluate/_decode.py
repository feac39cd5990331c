"""Files of a run read by many threads, a bounded number ahead of the devices."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from .._files import InputError
from ..datasets._batches import import_grain
from ..datasets._layout import threads
from ..images import ImageFile, check_comparable
from ..images._light import any_frames
from ._plan import Place, Task


File = TypeVar("File")

AHEAD = 2**28  # bytes of images that may wait


class Decoded(NamedTuple):
    """Two images, or why there are none.

    Attributes:
        place: Where they are scored.
        test: `[H, W, C]`, float32, or uint8 as it is in the file.
        reference: Likewise.
        notes: What was done to the files.
        error: One sentence, or "".
        before: Both images of the frame before, where a metric asks for it and there is one.
    """

    place: Place
    test: np.ndarray
    reference: np.ndarray
    notes: tuple[str, ...] = ()
    error: str = ""
    before: tuple[np.ndarray, np.ndarray] | None = None


def decoded(tasks: Sequence[Task], largest: int) -> Iterator[Decoded]:
    """The images of all tasks in order; `largest` is the size of the largest one in bytes."""
    if not tasks:
        return
    grain = import_grain("scoring folders")
    most = max(len(task.places) for task in tasks) + 1
    waiting = max(1, min(4 * threads(), AHEAD // (largest * most or 1)))
    options = grain.ReadOptions(num_threads=min(threads(), waiting), prefetch_buffer_size=waiting)
    for images in grain.MapDataset.source(tasks).map(read_task).to_iter_dataset(options):
        yield from images


def read_task(task: Task) -> list[Decoded]:
    """Never raises for what is wrong with a file: that is told of the pair."""
    if len(task.tests) < len(task.places):
        return _read_moving(task)
    reference = _attempt(_first, task.reference)
    images = (_attempt(_first, path) for path in task.tests)
    return [_pair(place, reference, image) for place, image in zip(task.places, images, strict=True)]


def _read_moving(task: Task) -> list[Decoded]:
    (test,) = task.tests
    references, images = (_attempt(_all, path) for path in (task.reference, test))
    if isinstance(references, str) or isinstance(images, str):
        text = references if isinstance(references, str) else images
        return [_failure(place, str(text)) for place in task.places]
    if len(references) != len(images):
        text = f"{test} has {len(images)} frames and {task.reference} has {len(references)}. Cut one of them."
        return [_failure(place, text) for place in task.places]
    return [_pair(place, references[place.frame], images[place.frame]) for place in task.places]


def _all(path: Path) -> list[ImageFile]:
    return list(any_frames(path, stored=True))


def _first(path: Path) -> ImageFile:
    (image,) = any_frames(path, 1, stored=True)
    return image


def _attempt(read: Callable[[Path], File], path: Path) -> File | str:
    """What is read, or what is wrong with it."""
    try:
        return read(path)
    except InputError as error:
        return str(error)


def _pair(place: Place, reference: ImageFile | str, image: ImageFile | str) -> Decoded:
    if isinstance(reference, str):
        return _failure(place, reference)
    if isinstance(image, str):
        return _failure(place, image)
    try:
        check_comparable(reference, image)
    except InputError as error:
        return _failure(place, str(error))
    return Decoded(place, image.pixels, reference.pixels, (*reference.notes, *image.notes))


def _failure(place: Place, error: str) -> Decoded:
    return Decoded(place, _NOTHING, _NOTHING, error=error)


_NOTHING = np.zeros((0, 0, 0), np.float32)
