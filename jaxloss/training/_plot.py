"""The learning curves of a training: loss, accuracy, and the score on what was held out with its interval."""

from collections.abc import Mapping
from typing import Any

import PIL.Image

from ..images._figures import COLORS, new_figure, picture_of_figure, tidy


LOSS, ACCURACY, SCORE = COLORS[:3]


def plot_training(history: Mapping[str, Any]) -> PIL.Image.Image:
    """Draw the loss of each epoch, and below it the shares of people who choose as the metric does.

    Args:
        history: Of `train_lpips`, or what `jaxloss.read_history` finds in its file.

    Returns:
        A picture.

    Raises:
        InputError: If matplotlib is not installed.
    """
    curve, settings = history["curve"], history["settings"]
    figure = new_figure(6.4, 6.4)
    loss, share = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.4))
    trained, scored = ([row for row in curve if name in row] for name in ("loss", "held_out"))
    epochs = [row["epoch"] for row in trained]
    loss.plot(epochs, [row["loss"] for row in trained], "o-", color=LOSS, markersize=4)
    share.plot(epochs, [row["accuracy"] for row in trained], "o-", color=ACCURACY, markersize=4, label="training")
    if scored:
        epochs, found = [row["epoch"] for row in scored], [row["held_out"] for row in scored]
        low, high = ([score[end] for score in found] for end in ("low", "high"))
        share.plot(epochs, [score["score"] for score in found], "o-", color=SCORE, markersize=4, label="held out")
        share.fill_between(epochs, low, high, color=SCORE, alpha=0.18, linewidth=0, label="its 95 % interval")
    loss.set_title(f"LPIPS on {settings['net']}, {settings['variant']}", loc="left", fontsize=10.5, fontweight="bold")
    loss.set_ylabel("cross entropy")
    share.set_ylabel("agreement with people's choices")
    share.set_xlabel("epoch")
    share.xaxis.get_major_locator().set_params(integer=True)
    share.legend(frameon=False, fontsize=8.5)
    for axis in (loss, share):
        tidy(axis)
    return picture_of_figure(figure)
