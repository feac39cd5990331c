"""Learning curves, and a sheet of holes and what each network put into them."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .._pictures import draw_baseline, draw_curve, draw_picture, finish
from ._summary import MEAN, TITLES


COLORS = ("#0b6e99", "#d08c2e", "#b3343a", "#8a4f9e")


def draw_curves(curves: Mapping[str, np.ndarray], baseline: float) -> Figure:
    """PSNR of held-out holes, and the loss of the generator as a share of its first value."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 3.8))
    for color, (name, curve) in zip(COLORS, curves.items(), strict=False):
        draw_curve(left, right, curve, color, TITLES[name])
    draw_baseline(left, baseline, TITLES[MEAN])
    left.set_xlabel("steps")
    right.set_xlabel("steps")
    return finish(figure, left, right, "PSNR of held-out holes, dB")


def draw_sheet(columns: Mapping[str, np.ndarray]) -> Figure:
    """A row per example; columns `{name: [n, H, W, 3]}`: the input, what each network made of it, the target."""
    count = len(next(iter(columns.values())))
    figure, axes = plt.subplots(count, len(columns), figsize=(1.75 * len(columns), 1.8 * count + 0.2), squeeze=False)
    for index, line in enumerate(axes):
        for (name, images), axis in zip(columns.items(), line, strict=True):
            draw_picture(axis, images[index], TITLES[name] if index == 0 else "")
    figure.tight_layout(pad=0.4, w_pad=0.3, h_pad=0.4)
    return figure
