"""What the command lines of the studies that train on photographs share."""

import argparse
import contextlib
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn, TimeRemainingColumn

from jaxloss import InputError
from jaxloss.images import Photograph, read_photographs

from .._command import Parser, names_from, positive
from .._results import FOLDER, ROOT, Record, describe_run, start_file
from ._photographs import split
from ._training import Progress, State, TrainingSize, load, save


LIBRARIES = ("flax", "optax", "pillow")


AnySize = TypeVar("AnySize", bound=TrainingSize)


class Plan(NamedTuple, Generic[AnySize]):
    """What all trainings of a run share.

    Attributes:
        size: Of the networks and of the trainings.
        keys: For the first parameters, the steps, and what is tested.
        training: Photographs to train on.
        testing: Photographs to test on.
        settings: What decides on the results; checkpoints of others are refused.
        about: The first line of the file of results.
        output: That file.
        checkpoints: The folder of checkpoints.
        resume: Whether to go on from them.
    """

    size: AnySize
    keys: jax.Array
    training: list[Photograph]
    testing: list[Photograph]
    settings: Record
    about: Record
    output: Path
    checkpoints: Path
    resume: bool


class TrainingParser(Parser):
    """The options of a study that trains; `choices` are those of its own, comma-separated names."""

    def __init__(self, study: str, description: str | None, full: str, **choices: Collection[str]) -> None:
        super().__init__(f"studies.{study}", description)
        self.study = study
        add, checkpoints = self.add_argument, ROOT / "build" / study
        add("--images", type=Path, required=True, metavar="FOLDER", help="of color photographs")
        held_out = "photographs to test on, never trained on (default: the last two)"
        add("--held-out", type=lambda text: text.split(","), metavar="NAMES", help=held_out)
        for option, names in choices.items():
            add(f"--{option}", type=different_names_from(names), default=list(names), help=f"of {', '.join(names)}")
        add("--full", action="store_true", help=f"{full}, for an accelerator")
        add("--steps", type=positive, help="of each training (default: those of the size)")
        add("--seed", type=int, default=0, help="default: %(default)s")
        add("--resume", action="store_true", help="go on from the checkpoints of the same command")
        where = checkpoints.relative_to(ROOT)
        add("--checkpoints", type=Path, default=checkpoints, metavar="FOLDER", help=f"default: {where}")
        add("--output", type=Path, help="file of results; its pictures lie beside it")

    def plan(
        self, options: argparse.Namespace, sizes: Mapping[str, AnySize], stems: Mapping[str, str], settings: Record
    ) -> Plan[AnySize]:
        """Reads the photographs; `settings` are the script's own that decide on the results."""
        name = "full" if options.full else "small"
        size = sizes[name] if options.steps is None else replace(sizes[name], steps=options.steps)
        photographs, notes = read_photographs(options.images, size.crop)
        for note in notes:
            say(note)
        training, testing = split(photographs, options.held_out)
        settings = {
            **asdict(size),
            **settings,
            "seed": options.seed,
            "training": [photograph.name for photograph in training],
            "held_out": [photograph.name for photograph in testing],
        }
        about = describe_run(self.study, {"size": name, "command": command(self.study, name), **settings}, LIBRARIES)
        output = options.output or FOLDER / f"{stems[name]}.jsonl"
        keys, checkpoints = jax.random.split(jax.random.key(options.seed), 3), options.checkpoints / name
        return Plan(size, keys, training, testing, settings, about, output, checkpoints, options.resume)

    @contextlib.contextmanager
    def one_line_errors(self) -> Iterator[None]:
        """For what the user can mend, and for Ctrl-C."""
        try:
            yield
        except InputError as error:
            self.error(" ".join(str(error).split()))
        except KeyboardInterrupt:
            say("Stopped. The same command with --resume goes on.")
            sys.exit(130)


def command(study: str, size: str = "small") -> str:
    """What one types for a study of a size."""
    return f"python -m benchmarks.studies.{study} --images FOLDER" + (" --full" if size == "full" else "")


def different_names_from(choices: Collection[str]) -> Callable[[str], list[str]]:
    parse = names_from(choices)
    return lambda text: list(dict.fromkeys(parse(text)))


def say(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


class Course(Generic[State]):
    """The trainings of a run, one after the other, each with its checkpoint; `with course.bar:` shows how far they are.

    Each has a tuple of names, such as `("jpeg", "l1")`, from which `start` makes the progress that it begins with.
    """

    def __init__(
        self, plan: Plan[Any], names: Sequence[tuple[str, ...]], start: Callable[..., Progress[State]]
    ) -> None:
        self.plan, self.names, self.start = plan, names, start
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        console = Console(stderr=True)
        self.bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.shown = self.bar.add_task("starting", total=len(names) * plan.size.steps)

    def prepare(self) -> None:
        """Refuse what cannot be written, and checkpoints that cannot be used, before an older result is replaced."""
        for names in self.names if self.plan.resume else ():
            self.begin(*names)
        try:
            self.plan.checkpoints.mkdir(parents=True, exist_ok=True)
            start_file(self.plan.output, self.plan.about)
        except OSError as error:
            raise InputError(f"{error.filename or self.plan.output}: {error.strerror}.") from error

    def checkpoint(self, *names: str) -> Path:
        """The folder of those of a training."""
        return self.plan.checkpoints / "-".join(names)

    def begin(self, *names: str) -> Progress[State]:
        """Where a training starts, or goes on."""
        fresh = self.start(*names)
        if not self.plan.resume:
            return fresh
        progress, notes = load(self.checkpoint(*names), fresh, self.plan.settings)
        for note in notes:
            say(note)
        return progress

    def train(
        self, *names: str, advance: Callable[[Progress[State]], Iterator[Progress[State]]], form: str
    ) -> Progress[State]:
        """The progress in the end; it is saved and shown after each chunk, with the numbers of the curve in a form."""
        progress = self.begin(*names)
        if not self.plan.resume:  # of an earlier run
            shutil.rmtree(self.checkpoint(*names), ignore_errors=True)
        chunks = advance(progress)
        self.show(names, progress, form)
        for progress in chunks:
            save(self.checkpoint(*names), progress, self.plan.settings)
            self.show(names, progress, form)
        return progress

    def show(self, names: tuple[str, ...], progress: Progress[State], form: str) -> None:
        steps = self.plan.size.steps
        text = f"{', '.join(names)}: {progress.describe(form)}"
        self.bar.update(self.shown, completed=self.names.index(names) * steps + progress.steps, description=text)
        if progress.steps == steps:
            self.bar.console.print(text, highlight=False, soft_wrap=True)
