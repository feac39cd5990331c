"""Rate-distortion curves as a picture."""

from collections.abc import Iterable

import numpy as np
import PIL.Image

from ..images._figures import COLORS, new_panels, picture_of_figure, tidy
from ..registry import Metric
from ._compare import choose_metrics
from ._formats import ARROWS
from ._rate_distortion import RateCurves


def plot_rate_distortion(curves: RateCurves, *, metrics: Iterable[str | Metric] | None = None) -> PIL.Image.Image:
    """Draw each metric over the bytes per pixel, a line for each codec.

    Args:
        curves: Of `rate_distortion`.
        metrics: What `rate_distortion` was given.

    Returns:
        A picture.

    Raises:
        InputError: If matplotlib is not installed.
    """
    chosen = choose_metrics(metrics)
    figure, panels = new_panels(len(chosen), 3.9, 3.2)  # first: it says how to install what is imported next
    from matplotlib.ticker import LogLocator, NullLocator

    for axis, row in zip(panels, chosen, strict=True):
        for color, (codec, points) in zip(COLORS, curves.items(), strict=False):
            rates = np.array([point.bytes_per_pixel for point in points])
            scores = [point.scores[row.name] for point in points]
            order = np.argsort(rates)
            axis.plot(rates[order], np.array(scores)[order], "o-", color=color, markersize=4, label=codec)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_title(f"{row.name} {ARROWS[row.better]}", loc="left", fontsize=10.5, fontweight="bold")
        tidy(axis)
    panels[0].legend(frameon=False, fontsize=8.5)
    figure.supxlabel("bytes per pixel", fontsize=10)
    return picture_of_figure(figure)
