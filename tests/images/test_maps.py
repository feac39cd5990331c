"""Maps lie where the images differ, whatever the metric, its direction and the size of its map."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import InputError
from jaxloss.images import ImageFile, _maps, choose_map, contact_sheet, dissimilarity_map, heat_map_picture
from jaxloss.images._colors import INFERNO, OUTSIDE
from jaxloss.registry import METRICS


@pytest.fixture
def small(photograph: np.ndarray) -> np.ndarray:
    return photograph[:64, :96]


@pytest.fixture
def spoiled(small: np.ndarray) -> np.ndarray:
    image = small.copy()
    image[20:40, 40:60] = 0.5
    return image


def similarity(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
    return similarity_map(x, y, data_range=data_range).mean()


def similarity_map(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
    """Of halves of the resolution, less two positions on each side; 5 where the images are alike."""
    gray = abs(x - y).mean(axis=-1)
    blocks = gray.reshape(gray.shape[0] // 2, 2, gray.shape[1] // 2, 2).mean(axis=(1, 3))
    return 5 - blocks[2:-2, 2:-2] / data_range


def uneven(x: jax.Array, y: jax.Array) -> jax.Array:
    return uneven_map(x, y).mean()


def uneven_map(x: jax.Array, y: jax.Array) -> jax.Array:
    """Not of one level even where the images are equal."""
    return y[..., :1] + 3 * abs(x - y).mean(axis=-1, keepdims=True)


def add_row(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    row = dataclasses.replace(METRICS["mae"], **fields)
    monkeypatch.setitem(METRICS, row.name, row)


def edges(field: np.ndarray, least: float) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(np.nan_to_num(field) > least)
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_map_is_one_minus_ssim_in_register_with_the_image(small: np.ndarray, spoiled: np.ndarray) -> None:
    found = _maps.error_map(small, spoiled, choose_map("ssim"))
    field = dissimilarity_map(small, spoiled)
    np.testing.assert_array_equal(field, found.errors)
    assert field.shape == small.shape[:2]
    assert found.formula == "1 - ssim_map"
    assert 1 - np.nanmean(field) == pytest.approx(found.score, rel=1e-5)
    assert found.score == pytest.approx(float(jax.jit(jaxloss.ssim)(spoiled, small, data_range=1.0)), rel=1e-5)
    assert edges(field, 1e-4) == pytest.approx((15, 44, 35, 64), abs=1)


def test_border_of_the_map_is_nan_and_the_rest_of_equal_images_0(small: np.ndarray) -> None:
    field = dissimilarity_map(small, small)
    np.testing.assert_array_equal(field[5:-5, 5:-5], 0)
    field[5:-5, 5:-5] = np.nan
    assert np.isnan(field).all()


def test_map_of_lower_resolution_is_enlarged(
    small: np.ndarray, spoiled: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is the distance from what equal images have, though less is better for the score."""
    add_row(monkeypatch, function=similarity, better="lower", highest=5, perfect=5)
    found = _maps.error_map(small, spoiled, choose_map("similarity"))
    assert found.formula == "5 - similarity_map"
    assert found.score == pytest.approx(5 - np.nanmean(found.errors), rel=1e-5)
    inside = np.abs(small - spoiled).mean(axis=-1).reshape(32, 2, 48, 2).mean(axis=(1, 3)).repeat(2, 0).repeat(2, 1)
    np.testing.assert_allclose(found.errors[4:-4, 4:-4], inside[4:-4, 4:-4], atol=1e-6)
    assert np.isnan(found.errors).sum() == 64 * 96 - 56 * 88


def test_map_without_a_level_for_equal_images(
    small: np.ndarray, spoiled: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_row(monkeypatch, function=uneven)
    found = _maps.error_map(small, spoiled, choose_map("uneven"))
    assert found.formula == "distance of uneven_map from that of equal images"
    np.testing.assert_allclose(found.errors, 3 * np.abs(small - spoiled).mean(axis=-1), atol=1e-6)


def test_map_of_a_network_has_its_parameters(small: np.ndarray, spoiled: np.ndarray) -> None:
    found = _maps.error_map(small, spoiled, choose_map("lpips"))
    params = jaxloss.load_params("lpips-alex")
    expected = jax.jit(jaxloss.lpips_map)(spoiled, small, params=params, data_range=1.0)
    np.testing.assert_allclose(found.errors, expected[..., 0], atol=1e-5)
    assert (found.formula, found.errors.shape) == ("lpips_map", (64, 96))
    assert found.score == pytest.approx(float(expected.mean()), rel=0.2)


@pytest.mark.parametrize(
    ("metric", "shape", "message"),
    [
        ("ssim", (10, 40, 3), "no map of ssim: it needs 11 x 11 pixels, not 40 x 10."),
        ("lpips", (64, 64, 1), "no map of lpips: it needs 3 channels, not 1."),
        ("sim", (64, 64, 1), "no map of a metric 'sim'. Did you mean 'ssim'?"),
        ("psnr", (64, 64, 1), "no map of a metric 'psnr'. There are: ssim, "),
        ("ssim_loss", (64, 64, 1), "no map of a metric 'ssim_loss'. Did you mean 'ssim'?"),
    ],
)
def test_what_has_no_map(metric: str, shape: tuple[int, int, int], message: str) -> None:
    image = ImageFile("a.png", np.zeros(shape, np.float32), ())
    for attempt in (
        lambda: dissimilarity_map(image.pixels, image.pixels, metric=metric),
        lambda: heat_map_picture(image, [image], metric=metric),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("most", "highest"), [(0.0, 1.0), (0.034, 0.04), (0.8, 0.8), (17.0, 20.0), (np.nan, 1.0)])
def test_scale_ends_at_a_round_number(most: float, highest: float) -> None:
    fields = [np.full((4, 4), np.nan), np.full((4, 4), most)]
    assert _maps.scale_end(METRICS["lpips"], fields) == pytest.approx(highest)
    assert _maps.scale_end(METRICS["ssim"], fields) == 1


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
    reference = ImageFile("photo.png", np.tile(photograph[:16], (1, 2, 1)), ())
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
