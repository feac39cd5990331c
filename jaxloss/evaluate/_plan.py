"""The batches of a run: images of one shape together, in an order that depends on nothing but the pairs.

So a run that goes on after it was stopped has the same batches, and comes to the same numbers to the bit.
"""

import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

from .._files import InputError
from ..datasets._layout import threads
from ..images._light import any_shape
from ._pairs import Pair, frame_files


Shape = tuple[int, int, int]
Image = tuple[int, int]  # number of the pair, and of its frame

MOST_SHAPES = 8  # of images that are not filled up, where they could be
STEPS = 4  # of sides that images are filled up to, from one power of two to the next
SMALLEST_SIDE = 32
TOGETHER = 8  # images under test that are read with one reference
# Pixels of a batch on each device. A CPU loses by more, which its caches do not hold; others are kept busy.
CPU_PIXELS, PIXELS = 2**18, 2**22
MOST_IMAGES = 256  # of a batch on each device


class Place(NamedTuple):
    """Where one image, or one frame, is scored.

    Attributes:
        batch: Number of the batch.
        slot: Row in it.
        pair: Number of the pair.
        frame: Number of the frame.
    """

    batch: int
    slot: int
    pair: int
    frame: int


class Task(NamedTuple):
    """What is read in one go.

    Attributes:
        reference: The file.
        tests: A file for each place; or one file, which has a frame for each place.
        places: What becomes of them, by batches.
    """

    reference: Path
    tests: tuple[Path, ...]
    places: tuple[Place, ...]

    def only(self, batches: Collection[int]) -> "Task":
        """What of it is for these."""
        chosen = [number for number, place in enumerate(self.places) if place.batch in batches]
        tests = self.tests if len(self.tests) < len(self.places) else tuple(self.tests[number] for number in chosen)
        return self._replace(tests=tests, places=tuple(self.places[number] for number in chosen))


class Batch(NamedTuple):
    """What is scored at once.

    Attributes:
        shape: `(H, W, C)` of all its images, those that are filled up among them; empty where no file could be read.
        size: Of the compiled program.
        images: That have this shape, in all batches.
        shared: Whether others have their references, too, in this batch or the next ones.
        each: How many, one after another, have one of its references: all of a device, or one.
        samples: "float32" of pixels in [0, 1], or "uint8" of 8 bits.
    """

    shape: tuple[int, ...]
    size: int
    images: int
    shared: bool = False
    each: int = 1
    samples: Literal["float32", "uint8"] = "float32"


class Plan(NamedTuple):
    """All batches, and what is read for them.

    Attributes:
        batches: By number.
        tasks: By batches.
        frames: Of each pair.
        failures: Why a pair cannot be compared at all, by its number.
        filled: Whether images are filled up to shapes of batches, and masked.
    """

    batches: tuple[Batch, ...]
    tasks: tuple[Task, ...]
    frames: tuple[int, ...]
    failures: dict[int, str]
    filled: bool

    @property
    def shapes(self) -> int:
        """How many there are, each with programs of its own."""
        return len({batch.shape for batch in self.batches})

    @property
    def largest(self) -> int:
        """Bytes of the largest image, as it is read."""
        return max((4 * math.prod(batch.shape) for batch in self.batches if batch.shape), default=0)

    def needed(self, pairs: Collection[int]) -> tuple[Task, ...]:
        """Tasks of batches that score any of these pairs, whole batches always."""
        wanted = {place.batch for task in self.tasks for place in task.places if place.pair in pairs}
        kept = (task.only(wanted) for task in self.tasks)
        return tuple(task for task in kept if task.places)


class Look(NamedTuple):
    """What the references tell by their headers; nothing where they are damaged."""

    shape: tuple[int, ...]
    files: tuple[Path, ...]
    frames: int


def make_plan(
    pairs: Sequence[Pair], *, batch: int | None, devices: int, pixels: int, fillable: bool, video: bool, keep: bool
) -> Plan:
    """The batches of all pairs.

    Args:
        pairs: What is compared.
        batch: Images in a batch, of all devices together, rounded up so that they share it; by default as many as
            make so many pixels on each device.
        devices: How many.
        pixels: See batch.
        fillable: Whether the metrics allow images to be filled up to a common shape.
        video: Whether folders and files are videos.
        keep: Whether it pays to have images that share a reference, of one frame, in batches of the same references.
    """
    looks = _looks([path for pair in pairs for path in (pair.reference, *_folders(pair))], video)
    of_pairs = [looks[pair.reference] for pair in pairs]
    failures = {number: text for number, pair in enumerate(pairs) if (text := _mismatch(pair, looks))}
    filled = fillable and len({look.shape for look in of_pairs}) > MOST_SHAPES
    groups: dict[tuple[int, ...], list[Image]] = {}
    for number, look in enumerate(of_pairs):
        if number not in failures:
            shape = filled_shape(look.shape) if filled and look.shape else look.shape
            groups.setdefault(shape, []).extend((number, frame) for frame in range(look.frames))
    batches, tasks = [], []
    for shape, images in sorted(groups.items()):
        fitting = functools.partial(_batch_size, shape, batch=batch, devices=devices, pixels=pixels)
        alone = [[image] for image in images]
        like, rows = _sharing(shape, _by_reference(pairs, images) if keep else alone, fitting, devices)
        places = _places(rows, like.size, len(batches))
        batches += [like] * (1 + max(place.batch for place in places) - len(batches))
        tasks += _tasks(pairs, looks, places)
    return Plan(tuple(batches), tuple(tasks), tuple(look.frames for look in of_pairs), failures, filled)


