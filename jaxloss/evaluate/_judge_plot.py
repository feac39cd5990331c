"""Bars of the scores that human judgments give to metrics."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image

from ..images._figures import COLORS, LINE, new_figure, picture_of_figure, tidy
from ._judge import Verdict, best_of


if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR, BEST = COLORS[0], COLORS[1]
PANELS = 4  # in a row
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}  # numbers, where a line crosses them
TITLES = {"2afc": "two-alternative choices, %", "jnd": "just noticeable differences, mAP %", "opinion": "correlation"}


def plot_verdicts(verdicts: Sequence[Verdict]) -> PIL.Image.Image:
    """Draw the scores of all metrics as bars with their intervals, a panel for each verdict.

    Bars begin at the score of a metric that knows nothing. A dashed line is the score of a person, with its interval;
    the best metric has another color.

    Args:
        verdicts: Of `judge` or `judge_opinions`.

    Returns:
        A picture.

    Raises:
        InputError: If matplotlib is not installed.
    """
    columns = min(PANELS, len(verdicts))
    rows = -(-len(verdicts) // columns)
    names = list(dict.fromkeys(name for verdict in verdicts for name in verdict.scores))
    figure = new_figure(2.0 + 2.9 * columns, rows * (1.1 + 0.26 * len(names)))
    panels: Any = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, verdict in zip(panels.flat, verdicts, strict=False):
        _draw(panel, verdict, names)
        panel.set_xlim(*_limits(alike for alike in verdicts if alike.kind == verdict.kind))
    for panel in panels.flat[len(verdicts) :]:
        panel.set_visible(False)
    return picture_of_figure(figure)


def _scale(verdict: Verdict) -> int:
    """Shares are told in percent."""
    return 1 if verdict.kind == "opinion" else 100


def _limits(alike: Iterable[Verdict]) -> tuple[float, float]:
    """Of the axis of scores, the same for all verdicts of a kind, with room for the numbers."""
    ends = []
    for verdict in alike:
        intervals = [*verdict.scores.values(), *filter(None, [verdict.ceiling])]
        ends += [_scale(verdict) * number for number in (verdict.chance, *np.array(intervals).flat)]
    low, high = min(ends), max(ends)
    return low, high + 0.16 * (high - low)


def _draw(panel: "Axes", verdict: Verdict, names: Sequence[str]) -> None:
    scale, best = _scale(verdict), best_of(verdict)
    chance = scale * verdict.chance
    tidy(panel)
    panel.grid(False, axis="y")
    if verdict.ceiling is not None:
        _draw_ceiling(panel, [scale * number for number in verdict.ceiling])
    for place, name in enumerate(names):
        if name in verdict.scores:
            value, low, high = (scale * number for number in verdict.scores[name])
            panel.barh(place, value - chance, left=chance, height=0.7, color=BEST if name in best else BAR)
            panel.plot([low, high], [place, place], color=LINE, linewidth=1.2, solid_capstyle="butt")
            text = f"{value:.2f}" if scale == 1 else f"{value:.1f}"
            at = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
            panel.annotate(text, (max(high, chance), place), fontsize=8, color=LINE, bbox=BEHIND, **at)
    panel.set_yticks(np.arange(len(names)), names, fontsize=9)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.set_title(f"{verdict.name}, n = {verdict.trials}", loc="left", fontsize=10, fontweight="bold", pad=14)
    panel.set_xlabel(TITLES[verdict.kind], fontsize=8.5)


def _draw_ceiling(panel: "Axes", ceiling: Sequence[float]) -> None:
    value, low, high = ceiling
    panel.axvspan(low, high, color=LINE, alpha=0.12, linewidth=0)
    panel.axvline(value, color=LINE, linewidth=1.2, linestyle="--")
    at = {"xycoords": ("data", "axes fraction"), "xytext": (0, 2), "textcoords": "offset points", "ha": "center"}
    panel.annotate(f"people {value:.1f}", (value, 1), fontsize=8, color=LINE, **at)
