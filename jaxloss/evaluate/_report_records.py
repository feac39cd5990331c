"""What a run has written, read again: `scores.jsonl`, a line for each pair, and `run.json`, its settings."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .._files import InputError, reading
from ..registry import METRICS, NO_REFERENCE
from ._pairs import natural


SCORES, SETTINGS = "scores.jsonl", "run.json"
BETTER = ("higher", "lower")
AGAIN = "Run jaxloss evaluate again: it goes on where it stopped."


class Record(NamedTuple):
    """A pair by one method: scored, or with the error that left it without scores.

    Attributes:
        method: Name of the method.
        name: Of the pair, the same for all methods.
        reference: Path of the reference.
        test: Path of the image or video under test.
        shape: `(H, W, C)`; empty where there is an error.
        scores: Name of the metric to score; NaN where it is not computed.
        frames: Of a video, name of the metric to the scores of its frames.
        error: One sentence, or "".
    """

    method: str
    name: str
    reference: str
    test: str
    shape: tuple[int, ...]
    scores: Mapping[str, float]
    frames: Mapping[str, list[float]]
    error: str


class Run(NamedTuple):
    """All of a run.

    Attributes:
        settings: What `run.json` holds.
        better: Name of each metric to `"higher"` or `"lower"`, in the order of the run.
        methods: Names of the methods, in the order of the run.
        scored: Pairs with scores, by name.
        failed: Pairs with an error.
    """

    settings: Mapping[str, Any]
    better: Mapping[str, str]
    methods: tuple[str, ...]
    scored: tuple[Record, ...]
    failed: tuple[Record, ...]

    def scores(self, method: str, metric: str) -> dict[str, float]:
        """By name of the pair; NaN where the metric is not computed."""
        of_method = (record for record in self.scored if record.method == method)
        return {record.name: record.scores.get(metric, math.nan) for record in of_method}


def read_run(output: str | os.PathLike[str]) -> Run:
    """The run in a folder, checked line by line."""
    folder = Path(output)
    settings = _json(_text(folder / SETTINGS), folder / SETTINGS)
    if not isinstance(settings, dict):
        raise InputError(f"{folder / SETTINGS}: not the settings of a run, which are a JSON object.")
    records = list(_records(folder / SCORES))
    if not records:
        raise InputError(f"{folder / SCORES}: there are no scores in it. {AGAIN}")
    records.sort(key=lambda record: natural(record.name))  # several processes write in any order
    scored = tuple(record for record in records if not record.error)
    names = _in_order(settings.get("metrics"), (name for record in scored for name in record.scores))
    methods = _in_order(settings.get("methods"), (record.method for record in records))
    better = {name: _better(name, settings, folder / SETTINGS) for name in names}
    return Run(settings, better, methods, scored, tuple(record for record in records if record.error))


def printable(name: str) -> str:
    r"""As UTF-8 can hold it: what a file system has that is none becomes `\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode()


def _in_order(settled: Any, found: Iterable[str]) -> tuple[str, ...]:
    """What is found: as the settings list it, the rest as it comes."""
    there = dict.fromkeys(found)
    listed = [name for name in settled if name in there] if isinstance(settled, list) else []
    return tuple(dict.fromkeys([*listed, *there]))


def _text(path: Path) -> str:
    try:
        with reading(path, "Name the folder that jaxloss evaluate wrote."):
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8.") from error


def _json(text: str, where: object) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}.") from error


def _records(path: Path) -> Iterator[Record]:
    seen = set()
    lines = _text(path).split("\n")  # splitlines would split at what may stand in a name
    if lines.pop():
        raise InputError(f"{path}, line {len(lines) + 1}: cut off in its middle. {AGAIN}")
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        record = _record(_json(line, where), where)
        if (record.method, record.name) in seen:
            raise InputError(f"{where}: {printable(record.name)} of {printable(record.method)} stands there again.")
        seen.add((record.method, record.name))
        yield record


def _record(row: Any, where: str) -> Record:
    try:
        error = row.get("error", "")
        return Record(
            *(_string(row[key]) for key in ("method", "name", "reference", "test")),
            shape=_shape([] if error else row["shape"]),
            scores={_string(name): _score(value) for name, value in ({} if error else row["scores"]).items()},
            frames={name: list(map(_score, values)) for name, values in row.get("frames", {}).items()},
            error=_string(error),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as mistake:
        raise InputError(f"{where}: not a pair with its scores: {type(mistake).__name__} {mistake}.") from mistake


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"of {value!r}, which is no string")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    if len(value) not in (0, 3) or not all(isinstance(side, int) for side in value):
        raise ValueError(f"shape {value!r}, which is not [H, W, C]")
    return tuple(value)


def _score(value: Any) -> float:
    return math.nan if value is None else float(value)


def _better(name: str, settings: Mapping[str, Any], where: object) -> str:
    row = METRICS.get(name) or NO_REFERENCE.get(name)
    given = settings.get("better")
    better = row.better if row else given.get(name) if isinstance(given, dict) else None
    if better not in BETTER:
        raise InputError(f'{where}: which way is the metric {name!r} better? Add "better": {{"{name}": "lower"}}.')
    return better
