"""Fan chart of the fitted model over the measured curves, and the residuals below."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import PIL.Image
from scipy.special import ndtri

from ..images._figures import FAINT, LINE, new_figure, picture_of_figure, tidy
from ..sde import Curve, Diagnosis, Fit, median, quantile
from ._file import Curves
from ._fits import Analysis


if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {"baseline": "#0b6e99", "reference": "#8a4f9e", "prompt": "#2f7d4f", "both": "#b3343a"}
BANDS = {0.9: 0.18, 0.5: 0.32}  # probability inside -> opacity
POINTS = 200


def plot_curves(curves: Curves, found: Analysis, *, loss: str = "loss D") -> PIL.Image.Image:
    """Draw curves, what the fitted model predicts for them, and how they depart from it.

    Above, for each condition, the median of the model and the bands in which it expects 50 and 90 % of all curves at
    each share, of the parameters of maximum likelihood. The fan begins at the least share, at the geometric mean of the
    first losses; each curve is scaled so that it begins on the median, as the model says nothing of first losses.
    Below, the standardized increments over the share and against normal quantiles.

    Args:
        curves: What `analyze` was given.
        found: What it returned.
        loss: Name of the loss, for the axis.

    Returns:
        A picture.

    Raises:
        InputError: If matplotlib is not installed.
    """
    figure = new_figure(3.1 * len(found.fits) + 1.4, 8.2)
    rows: Any = figure.subplots(3, len(found.fits), squeeze=False, sharey="row", height_ratios=(2.2, 1, 1.2))
    for (condition, fitted), (fan, spread, quantiles) in zip(found.fits.items(), rows.T, strict=True):
        color, checks = COLORS[condition], found.diagnoses[condition]
        _draw_fan(fan, list(curves[condition].values()), fitted, color)
        counts = f"{fitted.curves} curve{'s' if fitted.curves > 1 else ''}"
        fan.set_title(f"{condition}, {counts}", loc="left", fontsize=10.5, fontweight="bold")
        _draw_residuals(spread, checks, color)
        _draw_quantiles(quantiles, checks, color)
    rows[0, 0].set_ylabel(f"{loss}, scaled to begin on the median")
    rows[1, 0].set_ylabel("standardized\nincrement of ln D")
    rows[2, 0].set_ylabel("its quantiles")
    rows[0, 0].legend(frameon=False, fontsize=8.5)
    for axis in rows.flat:
        tidy(axis)
    return picture_of_figure(figure)


def _draw_fan(axis: "Axes", curves: list[Curve], fitted: Fit, color: str) -> None:
    with jax.enable_x64(True):
        begin, initial, lines = _scaled(curves, fitted)
        shares = np.linspace(begin, max(float(share[-1]) for share, _ in lines), POINTS)
        for probability, opacity in BANDS.items():
            levels = np.array([[(1 - probability) / 2], [(1 + probability) / 2]])
            spans = np.broadcast_to(shares - begin, (2, POINTS))
            low, high = np.asarray(quantile(fitted.likeliest, initial, spans, np.broadcast_to(levels, spans.shape)))
            label = f"{100 * probability:g} % of curves"
            axis.fill_between(shares, low, high, color=color, alpha=opacity, linewidth=0, label=label)
        middle = np.asarray(median(fitted.likeliest, initial, shares - begin))
    for share, loss in lines:
        axis.plot(share, loss, color=FAINT, linewidth=0.6, alpha=0.6)
    axis.plot(shares, middle, color=color, linewidth=2, label="median")
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.tick_params(axis="y", which="both", labelsize=8)


def _scaled(curves: list[Curve], fitted: Fit) -> tuple[float, float, list[tuple[np.ndarray, np.ndarray]]]:
    """Least share, geometric mean of the first losses, and the curves, each scaled to begin on the median."""
    pairs = [(np.asarray(curve.share), np.asarray(curve.loss)) for curve in curves]
    begin = min(float(share[0]) for share, _ in pairs)
    initial = float(np.exp(np.mean([np.log(loss[0]) for _, loss in pairs])))
    starts = np.asarray(median(fitted.likeliest, initial, np.array([share[0] - begin for share, _ in pairs])))
    return begin, initial, [(share, loss * start / loss[0]) for (share, loss), start in zip(pairs, starts, strict=True)]


def _draw_residuals(axis: "Axes", checks: Diagnosis, color: str) -> None:
    axis.plot(checks.shares, checks.residuals, ".", color=color, markersize=3, alpha=0.5)
    for level in (-1.96, 0, 1.96):
        axis.axhline(level, color=LINE, linewidth=0.8, linestyle="-" if level == 0 else "--")
    axis.set_xlabel("moving average of the share")


def _draw_quantiles(axis: "Axes", checks: Diagnosis, color: str) -> None:
    count = checks.residuals.size
    expected = ndtri((np.arange(1, count + 1) - 0.375) / (count + 0.25))  # Blom's positions
    axis.plot(expected, np.sort(checks.residuals), ".", color=color, markersize=3)
    axis.axline((0, 0), slope=1, color=LINE, linewidth=0.8)
    axis.set_xlabel("normal quantiles")
