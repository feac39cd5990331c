"""Scores as text: strict JSON, CSV that parses, tables that fit and lose nothing."""

import csv
import io
import json
import math
from collections.abc import Iterable

import pytest
from rich.console import Console
from rich.table import Table

from jaxloss.evaluate import GradientCheck
from jaxloss.evaluate._reports import gradient_table, registry_table, score_csv, score_json, score_tables
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
    rows = [(f"{'long' * 20}-{i}.png", dict.fromkeys(names, 0.1 + i)) for i in range(2)]
    console = Console(width=width)
    tables = score_tables(rows, console)
    text = rendered(tables, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert all(text.count(f" {name} ") == 1 for name in names)
    assert text.count("1.1000") == len(names)
    assert len(tables) == 1 if width == 200 else len(tables) > 1


def test_numbers_of_the_table() -> None:
    text = rendered(score_tables(ROWS, Console(width=80)))
    first, second = (line.split() for line in text.splitlines() if ".png" in line)
    assert first[-3:] == ["0.1250", "inf", "-"]
    assert second[-3:] == ["1e-07", "30.5000", "-0.5000"]


def test_registry_table_names_all() -> None:
    text = rendered([registry_table(METRICS.values())])
    assert all(f" {name} " in text for name in METRICS)
    assert "-inf to inf" in text


def test_gradient_table_marks_failures() -> None:
    good = GradientCheck("ssim", "float64", {"forward": 1e-15, "closed form": 2e-14, "finite differences": 3e-9})
    bad = GradientCheck("multi_sigma_ssim", "float32", {"reverse": 1e-5, "forward": 1e-5, "closed form": math.nan})
    lines = rendered([gradient_table([good, bad])]).splitlines()
    assert lines[4].split() == ["ssim", "float64", "yardstick", "1.0e-15", "2.0e-14", "3.0e-09", "ok"]
    assert lines[5].split() == ["multi_sigma_ssim", "float32", "1.0e-05", "1.0e-05", "nan", "-", "FAILED"]
