"""The color map: its ends, its order, and what lies outside."""

import numpy as np
import pytest

from jaxloss.images._colors import INFERNO, OUTSIDE, colorize


def test_ends_and_anchors() -> None:
    values = np.linspace(0, 1, len(INFERNO))[None]
    np.testing.assert_array_equal(colorize(values)[0], INFERNO)


def test_beyond_the_ends_is_clipped_and_nan_is_gray() -> None:
    colors = colorize(np.array([[-1.0, 2.0, np.nan]]))
    np.testing.assert_array_equal(colors[0], [INFERNO[0], INFERNO[-1], OUTSIDE])


def test_lowest_and_highest() -> None:
    np.testing.assert_array_equal(colorize(np.array([[3.0, 5.0]]), lowest=3, highest=5)[0], [INFERNO[0], INFERNO[-1]])


def test_more_is_brighter() -> None:
    luma = colorize(np.linspace(0, 1, 50)[None])[0] @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) > 0).all()


def test_agrees_with_matplotlib() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    values = np.linspace(0, 1, 33)
    expected = np.rint(matplotlib.colormaps["inferno"](values)[:, :3] * 255)
    assert np.abs(colorize(values[None])[0] - expected).max() <= 15
