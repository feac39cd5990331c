"""What the restored photographs score: a table of means, and where the ordering of the paper is reproduced."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxloss.registry import METRICS

from ..._results import Record, Run
from .._command import command
from .._photographs import trained_on


STEMS = {"small": "restoration", "full": "restoration_full"}  # of the files of results, by size
PICTURES = ("curves", "pictures")  # beside them, as <stem>_<name>.png
INPUT = "input"
TITLES = {
    INPUT: "its input", "l2": "L2", "l1": "L1", "ssim": "SSIM", "multi_sigma_ssim": "multi-sigma SSIM", "mix": "Mix",
}  # fmt: skip
# Zhao et al. report squared and absolute differences in thousandths.
COLUMNS = {"mse": "1000·L2", "psnr": "PSNR", "mae": "1000·L1", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "lpips": "LPIPS"}
THOUSANDTHS = ("mse", "mae")
LEFT_OUT = ("rmse",)  # the same order as PSNR
ORDER = ("mix", "l1", "l2")  # best first, as in the paper


class Score(NamedTuple):
    """Means over the photographs that were held out; None for a metric that needs larger ones."""

    task: str
    network: str
    values: dict[str, float | None]


def newest(runs: Iterable[Run], size: str) -> list[tuple[Record, list[Record]]]:
    """Of runs, oldest first: for each task the newest one of a size, whole. Networks of two runs are never mixed."""
    found: dict[str, tuple[Record, list[Record]]] = {}
    for run in runs:
        if run.about["settings"]["size"] == size:
            for task in dict.fromkeys(record["task"] for record in run.measurements):
                found[task] = run.about, [record for record in run.measurements if record["task"] == task]
    return list(found.values())


def scores(records: Iterable[Record]) -> list[Score]:
    return [Score(record["task"], record["network"], means(record["photographs"])) for record in records]


def means(photographs: dict[str, dict[str, float | None]]) -> dict[str, float | None]:
    """Of each metric over the photographs; PSNR is averaged in decibels, as is usual."""
    rows = list(photographs.values())
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        name: None if None in values else float(np.mean(np.array(values, float))) for name, values in columns.items()
    }


def metrics_of(found: Sequence[Score]) -> list[str]:
    """Those of the paper first."""
    names = dict.fromkeys(name for score in found for name in score.values if name not in LEFT_OUT)
    return sorted(names, key=lambda name: list(COLUMNS).index(name) if name in COLUMNS else len(COLUMNS))


def headings(found: Sequence[Score]) -> list[str]:
    return ["task", "trained with", *(COLUMNS.get(name, name) for name in metrics_of(found))]


def rows(found: Sequence[Score], best: str = "{}") -> list[list[str]]:
    """Under `headings`; the best of each task as `best` shows it."""
    table = []
    for score in found:
        rivals = [other for other in found if other.task == score.task]
        cells = [score.task.replace("_", " "), TITLES.get(score.network, score.network)]
        for name in metrics_of(found):
            text = number(name, score.values.get(name))
            leads = text and all(not better(name, other.values.get(name), score.values[name]) for other in rivals)
            cells.append(best.format(text) if leads else text)
        table.append(cells)
    return table


def number(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{1000 * value:.3f}" if name in THOUSANDTHS else f"{value:.2f}" if name == "psnr" else f"{value:.4f}"


def better(name: str, value: float | None, than: float | None) -> bool:
    if value is None or than is None:
        return False
    return value > than if METRICS[name].better == "higher" else value < than


def ordering(found: Sequence[Score]) -> list[str]:
    """For each task a sentence on whether Mix is at least as good as L1, and L1 better than L2."""
    sentences = []
    for task in dict.fromkeys(score.task for score in found):
        by_network = {score.network: score.values for score in found if score.task == task}
        if not set(ORDER) <= set(by_network):
            continue
        mix, l1, l2 = (by_network[name] for name in ORDER)
        names = [name for name in metrics_of(found) if l1.get(name) is not None]
        holds = [name for name in names if not better(name, l1[name], mix[name]) and better(name, l1[name], l2[name])]
        fails = [name for name in names if name not in holds]
        sentences.append(f"{task.replace('_', ' ')}: holds in {listed(holds)}; fails in {listed(fails)}.")
    return sentences


def listed(names: Iterable[str]) -> str:
    return ", ".join(COLUMNS.get(name, name) for name in names) or "none"


def markdown(found: Sequence[tuple[Record, list[Record]]]) -> tuple[list[str], list[list[str]], str]:
    """Headings, rows and notes for the page."""
    everything = [score for _, records in found for score in scores(records)]
    settings = found[-1][0]["settings"]
    minutes = sum(record.get("seconds", 0) for _, records in found for record in records) / 60
    network = f"{settings['width']} channels" + (", residual" if settings["residual"] else "")
    notes = (
        f"Command: `{command('restoration', settings['size'])}`, seed {settings['seed']}. Network: {network}; "
        f"{settings['steps']} steps of {settings['batch']} crops of {settings['crop']} x {settings['crop']} pixels, "
        f"{minutes:.0f} minutes for all trainings. {trained_on(settings)}; "
        f"means over {', '.join(settings['held_out'])}.\n\n"
        "Is Mix at least as good as L1, and L1 better than L2, as in the paper?\n"
    )
    notes += "".join(f"\n* {sentence[0].upper()}{sentence[1:]}" for sentence in ordering(everything))
    return headings(everything), rows(everything, "**{}**"), notes
