"""Sheets hold what they should at its place."""

import numpy as np
import PIL.Image
import pytest

from jaxloss.images._colors import INFERNO
from jaxloss.images._pictures import Cell, Legend, fit, grid, picture_of


def test_picture_of_gray_and_out_of_range() -> None:
    picture = picture_of(np.array([[[-1.0], [0.2], [2.0]]], np.float32))
    np.testing.assert_array_equal(np.asarray(picture), [[[0, 0, 0], [51, 51, 51], [255, 255, 255]]])


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 320), (640, 160)), ((300, 200), (300, 200)), ((8, 4), (224, 112)), ((4000, 1), (640, 1))],
)
def test_fit(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(PIL.Image.new("RGB", size), 640).size == expected


def test_grid_places_cells_without_overlap() -> None:
    red, blue = (PIL.Image.new("RGB", (224, 224), color) for color in ("red", "blue"))
    samples = np.asarray(grid([[Cell("a", red), Cell("b", blue)], [Cell("c", blue, ("x", "y"))]]))
    is_red, is_blue = ((samples == color).all(axis=-1) for color in ((255, 0, 0), (0, 0, 255)))
    assert (is_red.sum(), is_blue.sum()) == (224 * 224, 2 * 224 * 224)
    assert np.nonzero(is_red.any(axis=0))[0].max() < np.nonzero(is_blue[:250].any(axis=0))[0].min()


def test_long_titles_stay_in_their_column() -> None:
    picture = PIL.Image.new("RGB", (224, 224), "white")
    samples = np.asarray(grid([[Cell("w" * 300, picture), Cell("", picture)]]))
    ink = np.nonzero((samples < 128).all(axis=-1).any(axis=0))[0]
    assert 16 <= ink.min() < ink.max() < 16 + 224 + 2


def test_color_bar_goes_from_dark_to_bright_between_its_labels() -> None:
    picture = PIL.Image.new("RGB", (224, 224), "white")
    plain = grid([[Cell("", picture)] * 3])
    samples = np.asarray(grid([[Cell("", picture)] * 3], Legend("1 - SSIM", "0", "1 and more")))
    bar = samples[plain.height + 5]
    (left, *_), (*_, right) = (np.nonzero((bar == INFERNO[end]).all(axis=-1))[0] for end in (0, -1))
    assert right - left == pytest.approx(400, abs=5)
    ink = np.nonzero((samples[plain.height :] < 50).all(axis=-1).any(axis=0))[0]
    assert ink.min() == pytest.approx(16, abs=3) and right < ink.max() < samples.shape[1] - 16
