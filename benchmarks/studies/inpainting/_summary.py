"""What the filled holes score, as a table."""

from collections.abc import Iterable, Sequence

import jax

import jaxloss

from ..._results import Record, Run
from .._command import command
from .._photographs import trained_on
from ._training import CONTESTS, Examples


STEMS = {"small": "inpainting", "full": "inpainting_full"}  # of the files of results, by size
PICTURES = ("curves", "pictures")  # beside them, as <stem>_<name>.png
MASKED, MEAN, TARGET = "masked", "mean", "target"
TITLES = {
    MASKED: "masked input",
    MEAN: "mean color",
    TARGET: "target",
    **{name: contest.title for name, contest in CONTESTS.items()},
}
COLUMNS = {
    "psnr": ("PSNR of the holes", "{:.2f}", max),
    "mae": ("1000·L1 of the holes", "{:.1f}", min),
    "ssim": ("SSIM", "{:.4f}", max),
    "lpips": ("LPIPS", "{:.4f}", min),
    "lpips_vgg": ("LPIPS-VGG", "{:.4f}", min),
}
HEADINGS = ("trained with", *(title for title, *_ in COLUMNS.values()))
WORDS = HEADINGS[:1]


def score(images: jax.Array, examples: Examples) -> dict[str, float]:
    """Means over the examples: pixels in the holes alone, structure and perception of the whole images."""
    target, holes = examples.target, 1 - examples.mask
    found = {
        "psnr": jaxloss.psnr(images, target, data_range=1.0, mask=holes),
        "mae": 1000 * jaxloss.mae(images, target, mask=holes),
        "ssim": jaxloss.ssim(images, target, data_range=1.0),
    }
    for net in ("alex", "vgg"):
        params = jaxloss.load_params(f"lpips-{net}")
        name = "lpips" if net == "alex" else f"lpips_{net}"
        found[name] = jaxloss.lpips(images, target, params=params, data_range=1.0, net=net)
    return {name: round(values.mean().item(), 6) for name, values in found.items()}


def rows(records: Sequence[Record], best: str = "{}") -> list[list[str]]:
    """Under `HEADINGS`; the best of each column as `best` shows it."""
    table = [[TITLES[record["objective"]]] for record in records]
    for name, (_, text, choose) in COLUMNS.items():
        values = [record["scores"][name] for record in records]
        leader = choose(values)
        for cells, value in zip(table, values, strict=True):
            cells.append((best if value == leader else "{}").format(text.format(value)))
    return table


def newest(runs: Iterable[Run], size: str) -> Run | None:
    """Of runs, oldest first, the last one of a size."""
    *_, found = [None, *(run for run in runs if run.about["settings"]["size"] == size and run.measurements)]
    return found


def markdown(run: Run) -> tuple[list[list[str]], str]:
    """Rows and notes for the page."""
    settings = run.about["settings"]
    minutes = sum(record.get("seconds", 0) for record in run.measurements) / 60
    notes = (
        f"Command: `{command('inpainting', settings['size'])}`, seed {settings['seed']}. {settings['steps']} steps of "
        f"{settings['batch']} crops of {settings['crop']} x {settings['crop']} pixels, U-Net of {settings['width']} "
        f"channels, {minutes:.0f} minutes for all trainings. {trained_on(settings)}; means over "
        f"{settings['examples']} crops of {', '.join(settings['held_out'])}. coordfill trains on LPIPS."
    )
    return rows(run.measurements, "**{}**"), notes
