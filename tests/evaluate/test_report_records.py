"""The lines of a run, good and bad."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from jaxloss import InputError
from jaxloss.evaluate._report_records import printable, read_run


GOOD = {"method": "a", "name": "x.png", "reference": "r/x.png", "test": "a/x.png", "shape": [8, 9, 3]}


def write(folder: Path, *rows: Any, settings: Any = None, end: str = "\n") -> Path:
    (folder / "scores.jsonl").write_text("\n".join(map(json.dumps, rows)) + end, encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({} if settings is None else settings), encoding="utf-8")
    return folder


def test_rows_are_read(tmp_path: Path) -> None:
    rows = [
        {**GOOD, "method": "b", "name": "y\u2028\udcff.png", "scores": {"psnr": "inf", "mse": 0.0}},
        {**GOOD, "scores": {"psnr": 30.5, "mse": None}, "frames": {"psnr": [30.0, "inf"]}},
        {"method": "a", "name": "w.png", "reference": "r/w.png", "test": "a/w.png", "error": "a/w.png: no such file."},
    ]
    run = read_run(write(tmp_path, *rows, settings={"methods": ["a", "b", "c"], "metrics": ["mse", "psnr"]}))
    assert run.methods == ("a", "b") and run.better == {"mse": "lower", "psnr": "higher"}
    assert list(run.better) == ["mse", "psnr"]
    video, other = run.scored
    assert video.shape == (8, 9, 3) and video.frames == {"psnr": [30.0, math.inf]} and math.isnan(video.scores["mse"])
    assert other.scores == {"psnr": math.inf, "mse": 0} and other.name == "y\u2028\udcff.png"
    assert [(row.name, row.error) for row in run.failed] == [("w.png", "a/w.png: no such file.")]
    assert run.scores("a", "psnr") == {"x.png": 30.5}
    assert printable(other.name) == "y\u2028\\udcff.png"


def test_order_does_not_depend_on_that_of_the_lines(tmp_path: Path) -> None:
    rows = [{**GOOD, "name": name, "scores": {"psnr": 1.0}} for name in ("b", "c", "a")]
    assert [record.name for record in read_run(write(tmp_path, *rows)).scored] == ["a", "b", "c"]


def test_way_of_another_metric_is_in_the_settings(tmp_path: Path) -> None:
    row = {**GOOD, "scores": {"mine": 1.0}}
    assert read_run(write(tmp_path, row, settings={"better": {"mine": "higher"}})).better == {"mine": "higher"}
    with pytest.raises(InputError, match=r"run\.json: which way is the metric 'mine' better"):
        read_run(write(tmp_path, row))


@pytest.mark.parametrize(
    ("rows", "end", "message"),
    [
        ([], "", r"scores\.jsonl: there are no scores in it"),
        ([{**GOOD, "scores": {}}, {}], "\n", "line 2: not a pair with its scores: KeyError 'shape'"),
        ([{**GOOD, "scores": {"psnr": "high"}}], "\n", "line 1: not a pair"),
        ([{**GOOD, "scores": {"psnr": []}}], "\n", "line 1: not a pair"),
        ([{**GOOD, "name": 3, "scores": {}}], "\n", "line 1: not a pair.* of 3, which is no string"),
        ([[1]], "\n", "line 1: not a pair"),
        ([{**GOOD, "scores": {}, "shape": [8, 9]}], "\n", r"line 1: .*\[8, 9\], which is not \[H, W, C\]"),
        ([{**GOOD, "scores": {}}, {**GOOD, "scores": {}}], "\n", r"line 2: x\.png of a stands there again"),
        ([{**GOOD, "scores": {}}, {**GOOD, "name": "z", "scores": {}}], "", "line 2: cut off in its middle"),
        ([{**GOOD, "scores": {}}], "\n{]\n", "line 2: not JSON"),
    ],
)
def test_broken_lines(tmp_path: Path, rows: list[Any], end: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_run(write(tmp_path, *rows, end=end if rows else ""))


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not the settings of a run"):
        read_run(write(tmp_path, {**GOOD, "scores": {}}, settings=[]))
    (tmp_path / "run.json").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_run(tmp_path)
