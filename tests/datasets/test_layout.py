"""Subsets are found wherever they lie, paired by name, and what is wrong with one is said with the names of files."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.datasets import find_trials
from tests.datasets._sets import choice_sets, comparison_sets


def test_all_subsets_below_a_folder(tmp_path: Path) -> None:
    choice_sets(tmp_path / "data", 3, 2)
    comparison_sets(tmp_path / "data" / "val", 4)
    (tmp_path / "data" / ".hidden" / "judge").mkdir(parents=True)
    os.symlink(tmp_path / "data", tmp_path / "data" / "circle")
    os.symlink(tmp_path / "data" / "2afc" / "a", tmp_path / "data" / "link")
    found = find_trials(tmp_path / "data")
    assert [(trials.name, trials.kind, len(trials)) for trials in found] == [
        ("2afc/a", "2afc", 3),
        ("2afc/b", "2afc", 2),
        ("link", "2afc", 3),
        ("val/jnd", "jnd", 4),
    ]
    (direct,) = find_trials(str(tmp_path / "data" / "2afc" / "b"))
    assert direct.name == "b" and direct.judgments.tolist() == [0.75, 1] and direct.judgments.dtype == np.float64
    assert list(direct.images) == ["reference", "first", "second"]
    assert [path.name for path in direct.images["second"]] == ["000000.png", "000001.png"]
    assert list(found[-1].images) == ["first", "second"]


def test_trials_are_paired_by_name_whatever_the_extension(tmp_path: Path) -> None:
    (trials,) = choice_sets(tmp_path, 3)
    for folder, name in (("p0", "000001.png"), ("p1", "000001.png")):
        path = tmp_path / "2afc" / "a" / folder / name
        path.rename(path.with_suffix(".JPG"))
    (again,) = find_trials(tmp_path)
    assert [path.stem for path in again.images["first"]] == [path.stem for path in trials.images["first"]]
    (tmp_path / "2afc" / "a" / "p0" / "000001.png").touch()
    with pytest.raises(InputError, match=r"2afc/a/p0: several files are called 000001, up to the extension\."):
        find_trials(tmp_path)


def test_spread_over_a_subset(tmp_path: Path) -> None:
    (trials,) = choice_sets(tmp_path, 5)
    assert [path.stem for path in trials.spread(3).images["first"]] == ["000000", "000002", "000004"]
    assert trials.spread(3).judgments.tolist() == [0, 0.5, 1]
    assert len(trials.spread(1)) == 1 and len(trials.spread(9)) == 5 == len(trials)


def test_missing_and_extra_files_are_named(tmp_path: Path) -> None:
    choice_sets(tmp_path, 7)
    folder = tmp_path / "2afc" / "a"
    for number in (1, 2, 3, 5):
        (folder / "p1" / f"00000{number}.png").unlink()
    (folder / "judge" / "000006.npy").rename(folder / "judge" / "more.npy")
    with pytest.raises(InputError) as caught:
        find_trials(tmp_path)
    assert str(caught.value) == (
        f"{folder}: the files do not belong together (7 in ref, 7 in p0, 3 in p1, 7 in judge); missing in p1: 000001, "
        "000002, 000003 and 1 more; missing in judge: 000006; only in judge: more."
    )


def test_folders_that_are_no_subsets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such file\."):
        find_trials(tmp_path / "nowhere")
    with pytest.raises(
        InputError, match=r"no judgments are in it or below\. A subset has the folders ref, p0, p1, judge"
    ):
        find_trials(tmp_path)
    choice_sets(tmp_path, 2)
    folder = tmp_path / "2afc" / "a"
    (folder / "judge").rename(folder / "answers")
    with pytest.raises(InputError, match=r"2afc/a: expected the folder judge or the folder same\."):
        find_trials(tmp_path)
    (folder / "judge").mkdir()
    with pytest.raises(InputError, match=r"2afc/a/judge: there is no \.npy file in it\."):
        find_trials(tmp_path)
    (folder / "ref").rename(folder / "reference")
    with pytest.raises(InputError, match=r"2afc/a/ref: no such file\."):
        find_trials(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([np.nan]), "a judgment is a share of people in [0, 1], not nan."),
        (np.array(1.5), "a judgment is a share of people in [0, 1], not 1.5."),
        (np.array([0.5, 0.5]), "expected one number, got float64 of shape (2,)."),
        (np.array("yes"), "expected one number, got <U3 of shape ()."),
        (np.array([None]), "not a NumPy file of numbers."),  # would be unpickled
        (None, "not a NumPy file of numbers."),
    ],
)
def test_judgments_that_are_none(tmp_path: Path, value: np.ndarray | None, message: str) -> None:
    choice_sets(tmp_path, 2)
    path = tmp_path / "2afc" / "a" / "judge" / "000001.npy"
    if value is None:
        path.write_bytes(b"")
    else:
        np.save(path, value)
    with pytest.raises(InputError) as caught:
        find_trials(tmp_path)
    assert str(caught.value) == f"{path}: {message}"


def test_judgments_of_any_shape_of_one_number(tmp_path: Path) -> None:
    choice_sets(tmp_path, 3)
    for number, value in enumerate([np.float32(0.25), np.array([1]), np.array([[True]])]):
        np.save(tmp_path / "2afc" / "a" / "judge" / f"00000{number}.npy", value)
    assert find_trials(tmp_path)[0].judgments.tolist() == [0.25, 1, 1]
