"""What the script of a page reads."""

import json

import pytest

from jaxloss.evaluate import _report_data
from jaxloss.evaluate._formats import json_line
from jaxloss.evaluate._report_data import page_data, short
from jaxloss.evaluate._report_pictures import Card, Choice, Gallery
from jaxloss.evaluate._report_records import Record, Run


def run_of(count: int) -> Run:
    records = [
        Record("ab"[n % 2], f"{n // 2}.png", "", "", (8, 8, 3), {"psnr": 20 + n / 7, "mae": abs(n - 5)}, {}, "")
        for n in range(count)
    ]
    return Run({}, {"psnr": "higher", "mae": "lower"}, ("a", "b"), tuple(records), ())


def test_rows_and_names() -> None:
    content, left_out = page_data(run_of(4), Gallery([], [], {}, 0), [{"name": "a"}, {"name": "b"}])
    assert left_out == 0 and content["complete"] and content["names"] == ["0.png", "1.png"]
    assert content["rows"] == [[0, 0, 20, 5], [1, 0, 20.143, 4], [0, 1, 20.286, 3], [1, 1, 20.429, 2]]
    assert content["metrics"] == [{"name": "psnr", "better": "higher"}, {"name": "mae", "better": "lower"}]


def test_table_is_bounded_and_keeps_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_report_data, "MOST_OF_TABLE", 700)
    content, left_out = page_data(run_of(400), Gallery([], [], {}, 0), [])
    assert not content["complete"] and left_out + len(content["rows"]) == 400
    assert 400 < len(json_line(content["rows"])) + len(json_line(content["names"])) <= 700
    shown = {content["names"][row[1]] for row in content["rows"]}
    assert {"0.png", "1.png", "199.png", "198.png"} <= shown and "100.png" not in shown


def test_cards_have_the_curve_of_their_metric() -> None:
    frames = {"psnr": [float(n) for n in range(1000)]}
    record = Record("b", "v", "", "", (8, 8, 3), {"psnr": 1.0, "mae": 2.0}, frames, "")
    cards = [Card(Choice(metric, "b", "worst", record), (0, 1, 2), "") for metric in ("psnr", "mae")]
    content, _ = page_data(run_of(2), Gallery(cards, ["data:"], {"difference": ("|difference|", 0.5)}, 0), [])
    curve, none = content["cards"]
    assert (curve["metric"], curve["method"], curve["score"], none["metric"]) == (0, 1, 1.0, 1)
    assert len(curve["frames"]) <= 240 and curve["frames"][1] == 5 and none["frames"] is None
    assert json.loads(json_line(content))["legends"] == {"difference": {"formula": "|difference|", "highest": 0.5}}


def test_names_lose_their_middle() -> None:
    assert short("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb" and short("cat.png") == "cat.png"
    assert short("\udcff") == r"\udcff"
