"""Train the network of Zhao et al. 2017 on photographs with five losses, and score what it restores.

Three tasks: joint denoising and demosaicking, super-resolution, JPEG artefact removal. All networks of a task start
from the same parameters and see the same crops. Ctrl-C leaves checkpoints, from which --resume goes on.
"""

import itertools
import math
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxloss.evaluate import compare
from jaxloss.ops import to_float

from ..._command import print_table
from ..._results import Record, append
from .._command import Course, Plan, TrainingParser
from .._photographs import SCALES, at_scales
from .._pictures import save_figures
from .._training import Progress
from ._pictures import draw_curves, draw_sheet
from ._summary import INPUT, PICTURES, STEMS, headings, rows, scores
from ._tasks import DEGRADATIONS, TASKS, stack_pairs
from ._training import LOSSES, SIZES, Probe, Size, State, restore, start, train


PROBE_SIDE, PICTURE_SIDE = 256, 96
WORDS = ("task", "trained with")  # columns that hold words


def main() -> None:
    parser = TrainingParser("restoration", __doc__, full="the network of the paper", tasks=TASKS, losses=LOSSES)
    options = parser.parse_args()
    with parser.one_line_errors():
        run(parser.plan(options, SIZES, STEMS, {**DEGRADATIONS, "scales": SCALES}), options.tasks, options.losses)


class Subject:
    """One task: the photographs, degraded, and the trainings on them."""

    def __init__(self, plan: Plan[Size], task: str) -> None:
        self.plan, self.task = plan, task
        _, self.step_key, test_key = plan.keys
        self.pairs = stack_pairs(at_scales(plan.training, plan.size.crop), TASKS[task])
        self.originals = [to_float(photograph.pixels) for photograph in plan.testing]
        self.degraded = [
            TASKS[task].degrade(jax.random.fold_in(test_key, index), photograph.pixels)
            for index, photograph in enumerate(plan.testing)
        ]
        self.probe = Probe(center(self.degraded[0], PROBE_SIDE), center(self.originals[0], PROBE_SIDE))

    def train(self, course: Course[State], loss: str) -> Progress[State]:
        advance = partial(
            train, key=self.step_key, pairs=self.pairs, probe=self.probe, task=self.task, loss=loss, size=self.plan.size
        )
        return course.train(self.task, loss, advance=advance, form="{:.2f} dB on the probe")

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


def run(plan: Plan[Size], tasks: list[str], losses: list[str]) -> None:
    """All trainings, their scores, and the pictures."""
    course = Course(plan, list(itertools.product(tasks, losses)), lambda task, loss: start(plan.size, plan.keys[0]))
    course.prepare()
    records, outcomes = [], {}
    with course.bar:
        for task in tasks:
            found, outcomes[task] = restore_task(Subject(plan, task), course, losses)
            records += found
    table, held_out = scores(records), [photograph.name for photograph in plan.testing]
    print_table(f"Photographs held out: {', '.join(held_out)}", headings(table), rows(table), WORDS)
    curves = {task: outcome.curves for task, outcome in outcomes.items()}
    inputs = {task: outcome.input_psnr for task, outcome in outcomes.items()}
    details = {task: outcome.details for task, outcome in outcomes.items()}
    psnrs = {(r["task"], r["network"]): r["photographs"][held_out[0]]["psnr"] for r in records}
    save_figures([draw_curves(curves, inputs), draw_sheet(details, psnrs, losses)], PICTURES, plan.output)


def restore_task(subject: Subject, course: Course[State], losses: list[str]) -> tuple[list[Record], Outcome]:
    """The records of one task, of its input first; each is written as soon as it is there."""
    records = [subject.record(INPUT, [image.clip(0, 1) for image in subject.degraded])]
    append(subject.plan.output, records[0])
    details = {"original": detail(subject.originals[0]), INPUT: detail(subject.degraded[0])}
    curves = {}
    for loss in losses:
        progress = subject.train(course, loss)
        images = subject.restored(progress.state.params)
        records.append({**subject.record(loss, images), **progress.record})
        append(subject.plan.output, records[-1])
        curves[loss], details[loss] = progress.curve, detail(images[0])
    return records, Outcome(subject.probe.input_psnr(), curves, details)


def center(image: jax.Array, side: int) -> jax.Array:
    """A square of at most that side."""
    top, left = (max(0, length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def detail(image: jax.Array) -> np.ndarray:
    return np.asarray(center(image, PICTURE_SIDE).clip(0, 1))


if __name__ == "__main__":
    main()