def filled_shape(shape: tuple[int, ...]) -> Shape:
    """The next larger shape of few: at most 26 % more on a side, 4 from one power of two to the next."""
    height, width, channels = shape
    return _filled_side(height), _filled_side(width), channels


def _filled_side(side: int) -> int:
    octave = 2 ** (max(side, SMALLEST_SIDE) - 1).bit_length() // 2
    step = octave // STEPS
    return max(SMALLEST_SIDE, -(-side // step) * step)


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _by_reference(pairs: Sequence[Pair], images: Sequence[Image]) -> list[list[Image]]:
    found: dict[Path, list[Image]] = {}
    for number, frame in images:
        found.setdefault(pairs[number].reference, []).append((number, frame))
    return list(found.values())


def _sharing(
    shape: tuple[int, ...], sets: list[list[Image]], fitting: Callable[[int], int], devices: int
) -> tuple[Batch, list[list[Image]]]:
    """The batches of sets that have one reference each, and what has a slot in them: a set, or each of its images."""
    count, most = sum(map(len, sets)), max(map(len, sets))
    full, size = fitting(count), fitting(len(sets))
    if 1 < len(sets) and full <= 2 * size and most * len(sets) < 2 * count:  # not much smaller, nor half empty
        return Batch(shape, size, count, shared=most > 1), sets
    one = len(sets) == 1 < most
    batch = Batch(shape, full, count, shared=one, each=full // devices if one else 1)
    return batch, [[image] for images in sets for image in images]


def _places(rows: Sequence[Sequence[Image]], size: int, batch: int) -> list[Place]:
    """In the order of reading. The images of a row have one slot, in one batch after another from that number on."""
    places: list[Place] = []
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        deepest = max(map(len, some))
        for low in range(0, deepest, TOGETHER):
            for slot, images in enumerate(some):
                numbered = enumerate(images[low : low + TOGETHER], start=batch + low)
                places += [Place(number, slot, *image) for number, image in numbered]
        batch += deepest
    return places


def _batch_size(shape: tuple[int, ...], images: int, *, batch: int | None, devices: int, pixels: int) -> int:
    """No more than there are images: a program for a batch that is mostly empty wastes its time."""
    if batch is None:
        area = math.prod(shape[:2]) or 1
        batch = devices * max(1, min(MOST_IMAGES, pixels // area))
    return round_up(min(batch, images), devices)


def _looks(paths: Sequence[Path], video: bool) -> dict[Path, Look]:
    different = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(threads()) as workers:
        return dict(zip(different, workers.map(lambda path: _look(path, video), different), strict=True))


def _look(path: Path, video: bool) -> Look:
    files = [path]
    try:
        files = frame_files(path) if path.is_dir() else files
        shape, count = any_shape(files[0])
    except (InputError, IndexError):
        return Look((), (path,), 1)  # of which its reader tells
    return Look(shape, tuple(files), count if video and not path.is_dir() else len(files))


def _folders(pair: Pair) -> tuple[Path, ...]:
    return (pair.test,) if pair.test.is_dir() else ()


def _mismatch(pair: Pair, looks: dict[Path, Look]) -> str:
    """Why a folder of frames cannot be compared, if it cannot."""
    folders = [path for path in (pair.reference, pair.test) if path in looks and looks[path].files != (path,)]
    if len(folders) == 1:
        (folder,) = folders
        return f"{folder} is a folder of frames and its partner is a file. Save both alike."
    counts = [looks[path].frames for path in folders]
    if len(set(counts)) > 1:
        return f"{pair.test} has {counts[1]} frames and {pair.reference} has {counts[0]}. Cut one of them."
    return ""


def _tasks(pairs: Sequence[Pair], looks: dict[Path, Look], places: Sequence[Place]) -> Iterator[Task]:
    """Of the places of images of one shape: all frames of a file at once, several images with their one reference."""

    def file(path: Path, frame: int) -> Path:
        files = looks[path].files if path in looks else (path,)
        return files[min(frame, len(files) - 1)]

    def source(place: Place) -> tuple[Path, int]:
        look = looks[pairs[place.pair].reference]
        moving = look.frames > len(look.files)
        return file(pairs[place.pair].reference, place.frame), place.pair if moving else -1

    for (reference, moving), group in itertools.groupby(places, source):
        images = list(group)
        if moving >= 0:
            yield Task(reference, (pairs[moving].test,), tuple(images))
            continue
        for start in range(0, len(images), TOGETHER):
            part = images[start : start + TOGETHER]
            yield Task(reference, tuple(file(pairs[p.pair].test, p.frame) for p in part), tuple(part))
