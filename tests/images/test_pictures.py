"""Maps lie where the images differ, and pictures hold what they should at its place."""

import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

import jaxloss
from jaxloss.evaluate import ImageFile, InputError, contact_sheet, dissimilarity_map, heat_map_picture
from jaxloss.evaluate._colors import INFERNO, OUTSIDE
from jaxloss.evaluate._pictures import Cell, fit, grid, picture_of


def test_map_is_one_minus_ssim_in_register_with_the_image(photograph: np.ndarray) -> None:
    x = photograph.copy()
    x[100:120, 60:80] = 0.5
    field = dissimilarity_map(photograph, x)
    assert field.shape == photograph.shape[:2]
    assert 1 - np.nanmean(field) == pytest.approx(
        float(jaxloss.ssim(jnp.asarray(x), jnp.asarray(photograph), data_range=1.0)), rel=1e-5
    )
    rows, columns = np.nonzero(np.nan_to_num(field) > 1e-4)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((95, 124, 55, 84), abs=1)


def test_border_of_the_map_is_nan(photograph: np.ndarray) -> None:
    outside = np.isnan(dissimilarity_map(photograph, photograph))
    assert not outside[5:-5, 5:-5].any()
    outside[5:-5, 5:-5] = True
    assert outside.all()


def test_image_smaller_than_the_window() -> None:
    small = np.zeros((10, 40, 3), np.float32)
    with pytest.raises(InputError, match="needs images of 11 x 11 pixels, got 40 x 10"):
        dissimilarity_map(small, small)


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
    samples = np.asarray(grid([[Cell("a", red), Cell("b", blue)], [Cell("c", blue, ("x", "y"))]], color_bar=False))
    is_red, is_blue = ((samples == color).all(axis=-1) for color in ((255, 0, 0), (0, 0, 255)))
    assert (is_red.sum(), is_blue.sum()) == (224 * 224, 2 * 224 * 224)
    assert np.nonzero(is_red.any(axis=0))[0].max() < np.nonzero(is_blue[:250].any(axis=0))[0].min()


def test_long_titles_stay_in_their_column() -> None:
    picture = PIL.Image.new("RGB", (224, 224), "white")
    samples = np.asarray(grid([[Cell("w" * 300, picture), Cell("", picture)]], color_bar=False))
    ink = np.nonzero((samples < 128).all(axis=-1).any(axis=0))[0]
    assert 16 <= ink.min() < ink.max() < 16 + 224 + 2


def test_heat_map_picture_shows_the_images_and_the_map(photograph: np.ndarray) -> None:
    reference = ImageFile("folder/photo.png", photograph, ())
    picture = np.asarray(heat_map_picture(reference, [reference, reference._replace(pixels=1 - photograph)]))
    height, width = photograph.shape[:2]
    shown = np.rint(photograph * 255)
    left, top = 16, 16 + 22
    np.testing.assert_array_equal(picture[top : top + height, left : left + width], shown)
    left += width + 16
    np.testing.assert_array_equal(picture[top : top + height, left : left + width], shown)
    left += width + 16
    alike = picture[top : top + height, left : left + width]
    np.testing.assert_array_equal(alike[0, 0], OUTSIDE)
    np.testing.assert_array_equal(alike[5:-5, 5:-5], np.broadcast_to(INFERNO[0], (height - 10, width - 10, 3)))
    top += height + 2 * 22 + 16
    assert picture[top + 5 : top + height - 5, left + 5 : left + width - 5].mean() > alike[5:-5, 5:-5].mean() + 50


def test_many_images_are_shown_smaller(photograph: np.ndarray) -> None:
    reference = ImageFile("photo.png", np.tile(photograph, (2, 2, 1)), ())
    few, many = (heat_map_picture(reference, [reference] * count) for count in (1, 9))
    assert (few.width, many.width) == (3 * (512 + 16) + 16, 3 * (256 + 16) + 16)


def test_contact_sheet_has_a_cell_for_each_image(photograph: np.ndarray) -> None:
    images = {name: photograph for name in "abcd"}
    sheet = contact_sheet(photograph, images, {"a": ("one", "two")}, columns=3)
    assert sheet.width == 3 * (256 + 16) + 16
    samples = np.asarray(sheet)
    shown = np.rint(photograph * 255)
    tops = 16 + 22, 16 + 22 + (2 * 256 + 4 + 2 * 22) + 16 + 22
    for top, cells in zip(tops, (3, 2), strict=True):
        for column in range(cells):
            left = 16 + column * (256 + 16)
            np.testing.assert_array_equal(samples[top : top + 256, left : left + 256], shown)
    assert (samples[tops[1] : tops[1] + 256, 16 + 2 * (256 + 16) :] == 255).all()
