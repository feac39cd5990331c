"""The worst and the best pairs of a run as small pictures, beside the maps of their errors."""

import base64
import io
import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image

from .._files import InputError
from ..images import ImageFile, check_comparable, read_image
from ..images._colors import colorize
from ..images._maps import error_map, scale_end
from ..images._pictures import fit, picture_of
from ..images._read import read_frames
from ..registry import METRICS
from ..weights._errors import WeightsError
from ._pairs import frame_files
from ._report_records import Record, Run, printable


SIDE = 224  # pixels, the longer side of a picture
EACH = 4  # worst pairs by each metric and method, and best ones
MOST_PAIRS = 96  # that are read
MOST_BYTES = 2 * 2**20  # of all pictures, encoded
MOST_PROGRAMS = 16  # maps are compiled for each metric and size of image
MOST_PIXELS = 2**22  # of an image of which a map is made: that of a network takes a thousand times as much memory
ENDS = ("worst", "best")


class Choice(NamedTuple):
    """A pair that is the worst or best one, or nearly, of a method by a metric."""

    metric: str
    method: str
    end: str
    record: Record


class Card(NamedTuple):
    """A choice with the numbers of its pictures: reference, test, difference and, where there is one, the map.

    Where there are none, a note says why.
    """

    choice: Choice
    pictures: tuple[int, ...] = ()
    note: str = ""


class Gallery(NamedTuple):
    """Pictures for a page.

    Attributes:
        cards: What is shown, the worst pairs of all metrics and methods first.
        pictures: As addresses that hold them, each once.
        legends: Name of a metric, or `"difference"`, to what its map is and the number shown brightest.
        left_out: How many choices found no place.
        unmapped: How many maps were not made of pairs that were read: of large images, or of too many sizes.
    """

    cards: list[Card]
    pictures: list[str]
    legends: dict[str, tuple[str, float]]
    left_out: int
    unmapped: int = 0


class _View(NamedTuple):
    reference: str
    test: str
    difference: np.ndarray
    maps: dict[str, np.ndarray]
    unmapped: int


def make_gallery(run: Run) -> Gallery:
    """The pictures of a run, at most `MOST_BYTES` of them."""
    choices = choose_pairs(run)
    views, formulas = _look(choices)
    shown = [view for view in views.values() if isinstance(view, _View)]
    fields = {name: [view.maps[name] for view in shown if name in view.maps] for name in formulas}
    legends = {name: (formulas[name], scale_end(METRICS[name], fields[name])) for name in formulas}
    if shown:
        legends["difference"] = ("|difference|", scale_end(METRICS["mae"], [view.difference for view in shown]))
    numbers: dict[str, int] = {}
    cards: list[Card] = []
    for choice in choices:
        view = views.get(_key(choice.record))
        if view is None:
            break
        if isinstance(view, str):
            cards.append(Card(choice, note=view))
            continue
        pictures = [view.reference, view.test, _colored(view.difference, legends["difference"])]
        if choice.metric in view.maps:
            pictures.append(_colored(view.maps[choice.metric], legends[choice.metric]))
        more = set(pictures) - numbers.keys()
        if sum(map(len, numbers)) + sum(map(len, more)) > MOST_BYTES * 4 / 3:  # base64
            break
        places = [numbers.setdefault(picture, len(numbers)) for picture in pictures]
        cards.append(Card(choice, tuple(places)))
    return Gallery(cards, list(numbers), legends, len(choices) - len(cards), sum(view.unmapped for view in shown))


