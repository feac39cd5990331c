"""Train a small U-Net of partial convolutions to fill irregular holes in photographs, with published objectives.

The objectives of Partial Convolution and CoordFill, each with and without a discriminator. All networks start from
the same parameters and see the same crops and holes. Ctrl-C leaves checkpoints, from which --resume goes on.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.images import Photograph, Stack, stack_images

from ..._command import print_table
from ..._results import Record, append
from .._command import Course, Plan, TrainingParser
from .._photographs import SCALES, at_scales
from .._pictures import save_figures
from .._training import Progress
from ._networks import compose, fill
from ._pictures import draw_curves, draw_sheet
from ._summary import HEADINGS, MASKED, MEAN, PICTURES, STEMS, TARGET, WORDS, rows, score
from ._training import CONTESTS, SIZES, Examples, Size, State, examples, inpaint, start, train


EXAMPLES, SHOWN = 32, 5


def main() -> None:
    parser = TrainingParser("inpainting", __doc__, full="larger networks and crops", objectives=CONTESTS)
    options = parser.parse_args()
    with parser.one_line_errors():
        run(parser.plan(options, SIZES, STEMS, {"examples": EXAMPLES, "scales": SCALES}), options.objectives)


def run(plan: Plan[Size], objectives: list[str]) -> None:
    """All trainings, their scores, and the pictures."""
    first_key, step_key, test_key = plan.keys
    names = [(objective,) for objective in objectives]
    course = Course(plan, names, lambda objective: start(plan.size, objective, first_key))
    course.prepare()
    photographs = stack_pixels(at_scales(plan.training, plan.size.crop))
    probe = examples(test_key, stack_pixels(plan.testing), EXAMPLES, plan.size.crop)
    target, mask = probe
    mean = fill(target, mask)
    records: list[Record] = [{"objective": MEAN, "scores": score(mean, probe)}]
    append(plan.output, records[0])
    curves, sheet = {}, {MASKED: compose(jnp.ones_like(target), target, mask)}
    with course.bar:
        for objective in objectives:
            progress = train_with(objective, course, step_key, photographs, probe)
            curves[objective] = progress.curve
            sheet[objective] = inpaint(progress.state.params, target, mask, size=plan.size)
            found = score(sheet[objective], probe)
            records.append({"objective": objective, "scores": found, **progress.record})
            append(plan.output, records[-1])
    held_out = [photograph.name for photograph in plan.testing]
    print_table(f"Crops of {', '.join(held_out)}", HEADINGS, rows(records), WORDS)
    pictures = {name: np.asarray(images[:SHOWN]) for name, images in {**sheet, TARGET: target}.items()}
    save_figures([draw_curves(curves, probe.psnr(mean)), draw_sheet(pictures)], PICTURES, plan.output)


def train_with(
    objective: str, course: Course[State], key: jax.Array, photographs: Stack, probe: Examples
) -> Progress[State]:
    size: Size = course.plan.size
    advance = partial(train, key=key, photographs=photographs, probe=probe, contest=objective, size=size)
    form = "{:.2f} dB in held-out holes" + (", discriminator {:.3g}" if CONTESTS[objective].adversarial else "")
    return course.train(objective, advance=advance, form=form)


def stack_pixels(photographs: list[Photograph]) -> Stack:
    return stack_images(photograph.pixels for photograph in photographs)


if __name__ == "__main__":
    main()
