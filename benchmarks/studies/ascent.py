"""Does each metric lead an image back to its reference? Adam climbs the score from a JPEG of low quality.

Writes the scores before and after, and a sheet of the pictures that each metric ends in.
"""

import functools
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL.Image import Image as Picture

from jaxloss import InputError, load_params, psnr
from jaxloss.images import check_destination, jpeg_file, read_image, save_picture
from jaxloss.images._pictures import Cell, grid, picture_of
from jaxloss.registry import METRICS, Metric

from .._command import Parser, names_from, positive, print_table, progress
from .._results import Record, append, describe_run, start_file


HEADINGS = ("metric", "before", "after", "PSNR before, dB", "after, dB")
WORDS = HEADINGS[:1]
PICTURES = ("pictures",)
COLUMNS = 6  # of the sheet
SIDE = 256  # of the square in the middle that is climbed on
QUALITY = 10
CANDIDATES = {name: row for name, row in METRICS.items() if row.kind == "metric" and row.smallest <= SIDE}

DEFAULT = [name for name, row in CANDIDATES.items() if not row.variant]


class Climb(NamedTuple):
    """Where one metric leads."""

    metric: Metric
    image: np.ndarray
    before: float
    after: float


def main() -> None:
    parser = Parser("studies.ascent", __doc__)
    parser.add_argument("image", metavar="IMAGE", help=f"in color, {SIDE} x {SIDE} pixels or more")
    parser.add_argument("--metrics", type=names_from(CANDIDATES), default=DEFAULT, help="default: all but variants")
    parser.add_argument("--steps", type=positive, default=200, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=0.005, help="of Adam (default: %(default)s)")
    parser.add_output("ascent.jsonl")
    options = parser.parse_args()
    sheet_path = options.output.with_name(f"{options.output.stem}_{PICTURES[0]}.png")
    try:
        reference = middle(options.image)
        check_destination(sheet_path, [options.image])
        start = jpeg_file(reference, quality=QUALITY)
        settings = {"steps": options.steps, "rate": options.rate, "quality": QUALITY, "side": SIDE}
        start_file(options.output, describe_run("ascent", settings, ("optax", "pillow")))
        climbs = []
        for name in progress(options.metrics):
            climbs.append(climb(METRICS[name], start, reference, options.steps, options.rate))
            append(options.output, record(climbs[-1], start, reference))
        # Few colors fill a sheet: a palette makes the file a third as large.
        save_picture(sheet(climbs, start, reference).quantize(256), sheet_path)
    except (InputError, OSError) as error:  # an image, or weights that are not there
        parser.error(" ".join(str(error).split()))
    except KeyboardInterrupt:
        sys.exit(130)
    records = [record(found, start, reference) for found in climbs]
    print_table("Scores and PSNR before and after", HEADINGS, map(cells, records), words=WORDS)
    print(f"Wrote {options.output} and {sheet_path}.")


def middle(path: str) -> np.ndarray:
    pixels = read_image(path).pixels
    height, width, channels = pixels.shape
    if min(height, width) < SIDE or channels != 3:
        raise InputError(f"{path}: expected {SIDE} x {SIDE} pixels or more in color, got {width} x {height}.")
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    return pixels[top : top + SIDE, left : left + SIDE]


def climb(metric: Metric, start: np.ndarray, reference: np.ndarray, steps: int, rate: float) -> Climb:
    given = {name: 1.0 for name in metric.needs if name == "data_range"}
    params = {"params": load_params(metric.params)} if metric.params else {}
    image, before, after = jax.device_get(
        _ascend(start, reference, params, rate, metric=metric, steps=steps, given=tuple(given.items()))
    )
    return Climb(metric, image, float(before), float(after))


@functools.partial(jax.jit, static_argnames=("metric", "steps", "given"))
def _ascend(
    start: Any, reference: Any, params: Any, rate: Any, *, metric: Metric, steps: int, given: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    sign = 1.0 if metric.better == "higher" else -1.0
    optimizer = optax.adam(1.0)

    def score(image: jax.Array) -> jax.Array:
        return metric.function(image, reference, **metric.options, **dict(given), **params)

    def step(carry: Any, share: jax.Array) -> tuple[Any, None]:
        image, state = carry
        gradient = jax.grad(lambda image: -sign * score(image))(image)
        with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
            updates, state = optimizer.update(gradient, state)
        return (jnp.clip(image + share * rate * updates, 0, 1), state), None

    image = jnp.asarray(start)
    (climbed, _), _ = jax.lax.scan(step, (image, optimizer.init(image)), jnp.linspace(1, 0, steps, endpoint=False))
    return climbed, score(image), score(climbed)


def record(found: Climb, start: np.ndarray, reference: np.ndarray) -> Record:
    decibels = [float(psnr(image, reference, data_range=1.0)) for image in (start, found.image)]
    return {
        "metric": found.metric.name,
        "better": found.metric.better,
        "scores": [found.before, found.after],
        "psnr": [round(value, 2) for value in decibels],
    }


def sheet(climbs: Sequence[Climb], start: np.ndarray, reference: np.ndarray) -> Picture:
    """The reference, where all start, and where each ends."""
    shown = [Cell("reference", picture_of(reference)), Cell("start", picture_of(start), (f"JPEG, quality {QUALITY}",))]
    for metric, image, before, after in climbs:
        shown.append(Cell(metric.name, picture_of(image), (f"{before:.4g} to {after:.4g}",)))
    return grid([shown[i : i + COLUMNS] for i in range(0, len(shown), COLUMNS)])


def cells(measured: Record) -> tuple[str, ...]:
    """Under `HEADINGS`."""
    scores = [f"{value:.4f}" if abs(value) >= 0.1 else f"{value:.3g}" for value in measured["scores"]]
    return measured["metric"], *scores, *(f"{value:.1f}" for value in measured["psnr"])


def markdown(about: Record) -> str:
    """Notes for the page."""
    settings = about["settings"]
    return (
        f"Command: `python -m benchmarks.studies.ascent IMAGE`: {settings['steps']} steps of Adam on the pixels of "
        f"{settings['side']} x {settings['side']} from JPEG of quality {settings['quality']}, rate "
        f"{settings['rate']:g} falling to 0. A metric is a training objective if its own score gets better and the "
        "picture does not get worse. What it does not see stays or goes wrong: metrics of luma say nothing on color."
    )


if __name__ == "__main__":
    main()
