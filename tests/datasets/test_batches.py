"""Batches: every trial once in an epoch, the same ones wherever a run begins and however many processes share them."""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.datasets import TrialSet, batches, batches_per_epoch
from jaxloss.judgments import Choices, Comparisons
from tests.datasets._sets import choice_sets, choices, comparison_sets, comparisons


@pytest.fixture
def sets(tmp_path: Path) -> list[TrialSet]:
    return choice_sets(tmp_path, 4, 3)


def take(sets: list[TrialSet], **options: Any) -> list[Any]:
    return list(batches(sets, **{"batch": 3, "side": None, **options}))


def numbers(trials: Choices) -> np.ndarray:
    """Which trials they are."""
    return np.rint(np.asarray(trials.reference)[:, 0, 0, 0] * 255 / 4).astype(int)


def together(parts: list[Any]) -> Any:
    return type(parts[0])(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def assert_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_trials_in_order_with_the_last_batch_filled_up(sets: list[TrialSet]) -> None:
    taken = take(sets)
    assert len(taken) == 3 == batches_per_epoch(sets, batch=3)
    assert {trials.first.shape for trials in taken} == {(3, 8, 8, 3)}
    np.testing.assert_array_equal(np.concatenate([trials.weight for trials in taken]), [1] * 7 + [0] * 2)
    assert_equal(Choices(*(array[:7] for array in together(taken))), choices(7))


def test_comparisons(tmp_path: Path) -> None:
    (taken,) = take(comparison_sets(tmp_path, 3))
    assert isinstance(taken, Comparisons)
    assert_equal(taken, comparisons(3))


def test_each_epoch_is_shuffled_differently_and_complete(sets: list[TrialSet]) -> None:
    taken = take(sets, seed=5, epochs=3)
    epochs = [together(taken[first : first + 3]) for first in (0, 3, 6)]
    orders = [numbers(epoch)[epoch.weight == 1].tolist() for epoch in epochs]
    assert [sorted(order) for order in orders] == [list(range(7))] * 3
    assert len({tuple(order) for order in [*orders, range(7)]}) == 4
    for trials in taken:  # images and judgments stay together
        assert_equal(trials._replace(weight=np.ones(3, np.float32)), together([choices(1, k) for k in numbers(trials)]))
    assert numbers(take(sets, seed=6)[0]).tolist() != orders[0][:3]


def test_entered_anywhere_it_goes_on_as_if_unbroken(sets: list[TrialSet]) -> None:
    whole = take(sets, seed=5, epochs=3)
    for start in (1, 5):
        for one, other in zip(whole[start:], take(sets, seed=5, epochs=3, start=start), strict=True):
            assert_equal(one, other)
    assert take(sets, epochs=3, start=9) == take(sets, start=100) == []
    endless = batches(sets, batch=3, side=None, seed=5, start=7, epochs=None)
    assert isinstance(endless, Iterator)
    first, *_, last = islice(endless, 6)
    assert_equal(first, whole[7])
    assert numbers(last).shape == (3,)


def test_processes_share_each_batch(sets: list[TrialSet]) -> None:
    whole = take(sets, seed=5, batch=4, epochs=2)
    parts = [take(sets, seed=5, batch=4, epochs=2, process_index=index, process_count=2) for index in range(2)]
    for batch, *shared in zip(whole, *parts, strict=True):
        assert all(len(part.weight) == 2 for part in shared)
        assert_equal(batch, together(shared))


def test_images_are_resized_as_torchvision_does(tmp_path: Path, rng: np.random.Generator) -> None:
    sets = choice_sets(tmp_path, 2)
    pixels = rng.integers(0, 256, (37, 50), np.uint8)
    for files in sets[0].images.values():
        for path in files:
            Image.fromarray(pixels).save(path)  # gray, too
    (taken,) = take(sets, batch=2, side=16)
    expected = Image.fromarray(pixels).convert("RGB").resize((21, 16), Image.Resampling.BILINEAR)  # 16 * 50 / 37 = 21.6
    np.testing.assert_array_equal(taken.second[1], np.asarray(expected, np.float32) / 255)
    assert take(sets, batch=2, side=37)[0].first.shape == (2, 37, 50, 3)


def test_images_of_several_sizes(sets: list[TrialSet]) -> None:
    path = sets[1].images["second"][1]
    Image.new("RGB", (8, 9)).save(path)
    with pytest.raises(InputError, match=rf"^{path} is 8 x 9 and .*000000.png is 8 x 8 pixels\. Name a side to which"):
        take(sets)
    Image.new("RGB", (8, 16)).save(path)
    with pytest.raises(
        InputError, match=r"is 4 x 8 and .* 4 x 4 pixels with the shorter side 4\. Crop them to one shape"
    ):
        take(sets, side=4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text", "not an image that Pillow can read."),
        (b"", "not an image that Pillow can read."),
        (None, "no such file."),
        (50, "cannot be decoded: "),
    ],
)
def test_unreadable_image_is_named(sets: list[TrialSet], content: bytes | int | None, message: str) -> None:
    path = sets[0].images["first"][2]
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
    with pytest.raises(InputError) as caught:
        take(sets)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_what_does_not_fit_together(sets: list[TrialSet], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no trials"):
        take([])
    mixed = comparison_sets(tmp_path, 2)
    with pytest.raises(InputError, match="do not go into one batch: 2afc/b is 2afc and jnd is jnd"):
        take(mixed)
    for options, message in (
        ({"batch": 0}, "batches: expected batch >= 1, got 0"),
        ({"side": 0}, "expected side >= 1"),
        ({"start": -1}, "expected start >= 0"),
        ({"epochs": 0}, "expected epochs >= 1"),
        ({"process_count": 2}, "a batch that 2 processes can share, got 3"),
        ({"process_index": 1}, "process_index below 1, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            take(sets, **options)


def test_grain_is_missing(sets: list[TrialSet], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(InputError, match=r'needs grain: pip install "jaxloss\[eval\]"\.$'):
        take(sets)
