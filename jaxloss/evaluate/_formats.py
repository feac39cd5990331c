"""Results for programs: CSV and strict JSON."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any


ARROWS = {"higher": "↑", "lower": "↓"}  # which way is better


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """CSV with a header, without a newline in the end."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def json_text(document: Any) -> str:
    """Strict JSON, which knows neither infinity nor NaN: `"inf"` and `"-inf"` for infinite numbers, `null` for NaN."""
    return json.dumps(_strict(document), indent=2, allow_nan=False)


def json_line(document: Any) -> str:
    """The same as one line, in the shortest form, as it stands in a file of JSON lines; non-ASCII is escaped."""
    return json.dumps(_strict(document), allow_nan=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
