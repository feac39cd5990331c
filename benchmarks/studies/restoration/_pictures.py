"""Learning curves, and a sheet of what each network made of the same place."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .._pictures import draw_baseline, draw_curve, draw_picture, finish
from ._summary import INPUT, TITLES
from ._tasks import TASKS


COLORS = {"l2": "#9aa3ad", "l1": "#0b6e99", "ssim": "#d08c2e", "multi_sigma_ssim": "#8a4f9e", "mix": "#b3343a"}

Curves = Mapping[str, np.ndarray]  # loss -> [chunks, 3]: steps, loss, PSNR


def draw_curves(tasks: Mapping[str, Curves], inputs: Mapping[str, float]) -> Figure:
    """Above the PSNR of a photograph that was held out, below the loss, as a share of its first value."""
    figure, axes = plt.subplots(2, len(tasks), figsize=(4.6 * len(tasks) + 0.6, 6.4), squeeze=False, sharex="col")
    for (task, curves), (above, below) in zip(tasks.items(), axes.T, strict=True):
        for loss, curve in curves.items():
            draw_curve(above, below, curve, COLORS[loss], TITLES[loss])
        draw_baseline(above, inputs[task], TITLES[INPUT])
        everything = np.concatenate([curve[:, 2] for curve in curves.values()])
        # A network that starts from noise would leave the interesting part no room.
        above.set_ylim(max(everything.min(), inputs[task] - 3) - 0.2, max(everything.max(), inputs[task]) + 0.2)
        above.set_title(TASKS[task].title, loc="left", fontsize=10.5, fontweight="bold")
        below.set_xlabel("steps")
    return finish(figure, axes[0, 0], axes[1, 0], "PSNR of a held-out part, dB")


def draw_sheet(
    tasks: Mapping[str, Mapping[str, np.ndarray]],
    psnrs: Mapping[tuple[str, str], float | None],
    networks: Sequence[str],
) -> Figure:
    """A row per task: the original, its input and what became of it, `[H, W, 3]` in [0, 1] each."""
    columns = ["original", INPUT, *networks]
    figure, axes = plt.subplots(
        len(tasks), len(columns), figsize=(1.75 * len(columns), 2.05 * len(tasks) + 0.1), squeeze=False
    )
    for (task, pictures), line in zip(tasks.items(), axes, strict=True):
        for name, axis in zip(columns, line, strict=True):
            draw_picture(axis, pictures[name], TITLES.get(name, name), psnrs.get((task, name)))
        line[0].set_ylabel(task.replace("_", " "), fontsize=9)
    figure.tight_layout(pad=0.4, w_pad=0.3, h_pad=0.6)
    return figure
