"""Scores as text: strict JSON, CSV that parses, tables that fit and lose nothing."""

import csv
import io
import json
import math
from collections.abc import Iterable

import pytest
from rich.console import Console
from rich.table import Table

from jaxloss.cli._scores import score_csv, score_json, score_tables
from jaxloss.registry import METRICS


ROWS = [
    ("a.png", {"mae": 0.125, "psnr": math.inf, "ms_ssim": math.nan}),
    ('b, "c".png', {"mae": 1e-7, "psnr": 30.5, "ms_ssim": -0.5}),
]


def refuse(constant: str) -> None:
    raise ValueError(constant)


def rendered(tables: Iterable[Table], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    for table in tables:
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_is_strict() -> None:
    assert json.loads(score_json(ROWS), parse_constant=refuse) == [
        {"image": "a.png", "mae": 0.125, "psnr": "inf", "ms_ssim": None},
        {"image": 'b, "c".png', "mae": 1e-7, "psnr": 30.5, "ms_ssim": -0.5},
    ]


def test_negative_infinity() -> None:
    assert json.loads(score_json([("a", {"psnr": -math.inf})]))[0]["psnr"] == "-inf"


def test_csv_parses_back() -> None:
    header, *lines = csv.reader(io.StringIO(score_csv(ROWS)))
    assert header == ["image", "mae", "psnr", "ms_ssim"]
    assert lines == [["a.png", "0.125", "inf", ""], ['b, "c".png', "1e-07", "30.5", "-0.5"]]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_fit_and_lose_nothing(width: int) -> None:
    names = [name for name, row in METRICS.items() if row.kind == "metric"]
    rows = [(f"{i:02}{'long' * 5}.png", dict.fromkeys(names, 0.1 + i)) for i in range(9)]
    tables = list(score_tables(rows, width))
    text = rendered(tables, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert all(text.count(f"\n {name} {arrow} ") == len(tables) for name, arrow in (("ssim", "↑"), ("lpips", "↓")))
    for i in range(9):
        assert text.count(f"{i:02}longlonglonglo") == 1 and text.count(f" {i}.1000") == len(names)
    assert len(tables) == {40: 9, 80: 3, 200: 1}[width]
    assert "".join(text.split()).count("longlong.png") == 0 and text.count("nglong.png") == 9


def test_tables_are_of_about_the_same_width() -> None:
    rows = [(f"image {i}.png", {"ssim": 0.5}) for i in range(6)]
    assert [len(table.columns) - 1 for table in score_tables(rows, 78)] == [3, 3]


def test_forty_metrics_stay_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"metric_{i}" for i in range(40)]
    for name in names:
        monkeypatch.setitem(METRICS, name, METRICS["mae"])
    text = rendered(score_tables([("a.png", dict.fromkeys(names, 0.5)), ("b.png", dict.fromkeys(names, 0.25))]))
    lines = [line.split() for line in text.splitlines() if "metric_" in line]
    assert lines == [[name, "↓", "0.5000", "0.2500*"] for name in names]


def test_numbers_of_the_table() -> None:
    text = rendered(score_tables(ROWS))
    mae, psnr, ms_ssim = (line.split() for line in text.splitlines() if "↑" in line or "↓" in line)
    assert (mae, psnr, ms_ssim) == (
        ["mae", "↓", "0.1250", "1e-07*"],
        ["psnr", "↑", "inf*", "30.5000"],
        ["ms_ssim", "↑", "-", "-0.5000*"],
    )


def test_ties_are_all_marked_and_one_image_is_not() -> None:
    rows = [(name, {"ssim": score}) for name, score in (("a", 0.5), ("b", 0.75), ("c", 0.75), ("d", math.nan))]
    line = rendered(score_tables(rows)).splitlines()[3]
    assert line.split() == ["ssim", "↑", "0.5000", "0.7500*", "0.7500*", "-"]
    assert "*" not in rendered(score_tables(rows[:1]))
    assert "*" not in rendered(score_tables([("a", {"ssim": math.nan}), ("b", {"ssim": math.nan})]))
