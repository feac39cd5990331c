"""CSV that parses back, JSON that is strict."""

import csv
import io
import json
import math

from jaxloss.evaluate._formats import csv_text, json_line, json_text


def test_csv_parses_back() -> None:
    text = csv_text(["name", "number"], iter([("a, b", 0.5), ('"c"', ""), ("two\nlines", math.inf)]))
    assert not text.endswith("\n") and "\r" not in text
    assert list(csv.reader(io.StringIO(text))) == [
        ["name", "number"], ["a, b", "0.5"], ['"c"', ""], ["two\nlines", "inf"],
    ]  # fmt: skip


def test_json_is_strict_at_any_depth() -> None:
    document = {"list": [1.5, math.nan, (-math.inf, {"deep": math.inf})], "text": "NaN", "count": 3, "none": None}

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    assert json.loads(json_text(document), parse_constant=refuse) == {
        "list": [1.5, None, ["-inf", {"deep": "inf"}]], "text": "NaN", "count": 3, "none": None,
    }  # fmt: skip


def test_a_line_is_one_line() -> None:
    assert json_line({"a": [math.inf, math.nan], "é": "\n"}) == '{"a": ["inf", null], "\\u00e9": "\\n"}\n'
