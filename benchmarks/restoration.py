"""Train the network of Zhao et al. 2017 on photographs with five losses, and score what it restores.

Three tasks: joint denoising and demosaicking, super-resolution, JPEG artefact removal. All networks of a task start
from the same parameters and see the same crops. Ctrl-C leaves checkpoints, from which --resume goes on.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn, TimeRemainingColumn

from jaxloss.evaluate import InputError, compare
from jaxloss.ops import to_float

from ._command import Parser, names_from, print_table
from ._restoration_pictures import draw_curves, draw_sheet, save_figure
from ._restoration_summary import INPUT, PICTURES, STEMS, headings, rows, scores
from ._restoration_tasks import DEGRADATIONS, TASKS, Photograph, read_photographs, split, stack
from ._restoration_training import LOSSES, SIZES, Probe, Progress, Size, load, restore, save, start, train
from ._results import FOLDER, ROOT, Record, append, describe_run, start_file


PROBE_SIDE, PICTURE_SIDE = 256, 96
CHECKPOINTS = ROOT / "build" / "restoration"
LIBRARIES = ("flax", "optax", "pillow")
WORDS = ("task", "trained with")  # columns that hold words

Report = Callable[[str, Progress], None]


def main() -> None:
    parser = make_parser()
    options = parser.parse_args()
    name = "full" if options.full else "small"
    size = SIZES[name] if options.steps is None else SIZES[name]._replace(steps=options.steps)
    errors = Console(stderr=True)
    try:
        photographs, notes = read_photographs(options.images, size.crop)
        for note in notes:
            errors.print(note, highlight=False, soft_wrap=True)
        training, testing = split(photographs, options.held_out)
        plan = Plan(size, options.seed, training, testing, options.checkpoints / name, options.resume)
        command = "python -m benchmarks.restoration --images FOLDER" + (" --full" if options.full else "")
        output = options.output or FOLDER / f"{STEMS[name]}.jsonl"
        tasks, losses = (list(dict.fromkeys(names)) for names in (options.tasks, options.losses))
        run(plan, tasks, losses, output, {"size": name, "command": command, **plan.settings})
    except InputError as error:
        parser.error(" ".join(str(error).split()))
    except KeyboardInterrupt:
        errors.print("Stopped. The same command with --resume goes on.")
        sys.exit(130)


def make_parser() -> Parser:
    parser = Parser("restoration", __doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="of color photographs")
    parser.add_argument(
        "--held-out", type=lambda text: text.split(","), metavar="NAMES",
        help="photographs to test on, never trained on (default: the last two)",
    )  # fmt: skip
    parser.add_argument("--tasks", type=names_from(TASKS), default=list(TASKS), help=f"of {', '.join(TASKS)}")
    parser.add_argument("--losses", type=names_from(LOSSES), default=list(LOSSES), help=f"of {', '.join(LOSSES)}")
    parser.add_argument("--full", action="store_true", help="the network of the paper, for an accelerator")
    parser.add_argument("--steps", type=positive, help="of each training (default: those of the size)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints of the same command")
    where = CHECKPOINTS.relative_to(ROOT)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, metavar="FOLDER", help=f"default: {where}")
    parser.add_argument("--output", type=Path, help="file of results; its pictures lie beside it")
    return parser


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


class Plan(NamedTuple):
    """What all trainings of a run share."""

    size: Size
    seed: int
    training: list[Photograph]
    testing: list[Photograph]
    checkpoints: Path
    resume: bool

    @property
    def settings(self) -> Record:
        """What decides on the results."""
        return {
            **self.size._asdict(),
            **DEGRADATIONS,
            "seed": self.seed,
            "training": [photograph.name for photograph in self.training],
            "held_out": [photograph.name for photograph in self.testing],
        }

    def keys(self) -> tuple[jax.Array, ...]:
        """For the first parameters, the steps, and the photographs to test on."""
        return tuple(jax.random.split(jax.random.key(self.seed), 3))

    def checkpoint(self, task: str, loss: str) -> Path:
        return self.checkpoints / f"{task}-{loss}.msgpack"

    def begin(self, task: str, loss: str) -> Progress:
        """Where a training starts, or goes on."""
        fresh = start(self.size, self.keys()[0])
        return load(self.checkpoint(task, loss), fresh, self.settings) if self.resume else fresh


class Subject:
    """One task: the photographs, degraded, and the trainings on them."""

    def __init__(self, plan: Plan, task: str) -> None:
        self.plan, self.task = plan, task
        _, self.step_key, test_key = plan.keys()
        self.stack = stack(plan.training, TASKS[task])
        self.originals = [to_float(photograph.pixels) for photograph in plan.testing]
        self.degraded = [
            TASKS[task].degrade(jax.random.fold_in(test_key, index), photograph.pixels)
            for index, photograph in enumerate(plan.testing)
        ]
        self.probe = Probe(center(self.degraded[0], PROBE_SIDE), center(self.originals[0], PROBE_SIDE))

    def train(self, loss: str, report: Report) -> Progress:
        """The progress in the end; it is saved and reported after each chunk."""
        progress = self.plan.begin(self.task, loss)
        chunks = train(progress, self.step_key, self.stack, self.probe, task=self.task, loss=loss, size=self.plan.size)
        report(loss, progress)
        for progress in chunks:
            save(self.plan.checkpoint(self.task, loss), progress, self.plan.settings)
            report(loss, progress)
        return progress

    def restored(self, params: Any) -> list[jax.Array]:
        return [restore(params, image, size=self.plan.size) for image in self.degraded]

    def record(self, network: str, images: list[jax.Array]) -> Record:
        """The scores of images instead of the originals, by all metrics; None where an image is too small for one."""
        photographs = {}
        for photograph, original, image in zip(self.plan.testing, self.originals, images, strict=True):
            (found,) = compare(original, [image])
            photographs[photograph.name] = {
                name: round(score, 7) if math.isfinite(score) else None for name, score in found.items()
            }
        return {"task": self.task, "network": network, "photographs": photographs}


class Outcome(NamedTuple):
    """What the pictures of one task show."""

    input_psnr: float
    curves: dict[str, np.ndarray]
    details: dict[str, np.ndarray]


def run(plan: Plan, tasks: list[str], losses: list[str], output: Path, settings: Record) -> None:
    """All trainings, their scores, and the pictures."""
    prepare(plan, tasks, losses, output, settings)
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    records, outcomes = [], {}
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        steps = bar.add_task("starting", total=len(tasks) * len(losses) * plan.size.steps)
        for position, task in enumerate(tasks):

            def report(loss: str, progress: Progress, task: str = task, position: int = position) -> None:
                before = (position * len(losses) + losses.index(loss)) * plan.size.steps
                bar.update(steps, completed=before + progress.steps, description=describe(task, loss, progress))
                if progress.steps == plan.size.steps:
                    console.print(describe(task, loss, progress), highlight=False, soft_wrap=True)

            found, outcomes[task] = restore_task(Subject(plan, task), losses, output, report)
            records += found
    table = scores(records)
    print_table(f"Photographs held out: {', '.join(settings['held_out'])}", headings(table), rows(table), WORDS)
    shown = {(r["task"], r["network"]): r["photographs"][plan.testing[0].name]["psnr"] for r in records}
    draw(outcomes, shown, losses, output)


def prepare(plan: Plan, tasks: list[str], losses: list[str], output: Path, settings: Record) -> None:
    """Refuse what cannot be written, and checkpoints that cannot be used, before an older result is replaced."""
    for task, loss in itertools.product(tasks, losses):
        plan.begin(task, loss)
    try:
        plan.checkpoints.mkdir(parents=True, exist_ok=True)
        start_file(output, describe_run("restoration", settings, LIBRARIES))
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}.") from error


def restore_task(subject: Subject, losses: list[str], output: Path, report: Report) -> tuple[list[Record], Outcome]:
    """The records of one task, of its input first; each is written as soon as it is there."""
    records = [subject.record(INPUT, [image.clip(0, 1) for image in subject.degraded])]
    append(output, records[0])
    details = {"original": detail(subject.originals[0]), INPUT: detail(subject.degraded[0])}
    curves = {}
    for loss in losses:
        progress = subject.train(loss, report)
        images = subject.restored(progress.state.params)
        curve = [[int(step), float(f"{value:.5g}"), round(psnr, 3)] for step, value, psnr in progress.curve.tolist()]
        training = {"seconds": round(progress.seconds, 1), "curve": curve}
        records.append({**subject.record(loss, images), **training})
        append(output, records[-1])
        curves[loss], details[loss] = progress.curve, detail(images[0])
    return records, Outcome(subject.probe.input_psnr(), curves, details)


def describe(task: str, loss: str, progress: Progress) -> str:
    text = f"{task}, {loss}: {progress.steps} steps"
    if len(progress.curve):
        _, value, psnr = progress.curve[-1]
        text += f" in {progress.seconds:.0f} s, loss {value:.4g}, {psnr:.2f} dB on the probe"
    return text


def draw(
    outcomes: dict[str, Outcome], psnrs: dict[tuple[str, str], float | None], losses: list[str], output: Path
) -> None:
    """Two files beside the results."""
    curves = {task: outcome.curves for task, outcome in outcomes.items()}
    inputs = {task: outcome.input_psnr for task, outcome in outcomes.items()}
    details = {task: outcome.details for task, outcome in outcomes.items()}
    figures = draw_curves(curves, inputs), draw_sheet(details, psnrs, losses)
    for name, figure in zip(PICTURES, figures, strict=True):
        path = output.with_name(f"{output.stem}_{name}.png")
        save_figure(figure, path)
        print(path)


def center(image: jax.Array, side: int) -> jax.Array:
    """A square of at most that side."""
    top, left = (max(0, length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def detail(image: jax.Array) -> np.ndarray:
    return np.asarray(center(image, PICTURE_SIDE).clip(0, 1))


if __name__ == "__main__":
    main()
