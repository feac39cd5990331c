"""Photographs of a folder, and random crops of them."""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import PIL.Image
import pytest

from jaxloss import InputError
from jaxloss.images import random_crops, read_photographs, stack_images


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray) -> Path:
    """Color photographs of even and odd sides, a gray one, a small one, and a file that is none."""
    full = np.rint(255 * photograph).astype(np.uint8)
    for name, part in {"b": full[40:104, :80], "a": full[:65, :81], "small": full[:20, :64]}.items():
        PIL.Image.fromarray(part).save(tmp_path / f"{name}.png")
    PIL.Image.fromarray(full[:64, :64, 0]).save(tmp_path / "gray.png")
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_photographs_are_read_with_even_sides(folder: Path) -> None:
    photographs, notes = read_photographs(folder, 36)
    assert [(name, pixels.shape) for name, pixels in photographs] == [("a", (64, 80, 3)), ("b", (64, 80, 3))]
    assert notes == [
        "gray.png is left out: it is gray.",
        "small.png is left out: it is smaller than the crops of 36 x 36.",
    ]
    with PIL.Image.open(folder / "a.png") as image:
        np.testing.assert_array_equal(photographs[0].pixels, np.asarray(image)[:64, :80])


def test_folder_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(InputError, match="nowhere: No such file"):
        read_photographs(folder / "nowhere", 8)
    (folder / "damaged.png").write_text("no image")
    with pytest.raises(InputError, match=r"damaged\.png: not an image that"):
        read_photographs(folder, 8)


def test_crops_lie_within_an_image() -> None:
    """Every pixel of these images says where it is from, and what is filled up says nothing."""
    sizes = [(40, 60), (50, 32)]
    images = [np.stack([*np.indices(size), np.full(size, n)], -1) + 1 for n, size in enumerate(sizes)]
    places = set()
    for crop in crop_pixels(images, 64, 30, upright=True):
        top, left, number = crop[0, 0] - 1
        np.testing.assert_array_equal(crop, images[number][top : top + 30, left : left + 30])
        places.add((top, left, number))
    assert {number for *_, number in places} == {0, 1} and len(places) > 40


def crop_pixels(images: list[np.ndarray], count: int, side: int, **options: bool) -> np.ndarray:
    cut = jax.jit(partial(random_crops, count=count, side=side, **options))
    crops = cut(jax.random.key(0), stack_images(image.astype(np.uint8) for image in images))
    return np.rint(255 * np.asarray(crops)).astype(int)


def test_crops_are_turned_and_mirrored() -> None:
    """As often by each symmetry of the square."""
    image = np.arange(9).reshape(3, 3, 1)
    symmetries = [np.rot90(side, turns) for side in (image, image.swapaxes(0, 1)) for turns in range(4)]
    found = [next(i for i, z in enumerate(symmetries) if (crop == z).all()) for crop in crop_pixels([image], 400, 3)]
    assert set(np.bincount(found, minlength=8) // 25) <= {1, 2}
    assert (crop_pixels([image], 20, 3, upright=True) == image).all()
