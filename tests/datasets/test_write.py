"""What is written is what is read; a folder is written whole or not at all, and never over another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.datasets import batches, find_trials, write_choices, write_comparisons
from jaxloss.judgments import Choices
from tests.datasets._sets import choices, comparisons


def test_batches_are_written_one_after_the_other_without_what_fills_them(tmp_path: Path) -> None:
    write_choices(tmp_path / "first", choices(5))
    trials = find_trials(tmp_path)
    write_choices(tmp_path / "second" / "deeper", batches(trials, batch=2, side=None))
    for name in ("first", "second/deeper"):
        folder = tmp_path / name
        assert sorted(path.name for path in folder.iterdir()) == ["judge", "p0", "p1", "ref"]
        assert [path.name for path in sorted((folder / "p1").iterdir())] == [f"00000{k}.png" for k in range(5)]
        judgment = np.load(folder / "judge" / "000003.npy")
        assert judgment.dtype == np.float32 and judgment.shape == (1,) and judgment == 0.75  # as in BAPPS
    first, second = find_trials(tmp_path)
    assert [path.read_bytes() for path in first.images["second"]] == [
        path.read_bytes() for path in second.images["second"]
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_taken_folder_is_refused_and_an_empty_one_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_comparisons(tmp_path / "empty", comparisons(1))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"empty: is not empty, and judgments are never overwritten\."):
        write_comparisons(tmp_path / "empty", comparisons(2))
    with pytest.raises(InputError, match=r"file: is a file\. Name a folder\."):
        write_choices(tmp_path / "file", choices(2))
    with pytest.raises(InputError, match=r"below: cannot be written: Not a directory\."):
        write_choices(tmp_path / "file" / "below", choices(2))
    assert len(find_trials(tmp_path)[0]) == 1


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Choices]:
        yield choices(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_choices(tmp_path / "set", broken())
    assert list(tmp_path.iterdir()) == []


def test_values_that_are_no_trials(tmp_path: Path) -> None:
    good: Any = choices(2)
    first = np.asarray(good.first)
    wrong: Any
    for wrong, message in (
        (
            good._replace(first=first[:1]),
            r"expected reference floating, of one shape \[n, H, W, 3\], got float32 of shape",
        ),
        (good._replace(second=(first * 255).astype(np.uint8)), "expected second floating.*got uint8"),
        (good._replace(second=255 * first), r"expected second with values in \[0, 1\], got values from 1 to 5\."),
        (good._replace(reference=first * np.nan), r"expected reference with values in \[0, 1\]"),
        (
            good._replace(judge=np.array([0, 1.5])),
            r"judge of shape \(2,\) in \[0, 1\], got shape \(2,\), values from 0",
        ),
        (good._replace(weight=np.ones(3)), r"weight of shape \(2,\) in \[0, 1\], got shape \(3,\), values from 1 to 1"),
        (comparisons(2), "expected the fields .*'judge', 'weight'.* got .*'same', 'weight'"),
    ):
        with pytest.raises(ValueError, match=message):
            write_choices(tmp_path / "set", [wrong])
    assert list(tmp_path.iterdir()) == []
