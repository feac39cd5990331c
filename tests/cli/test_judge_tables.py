"""Tables, JSON and CSV of verdicts: the best marked, people below, differences from one metric."""

import csv
import io
import json

from rich.console import Console

from jaxloss.cli._judge_tables import verdict_csv, verdict_json, verdict_tables
from jaxloss.evaluate import Verdict
from jaxloss.judgments import Interval, PairedTest


PEOPLE = Interval(0.8, 0.78, 0.82)
TEST = PairedTest(0.6, 0.7, Interval(-0.1, -0.15, -0.05), 0.0004)
OTHER = PairedTest(0.1, 0.1, Interval(0.02, 0.0, 0.04), 0.25)
SCORES = {"mse": Interval(0.6, 0.55, 0.65), "ssim": Interval(0.7, 0.66, 0.74)}
VERDICTS = [
    Verdict("2afc/val/a", "2afc", 50, SCORES, 0.5, PEOPLE, {"mse": TEST}),
    Verdict("jnd/val/a", "jnd", 9, {"mse": Interval(0.4, 0.35, 0.45)}, 0.3, None, {"ssim": OTHER}),
    Verdict("Spearman", "opinion", 7, {"ssim": Interval(0.9, 0.8, 0.96)}, 0.0),
]


def printed(width: int, versus: str | None = None, verdicts: list[Verdict] = VERDICTS) -> list[list[str]]:
    """Tables as rows of words."""
    console = Console(width=width, file=io.StringIO())
    for table in verdict_tables(verdicts, versus, width):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip() and "─" not in line]


def test_scores_with_the_best_marked_and_people_below() -> None:
    untested = [verdict._replace(tests={}) for verdict in VERDICTS]
    *heading, mse, ssim, people = printed(100, verdicts=untested)
    assert heading[-1] == ["metric", *["n", "=", "50"], *["n", "=", "9"], *["n", "=", "7"]]
    assert mse == ["mse", "60.0", "±5.0", "40.0", "±5.0*", "-"]
    assert ssim == ["ssim", "70.0", "±4.0*", "-", "0.900", "±0.080*"]
    assert people == ["people", "80.0", "±2.0", "-", "-"]
    narrow = printed(40, verdicts=untested)
    assert len([row for row in narrow if row[0] == "people"]) == 2


def test_differences_from_one_metric() -> None:
    rows = printed(100, "ssim")
    (corner,) = (place for place, row in enumerate(rows) if row[:2] == ["less", "ssim"])
    assert rows[corner + 1] == ["mse", "-10.0", "±5.0,", "p", "<", "0.001", "-"]
    assert printed(100, "mse")[-1] == ["ssim", "-", "+2.0", "±2.0,", "p", "=", "0.250"]


def test_json() -> None:
    first, second, third = json.loads(verdict_json(VERDICTS))
    assert (first["set"], first["kind"], first["trials"], first["chance"]) == ("2afc/val/a", "2afc", 50, 0.5)
    assert first["people"] == {"value": 0.8, "low": 0.78, "high": 0.82} and second["people"] is None
    assert first["scores"]["ssim"] == {"value": 0.7, "low": 0.66, "high": 0.74}
    assert first["tests"]["mse"] == {"difference": {"value": -0.1, "low": -0.15, "high": -0.05}, "p_value": 0.0004}
    assert "tests" not in third


def test_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(verdict_csv(VERDICTS))))
    assert [(row["set"], row["metric"]) for row in rows] == [
        ("2afc/val/a", "mse"), ("2afc/val/a", "ssim"), ("2afc/val/a", "people"), ("jnd/val/a", "mse"),
        ("Spearman", "ssim"),
    ]  # fmt: skip
    assert (rows[0]["score"], rows[0]["low"], rows[0]["difference"], rows[0]["p_value"]) == (
        "0.6",
        "0.55",
        "-0.1",
        "0.0004",
    )
    assert rows[1]["difference"] == "" and rows[2]["high"] == "0.82"
