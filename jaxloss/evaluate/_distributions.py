"""How the scores of many images are distributed, as a picture."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from .._files import InputError
from ..images._figures import COLORS, LINE, new_panels, picture_of_figure, tidy
from ..registry import Metric
from ._compare import choose_metrics
from ._folders import Scores, Summary, summarize
from ._formats import ARROWS


if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MARKS = 200  # images that are marked one by one below their distribution


def plot_distributions(scores: Scores, *, metrics: Iterable[str | Metric] | None = None) -> PIL.Image.Image:
    """Draw a histogram of the scores of each metric, with their mean and their median.

    Infinite scores are counted in the heading.

    Args:
        scores: Of `score_folders`.
        metrics: What `score_folders` was given.

    Returns:
        A picture.

    Raises:
        InputError: If matplotlib is not installed, or if there is no finite score.
    """
    chosen = choose_metrics(metrics)
    columns = {row: np.array([by_metric[row.name] for by_metric in scores.values()]) for row in chosen}
    columns = {row: values for row, values in columns.items() if np.isfinite(values).any()}
    if not columns:
        raise InputError("there is no finite score to draw.")
    summaries = summarize(scores, metrics=chosen)
    figure, panels = new_panels(len(columns), 3.6, 2.8)
    for axis, (row, values) in zip(panels, columns.items(), strict=True):
        _draw(axis, values[np.isfinite(values)], summaries[row.name])
        infinite = int(np.isinf(values).sum())
        heading = f"{row.name} {ARROWS[row.better]}" + (f", and {infinite} infinite" if infinite else "")
        axis.set_title(heading, loc="left", fontsize=10.5, fontweight="bold")
        tidy(axis)
    figure.supylabel("images", fontsize=10)
    return picture_of_figure(figure)


def _draw(axis: "Axes", values: np.ndarray, summary: Summary) -> None:
    axis.hist(values, bins=_bins(values), color=COLORS[0], alpha=0.75)
    if values.size <= MOST_MARKS:
        axis.plot(values, np.zeros_like(values), "|", color=LINE, markersize=9, alpha=0.6, clip_on=False)
    lines = {"mean": (summary.mean, COLORS[1], "-"), "median": (summary.median, LINE, "--")}
    for label, (place, color, style) in lines.items():
        if math.isfinite(place):
            axis.axvline(place, color=color, linewidth=1.5, linestyle=style, label=f"{label} {place:.3g}")
    axis.locator_params(axis="x", nbins=5)
    axis.locator_params(axis="y", integer=True)
    axis.legend(frameon=False, fontsize=8.5)


def _bins(values: np.ndarray) -> int:
    """Sturges's number: rounder than Freedman's for a handful of images, and enough for thousands."""
    return int(np.ceil(np.log2(values.size))) + 1
