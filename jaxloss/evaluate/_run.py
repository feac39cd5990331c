"""Whole folders scored: read by threads, scored in batches by all devices, written as it goes."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, get_args

import jax

from .._checks import suggestion
from .._files import InputError
from ..datasets._batches import import_grain
from ..ops import Display
from ..registry import Metric
from ._display import files_of, suited
from ._output import Output, read_rows
from ._pairs import Match, Pair, Paths, Tests, find_pairs, folders_of_methods
from ._processes import agree
from ._rows import Row
from ._scoring import Options, Progress, score_pairs
from ._temporal import choose_for_run


PAUSE = 0.2  # seconds between two looks at the other processes

Note = Callable[[str], object]


class Evaluation(NamedTuple):
    """What comes of a run.

    Attributes:
        rows: For each pair `method`, `name`, `reference` and `test`, its `shape` and `scores`, of a video also those of
            its `frames`; or the `error` that left it without scores. Scores that are not computed are NaN.
        unpaired: Files without a partner.
        notes: What was done to files, and what is not computed, one sentence each.
    """

    rows: list[Row]
    unpaired: tuple[Path, ...]
    notes: tuple[str, ...]


def evaluate(
    references: Paths,
    tests: Tests = (),
    *,
    output: Paths | None = None,
    metrics: Iterable[str | Metric] | None = None,
    match: Match = "relative",
    video: bool = False,
    display: str | Display | None = None,
    limit: int | None = None,
    batch_size: int | None = None,
    devices: int | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    note: Note | None = None,
) -> Evaluation:
    """Score folders of images or videos, one for each method, against their references.

    Images of one shape are scored in batches on all devices, while others are read; the memory does not grow with the
    folders. A file that cannot be read or compared is an error of its pair, and the run goes on. Of several processes
    (`join_processes`) each scores its share.

    Args:
        references, tests, match, video: As for `find_pairs`.
        output: A folder: `scores.jsonl` has a row for each pair as soon as it is scored, `run.json` the settings. A run
            that was stopped goes on there when it is started again; pairs with errors are tried again.
        metrics: Names of metrics, or rows of `metric_from_file`; by default all of the registry. Of videos there is
            `"temporal_lpips"`, too.
        display: Of metrics that take one, a name of `jaxloss.ops.DISPLAYS` or any other. For files of light, `.exr` and
            `.hdr`, a linear one, and `metrics` that take light; of all there are, these are taken.
        limit: Of pairs of each method; the first ones by name.
        batch_size: Images in a batch, of all devices together; by default by their size.
        devices: How many of this process's devices; by default all.
        strict: Whether the first pair that fails, or a file without a partner, ends the run.
        progress: Called with the number of pairs done and of all, those of this process.
        note: Called with each note as soon as it is known.

    Returns:
        An `Evaluation`; in processes but the first one with the rows of that process.

    Raises:
        InputError: If folders cannot be read or paired, the output is another run's or cannot be written, another
            process has died, or, where it is strict, a pair fails.

    Example:
        >>> import tempfile, PIL.Image
        >>> from pathlib import Path
        >>> from jaxloss.evaluate import evaluate
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, gray in (("real", 100), ("made", 151)):
        ...         Path(folder, name).mkdir()
        ...         PIL.Image.new("L", (8, 8), gray).save(Path(folder, name, "cat.png"))
        ...     (row,) = evaluate(f"{folder}/real", f"{folder}/made", metrics=["mae"]).rows
        >>> print(row["name"], row["scores"])
        cat.png {'mae': 0.2}
    """
    options = Options(video, batch_size, devices, strict)
    _check(match, limit, options)
    rows = choose_for_run(metrics, video=video)
    found = find_pairs(references, tests, match=match, video=video)
    chosen = suited(rows, files_of(found.pairs), display, named=metrics is not None)
    if strict and found.unpaired:
        raise InputError(found.notes[0])
    say = _Notes(note)
    say(*found.notes)
    pairs = _first_of_each_method(found.pairs, limit)
    share = _share(pairs, jax.process_index(), jax.process_count())
    if output is None:
        if jax.process_count() > 1:
            raise InputError("several processes need an output folder, which all of them see.")
        rows = list(itertools.chain.from_iterable(score_pairs(share, chosen, options, say=say, progress=progress)))
        return Evaluation(rows, found.unpaired, tuple(say.said))
    place = Output(output, jax.process_index(), jax.process_count())
    settings = {
        "version": version("jaxloss"),
        "references": str(references),
        "tests": {method: str(folder) for method, folder in folders_of_methods(tests).items()},
        "methods": list(dict.fromkeys(pair.method for pair in found.pairs)),
        "metrics": [row.name for row in chosen],
        "better": {row.name: row.better for row in chosen},
        "match": match,
        "video": video,
        "limit": limit,
        **({} if display is None else {"display": display if isinstance(display, str) else display._asdict()}),
    }
    with _begun(place, settings, {"unpaired": list(map(str, found.unpaired))}):
        for rows in score_pairs(share, chosen, options, place.done, say=say, progress=progress):
            place.write(rows)
            place.check_on()
        return Evaluation(_finished(place), found.unpaired, tuple(say.said))


class _Notes:
    """What was said, each sentence once."""

    def __init__(self, note: Note | None) -> None:
        self.note, self.said = note, {}

    def __call__(self, *texts: str) -> None:
        for text in texts:
            if text not in self.said and self.note is not None:
                self.note(text)
            self.said[text] = None


@contextlib.contextmanager
def _begun(place: Output, settings: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[None]:
    """The output of all processes, locked and ready."""
    with contextlib.ExitStack() as stack:
        problem = None
        try:
            stack.enter_context(place.locked())
            if place.process == 0:
                place.prepare(settings, about)
        except InputError as error:
            problem = error
        agree(problem)
        place.begin()
        yield


def _finished(place: Output) -> list[Row]:
    """Its rows; those of all processes in one file, as soon as they are complete, if this is the first one."""
    if place.process:
        rows = read_rows(place.own)
        place.finish()
        return rows
    missing = set(range(1, place.processes))
    while missing:
        missing -= {process for process in missing if place.take_in(process)}
        time.sleep(PAUSE if missing else 0)
    return read_rows(place.scores)


def _first_of_each_method(pairs: Sequence[Pair], limit: int | None) -> list[Pair]:
    counts: Counter[str] = Counter()
    kept = []
    for pair in pairs:
        counts[pair.method] += 1
        if limit is None or counts[pair.method] <= limit:
            kept.append(pair)
    return kept


def _share(pairs: Sequence[Pair], process: int, processes: int) -> list[Pair]:
    """All methods of every so many names: what has one reference stays together."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(pair.name for pair in pairs))}
    return [pair for pair in pairs if numbers[pair.name] % processes == process]


def _check(match: str, limit: int | None, options: Options) -> None:
    if match not in get_args(Match):
        raise InputError(f"there is no match {match!r}. {suggestion(match, get_args(Match))}")
    import_grain("scoring folders")  # or the lack of it is told with a folder half made
    for name, value in {"limit": limit, "batch_size": options.batch_size, "devices": options.devices}.items():
        if value is not None and value < 1:
            raise InputError(f"{name} must be 1 or more, got {value}.")
    there = jax.local_device_count()
    if options.devices is not None and options.devices > there:
        raise InputError(f"there are {there} devices, not {options.devices}.")