def choose_pairs(run: Run) -> list[Choice]:
    """The worst pair of every metric and method, then the best one, then the second worst one ..."""
    found = []
    for column, metric in enumerate(run.better):
        for row, method in enumerate(run.methods):
            records = [record for record in run.scored if record.method == method]
            records = [record for record in records if not math.isnan(record.scores.get(metric, math.nan))]
            records.sort(key=lambda record: record.scores[metric], reverse=run.better[metric] == "lower")
            half = min(EACH, (len(records) + 1) // 2)
            worst, best = records[:half], records[half:][: -EACH - 1 : -1]
            for end, of_end in enumerate((worst, best)):
                places = ((rank, end, column, row) for rank in range(len(of_end)))
                found += zip(places, (Choice(metric, method, ENDS[end], record) for record in of_end), strict=True)
    return [choice for _, choice in sorted(found, key=lambda item: item[0])]


def _key(record: Record) -> tuple[str, str]:
    return record.method, record.name


def _look(choices: list[Choice]) -> tuple[dict[tuple[str, str], _View | str], dict[str, str]]:
    """Every pair that is read once, or why it cannot be shown; and the formulas of the maps that are made."""
    metrics: dict[tuple[str, str], list[str]] = {}
    records = {}
    for choice in choices:
        metrics.setdefault(_key(choice.record), []).append(choice.metric)
        records[_key(choice.record)] = choice.record
    formulas: dict[str, str] = {}
    programs: set[tuple[str, tuple[int, ...]]] = set()
    views: dict[tuple[str, str], _View | str] = {}
    for key in list(metrics)[:MOST_PAIRS]:
        try:
            views[key] = _view(records[key], metrics[key], formulas, programs)
        except InputError as error:
            views[key] = printable(str(error))
    return views, formulas


def _view(
    record: Record, metrics: list[str], formulas: dict[str, str], programs: set[tuple[str, tuple[int, ...]]]
) -> _View:
    frame = _worst_frame(record.frames)
    reference, test = (_read(path, frame) for path in (record.reference, record.test))
    check_comparable(reference, test)
    shape, maps = reference.pixels.shape, {}
    wanted = [name for name in metrics if name in METRICS and METRICS[name].map and not METRICS[name].misfit(shape)]
    bounded = [name for name in wanted if _bounded(name, shape, programs)]
    for name in bounded:
        try:
            found = error_map(reference.pixels, test.pixels, METRICS[name])
        except WeightsError:  # they were there when the scores were made; the page can do without
            continue
        maps[name], formulas[name] = _reduced(found.errors), found.formula
    difference = np.abs(reference.pixels - test.pixels).mean(axis=-1)
    first, second = (_address(fit(picture_of(image.pixels), SIDE)) for image in (reference, test))
    return _View(first, second, _reduced(difference), maps, len(wanted) - len(bounded))


def _bounded(name: str, shape: tuple[int, ...], programs: set[tuple[str, tuple[int, ...]]]) -> bool:
    """Whether the map of such an image is made; its program is counted."""
    if math.prod(shape[:2]) > MOST_PIXELS or (len(programs) >= MOST_PROGRAMS and (name, shape) not in programs):
        return False
    programs.add((name, shape))
    return True


def _worst_frame(frames: Mapping[str, list[float]]) -> int:
    """Of a video, by its first metric that has frames; 0 for an image."""
    for name, scores in frames.items():
        row = METRICS.get(name)
        if row is not None and np.isfinite(scores).any():
            return int(np.nanargmin(scores) if row.better == "higher" else np.nanargmax(scores))
    return 0


def _read(path: str, frame: int) -> ImageFile:
    """An image; of a video, one of its frames."""
    if Path(path).is_dir():
        files = frame_files(Path(path))
        if frame >= len(files):
            raise InputError(f"{path}: there are {len(files)} frames in it, and number {frame + 1} was to be shown.")
        return read_image(files[frame])
    if frame == 0:
        return read_image(path)
    image = next(itertools.islice(read_frames(path), frame, None), None)
    if image is None:
        raise InputError(f"{path}: there is no frame {frame + 1} in it, which was to be shown.")
    return image


def _reduced(field: np.ndarray) -> np.ndarray:
    return np.asarray(fit(PIL.Image.fromarray(field.astype(np.float32)), SIDE))


def _colored(field: np.ndarray, legend: tuple[str, float]) -> str:
    return _address(PIL.Image.fromarray(colorize(field, highest=legend[1])))


def _address(picture: PIL.Image.Image) -> str:
    """The picture itself, as pages hold it."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=72)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
