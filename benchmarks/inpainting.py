"""Train a small U-Net of partial convolutions to fill irregular holes in photographs, with published objectives.

The objectives of Partial Convolution and CoordFill, each with and without a discriminator. All networks start from
the same parameters and see the same crops and holes. Ctrl-C leaves checkpoints, from which --resume goes on.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn, TimeRemainingColumn

from jaxloss.evaluate import InputError

from ._command import Parser, names_from, print_table
from ._inpainting_networks import compose, fill
from ._inpainting_pictures import draw_curves, draw_sheet
from ._inpainting_summary import (
    HEADINGS,
    MASKED,
    MEAN,
    PICTURES,
    STEMS,
    TARGET,
    WORDS,
    rows,
    score,
)
from ._inpainting_training import CONTESTS, INPAINTING, SIZES, Progress, Size, examples, inpaint, start, train
from ._restoration_pictures import save_figure
from ._restoration_tasks import Photograph, read_photographs, split, stack
from ._restoration_training import load, save
from ._results import FOLDER, ROOT, Record, append, describe_run, start_file
from .restoration import positive


EXAMPLES, SHOWN = 32, 5
CHECKPOINTS = ROOT / "build" / "inpainting"
LIBRARIES = ("flax", "optax", "pillow")

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
        command = "python -m benchmarks.inpainting --images FOLDER" + (" --full" if options.full else "")
        output = options.output or FOLDER / f"{STEMS[name]}.jsonl"
        run(plan, options.objectives, output, {"size": name, "command": command, **plan.settings})
    except InputError as error:
        parser.error(" ".join(str(error).split()))
    except KeyboardInterrupt:
        errors.print("Stopped. The same command with --resume goes on.")
        sys.exit(130)


def make_parser() -> Parser:
    parser = Parser("inpainting", __doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="of color photographs")
    parser.add_argument(
        "--held-out", type=lambda text: text.split(","), metavar="NAMES",
        help="photographs to test on, never trained on (default: the last two)",
    )  # fmt: skip
    parser.add_argument(
        "--objectives", type=names_from(CONTESTS), default=list(CONTESTS), help=f"of {', '.join(CONTESTS)}"
    )
    parser.add_argument("--full", action="store_true", help="larger networks and crops, for an accelerator")
    parser.add_argument("--steps", type=positive, help="of each training (default: those of the size)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints of the same command")
    where = CHECKPOINTS.relative_to(ROOT)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, metavar="FOLDER", help=f"default: {where}")
    parser.add_argument("--output", type=Path, help="file of results; its pictures lie beside it")
    return parser


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
            "seed": self.seed,
            "examples": EXAMPLES,
            "training": [photograph.name for photograph in self.training],
            "held_out": [photograph.name for photograph in self.testing],
        }


class Course:
    """The photographs of a run, and the trainings on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.first_key, self.step_key, test_key = jax.random.split(jax.random.key(plan.seed), 3)
        self.photographs = stack(plan.training, INPAINTING)
        self.examples = examples(test_key, stack(plan.testing, INPAINTING), EXAMPLES, plan.size.crop)

    def train(self, objective: str, report: Report) -> Progress:
        """The progress in the end; it is saved and reported after each chunk."""
        plan, path = self.plan, self.plan.checkpoints / f"{objective}.msgpack"
        progress: Any = start(plan.size, objective, self.first_key)  # restoration's checkpoints take it for theirs
        if plan.resume:
            progress = load(path, progress, plan.settings)
        report(objective, progress)
        chunks = train(progress, self.step_key, self.photographs, self.examples, contest=objective, size=plan.size)
        for progress in chunks:
            save(path, progress, plan.settings)
            report(objective, progress)
        return progress


def run(plan: Plan, objectives: list[str], output: Path, settings: Record) -> None:
    """All trainings, their scores, and the pictures."""
    try:
        start_file(output, describe_run("inpainting", settings, LIBRARIES))
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}.") from error
    course, console = Course(plan), Console(stderr=True)
    target, mask = course.examples
    mean = fill(target, mask)
    records: list[Record] = [{"objective": MEAN, "scores": score(mean, course.examples)}]
    append(output, records[0])
    curves, sheet = {}, {MASKED: compose(jnp.ones_like(target), target, mask)}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        steps = bar.add_task("starting", total=len(objectives) * plan.size.steps)

        def report(objective: str, progress: Progress) -> None:
            done = objectives.index(objective) * plan.size.steps + progress.steps
            bar.update(steps, completed=done, description=describe(objective, progress))
            if progress.steps == plan.size.steps:
                console.print(describe(objective, progress), highlight=False, soft_wrap=True)

        for objective in objectives:
            progress = course.train(objective, report)
            curves[objective] = progress.curve
            sheet[objective] = inpaint(progress.state.params, target, mask, size=plan.size)
            records.append(record(objective, progress, score(sheet[objective], course.examples)))
            append(output, records[-1])
    print_table(f"Crops of {', '.join(settings['held_out'])}", HEADINGS, rows(records), WORDS)
    draw(curves, {**sheet, TARGET: target}, course.examples.psnr(mean), output)


def record(objective: str, progress: Progress, scores: dict[str, float]) -> Record:
    curve = [
        [int(steps), float(f"{loss:.5g}"), round(psnr, 3), float(f"{judge:.5g}")]
        for steps, loss, psnr, judge in progress.curve.tolist()
    ]
    return {"objective": objective, "scores": scores, "seconds": round(progress.seconds, 1), "curve": curve}


def describe(objective: str, progress: Progress) -> str:
    text = f"{objective}: {progress.steps} steps"
    if len(progress.curve):
        _, loss, psnr, judge = progress.curve[-1]
        text += f" in {progress.seconds:.0f} s, loss {loss:.4g}, {psnr:.2f} dB in held-out holes"
        text += f", discriminator {judge:.3g}" if CONTESTS[objective].adversarial else ""
    return text


def draw(curves: dict[str, np.ndarray], sheet: dict[str, jax.Array], baseline: float, output: Path) -> None:
    """Two files beside the results."""
    pictures = {name: np.asarray(images[:SHOWN]) for name, images in sheet.items()}
    figures = draw_curves(curves, baseline), draw_sheet(pictures)
    for name, figure in zip(PICTURES, figures, strict=True):
        path = output.with_name(f"{output.stem}_{name}.png")
        save_figure(figure, path)
        print(path)


if __name__ == "__main__":
    main()
