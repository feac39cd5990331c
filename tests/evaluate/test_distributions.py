"""The picture has a panel for each metric that has scores."""

import math

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.evaluate import plot_distributions
from jaxloss.images._figures import COLORS


def scores(count: int) -> dict[str, dict[str, float]]:
    values = np.random.default_rng(0).random(count).tolist()
    return {f"{value}": {"mae": value, "psnr": math.inf, "ssim": 1 - value} for value in values}


def inks(picture: object) -> np.ndarray:
    """Where the bars are, whose color is mixed with white."""
    return np.asarray(picture).astype(int)[..., 2] - np.asarray(picture).astype(int)[..., 0] > 80


def test_a_panel_for_each_metric_with_finite_scores() -> None:
    both = plot_distributions(scores(9), metrics=["mae", "psnr", "ssim"])
    one = plot_distributions(scores(300), metrics=["mae"])
    assert both.mode == "RGB" and both.width == 2 * one.width and both.height == one.height
    assert inks(both)[:, : one.width].sum() > 2000 and inks(both)[:, one.width :].sum() > 2000
    line = tuple(bytes.fromhex(COLORS[1][1:]))
    assert (np.asarray(one) == line).all(axis=-1).sum() > 100


def test_nothing_to_draw() -> None:
    with pytest.raises(InputError, match=r"^there is no finite score to draw\.$"):
        plot_distributions(scores(2), metrics=["psnr"])
