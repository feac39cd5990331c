"""Photographs to train and to test on, and random crops of them."""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import PIL.Image
import pytest

from benchmarks.studies._photographs import (
    Photograph,
    at_scales,
    random_crops,
    read_photographs,
    split,
    stack,
    trained_on,
)
from jaxloss import InputError


def test_photographs_are_read_with_even_sides(folder: Path) -> None:
    photographs, notes = read_photographs(folder, 36)
    assert {name: pixels.shape for name, pixels in photographs} == {
        "a": (64, 80, 3),
        "b": (64, 80, 3),
        "c": (64, 80, 3),
    }
    assert notes == [
        "gray.png is left out: it is gray.",
        "small.png is left out: it is smaller than the crops of 36 x 36.",
    ]
    with PIL.Image.open(folder / "c.png") as image:
        np.testing.assert_array_equal(photographs[2].pixels, np.asarray(image)[:, :80])


def test_split_holds_out() -> None:
    many = [Photograph(name, np.zeros((2, 2, 3), np.uint8)) for name in "abcd"]
    names = [[photo.name for photo in part] for part in split(many)]
    assert names == [["a", "b"], ["c", "d"]]
    assert [photo.name for photo in split(many[:3])[1]] == ["c"]
    assert [photo.name for photo in split(many, ["b.png", "a"])[1]] == ["a", "b"]
    with pytest.raises(InputError, match="no photograph 'e'"):
        split(many, ["e"])
    with pytest.raises(InputError, match="left to train on"):
        split(many[:1])


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
    crops = cut(jax.random.key(0), stack(image.astype(np.uint8) for image in images))
    return np.rint(255 * np.asarray(crops)).astype(int)


def test_crops_are_turned_and_mirrored() -> None:
    """As often by each symmetry of the square."""
    image = np.arange(9).reshape(3, 3, 1)
    symmetries = [np.rot90(side, turns) for side in (image, image.swapaxes(0, 1)) for turns in range(4)]
    found = [next(i for i, z in enumerate(symmetries) if (crop == z).all()) for crop in crop_pixels([image], 400, 3)]
    assert set(np.bincount(found, minlength=8) // 25) <= {1, 2}
    assert (crop_pixels([image], 20, 3, upright=True) == image).all()


def test_photographs_at_scales(rng: np.random.Generator) -> None:
    large, small = (
        Photograph(name, rng.integers(0, 256, (height, 80, 3), np.uint8)) for name, height in (("large", 64), ("b", 34))
    )
    found = at_scales([large, small], 32)
    assert [(name, pixels.shape[:2]) for name, pixels in found] == [
        ("large", (64, 80)), ("b", (34, 80)), ("large", (44, 56)), ("large", (32, 40)),
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0].pixels, large.pixels)
    assert (
        trained_on({"scales": [1.0, 0.5], "training": ["a", "b"]}) == "Trained on a, b, each at 1.0 and 0.5 of its size"
    )
