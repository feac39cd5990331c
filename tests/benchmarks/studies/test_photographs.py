"""Which photographs are trained on and which tested on, and at which scales."""

import numpy as np
import pytest

from benchmarks.studies._photographs import at_scales, split, trained_on
from jaxloss import InputError
from jaxloss.images import Photograph


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
