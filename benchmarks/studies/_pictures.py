"""What the pictures of the benchmarks that train have in common: learning curves and small images."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


FAINT, GRID = "#57606a", "#e4e7eb"


def draw_curve(psnr_axis: Axes, loss_axis: Axes, curve: np.ndarray, color: str, label: str) -> None:
    """The PSNR, and the loss as a share of its first value."""
    steps, losses, psnr = curve.T[:3]
    psnr_axis.plot(steps, psnr, color=color, label=label, linewidth=1.6)
    loss_axis.plot(steps, losses / losses[0], color=color, label=label, linewidth=1.6)


def draw_baseline(axis: Axes, psnr: float, label: str) -> None:
    axis.axhline(psnr, color=FAINT, linestyle="--", linewidth=1, label=label)


def finish(figure: Figure, psnr_axis: Axes, loss_axis: Axes, title: str) -> Figure:
    """Titles and a legend on the first two axes, a grid on all."""
    psnr_axis.set_ylabel(title)
    loss_axis.set_ylabel("training loss / first value")
    for axis in figure.axes:
        axis.grid(color=GRID, linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    psnr_axis.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    return figure


def draw_picture(axis: Axes, picture: np.ndarray, name: str, psnr: float | None = None) -> None:
    axis.imshow(picture, interpolation="nearest")
    axis.set_title(name if psnr is None else f"{name}, {psnr:.1f} dB", fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def save_figures(figures: Iterable[Figure], names: Iterable[str], output: Path) -> None:
    """Beside the results."""
    for name, figure in zip(names, figures, strict=True):
        path = output.with_name(f"{output.stem}_{name}.png")
        figure.savefig(path, dpi=110, facecolor="white")
        plt.close(figure)
        print(path)
