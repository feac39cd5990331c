"""Pairs by paths, by stems, by lists, and of all with one; what has no partner is told."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.evaluate import Pair, find_pairs
from jaxloss.evaluate._pairs import frame_files, listed, natural


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    """Empty files: nothing is read but names."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def keys(*arguments: Any, **options: Any) -> list[tuple[str, str]]:
    return [pair[:2] for pair in find_pairs(*arguments, **options).pairs]


def test_by_relative_path() -> None:
    touch("real/10.png", "real/9.png", "real/in/9.png", "real/x.jpg", "real/notes.txt", "real/.hidden.png")
    touch("a/10.png", "a/9.png", "a/in/9.png", "a/x.png", "b/9.png", "b/.cache/10.png")
    found = find_pairs("real", ["a", "b"])
    assert [pair[:2] for pair in found.pairs] == [("9.png", "a"), ("9.png", "b"), ("10.png", "a"), ("in/9.png", "a")]
    assert found.pairs[1] == Pair("9.png", "b", Path("real/9.png"), Path("b/9.png"))
    assert found.unpaired == tuple(map(Path, ("real/x.jpg", "a/x.png", "real/10.png", "real/in/9.png", "real/x.jpg")))
    assert found.notes == (
        "real/x.jpg without a partner in a.",
        "a/x.png without a partner in real.",
        "real/10.png, real/in/9.png, real/x.jpg without a partner in b.",
    )


def test_by_stem_and_with_one_reference() -> None:
    touch("real/9.png", "real/in/x.y.png", "a/9.jpg", "a/in/x.y.webp", "one.png")
    found = find_pairs("real", {"mine": "a"}, match="stem")
    assert [pair[:2] for pair in found.pairs] == [("9", "mine"), ("in/x.y", "mine")] and found.unpaired == ()
    alone = find_pairs("one.png", "a").pairs
    assert {pair.reference for pair in alone} == {Path("one.png")} and len(alone) == 2


def test_methods_of_one_name_are_called_by_their_paths() -> None:
    touch("real/9.png", "x/out/9.png", "y/out/9.png", "z/9.png")
    assert [key[1] for key in keys("real", ["x/out", "y/out", "z"])] == ["x/out", "y/out", "z"]
    with pytest.raises(InputError, match=r"^x/out, x/out: the same folder twice"):
        find_pairs("real", ["x/out", "x/out"])


def test_lists() -> None:
    Path("in").mkdir()
    Path("in/pairs.csv").write_text("reference,test,method\na.png,b.png,mine\na.png,../c.png,\n")
    found = find_pairs("in/pairs.csv").pairs
    assert found[0] == Pair("a.png", "mine", Path("in/a.png"), Path("in/b.png"))
    assert found[1] == Pair("a.png", "test", Path("in/a.png"), Path("in/../c.png"))
    Path("pairs.jsonl").write_text('{"reference": "a.png", "test": "b.png", "name": "first"}\n')
    assert find_pairs("pairs.jsonl").pairs == (Pair("first", "test", Path("a.png"), Path("b.png")),)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "reference,test\na,b\na,c\n", r"^p\.csv: a of the method test is there twice"),
        ("p.csv", "reference,image\na,b\n", r"^p\.csv: no column 'test'"),
        ("p.csv", "reference,test\na,\n", r"^p\.csv, line 2: there is no 'test'"),
        ("p.jsonl", '{"reference": "a"}\n', r"^p\.jsonl, line 1: there is no 'test'"),
        ("p.jsonl", "{\n", r"^p\.jsonl, line 1: not a line of JSON"),
        ("p.jsonl", "[]\n", r"^p\.jsonl, line 1: not an object"),
        ("p.jsonl", "", r"^p\.jsonl: there are no pairs"),
    ],
)
def test_bad_lists(name: str, text: str, message: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(InputError, match=message):
        find_pairs(name)


def test_mistakes() -> None:
    touch("real/9.png", "a/8.png", "twice/9.png", "twice/9.jpg", "p.csv")
    Path("empty").mkdir()
    for arguments, message in {
        ("real", "a"): r"no image of real has a partner of the same name\. Pair them by their stems",
        ("real", "empty"): r"^empty: there are no images in it\.$",
        ("real", "nowhere"): r"^nowhere: no such file\.$",
        ("nowhere", "a"): r"^nowhere: no such file\.$",
        ("real",): r"^there is nothing to test\.",
        ("p.csv", "a"): r"^p\.csv: the list names the images under test",
    }.items():
        with pytest.raises(InputError, match=message):
            find_pairs(*arguments)
    with pytest.raises(InputError, match=r"^twice: 9\.jpg and 9\.png differ in their extension alone\. Keep one"):
        find_pairs("real", "twice", match="stem")


def test_videos_are_folders_and_files_of_frames() -> None:
    frames = [Image.new("L", (4, 4), gray) for gray in (0, 99, 200)]
    for folder in ("real", "made"):
        touch(f"{folder}/walk/10.png", f"{folder}/walk/9.png")
        frames[0].save(f"{folder}/run.gif", save_all=True, append_images=frames[1:])
    assert keys("real", "made", video=True) == [("run.gif", "made"), ("walk", "made")]
    assert keys("real/walk", "made/walk", video=True) == [(".", "walk")]
    assert [path.name for path in frame_files(Path("real/walk"))] == ["9.png", "10.png"]


def test_names() -> None:
    assert listed("abc") == "a, b, c" and listed("abcde") == "a, b, c and 2 more"
    assert sorted(["f10", "f9", "f09", "e", "10", "²"], key=natural) == ["10", "e", "f09", "f9", "f10", "²"]
