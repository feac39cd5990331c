"""Verdicts on metrics: tables for people, JSON and CSV for programs."""

import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from ..evaluate import Verdict
from ..evaluate._formats import csv_text, json_text
from ..evaluate._judge import best_of
from ..judgments import Interval, PairedTest
from ._scores import parts
from ._terminal import table


PEOPLE = "people"  # the row of the human ceiling
HEADER = (
    "set", "kind", "trials", "metric", "score", "low", "high",
    "difference", "difference_low", "difference_high", "p_value",
)  # fmt: skip


def verdict_json(verdicts: Sequence[Verdict]) -> str:
    """A list of objects, one for each set; scores are shares of 1."""
    return json_text([_facts(verdict) for verdict in verdicts])


def _facts(verdict: Verdict) -> dict[str, Any]:
    tests = {
        name: {"difference": test.difference._asdict(), "p_value": test.p_value} for name, test in verdict.tests.items()
    }
    return {
        "set": verdict.name,
        "kind": verdict.kind,
        "trials": verdict.trials,
        "chance": verdict.chance,
        "people": None if verdict.ceiling is None else verdict.ceiling._asdict(),
        "scores": {name: interval._asdict() for name, interval in verdict.scores.items()},
        **({"tests": tests} if tests else {}),
    }


def verdict_csv(verdicts: Sequence[Verdict]) -> str:
    """A row for each set and metric, and for people; scores are shares of 1."""
    return csv_text(HEADER, (row for verdict in verdicts for row in _csv_rows(verdict)))


def _csv_rows(verdict: Verdict) -> Iterator[list[object]]:
    first = [verdict.name, verdict.kind, verdict.trials]
    for name, interval in verdict.scores.items():
        test = verdict.tests.get(name)
        yield [*first, name, *interval, *([""] * 4 if test is None else [*test.difference, test.p_value])]
    if verdict.ceiling is not None:
        yield [*first, PEOPLE, *verdict.ceiling, *[""] * 4]


def verdict_tables(verdicts: Sequence[Verdict], versus: str | None, width: int | None = None) -> Iterator[Table]:
    """A line for each metric and a column for each set, in as many tables as the width makes necessary.

    The best of each column is marked. Then, if there are tests, the differences from one metric.
    """
    names = list(dict.fromkeys(name for verdict in verdicts for name in verdict.scores))
    people = [PEOPLE] * any(verdict.ceiling is not None for verdict in verdicts)
    yield from _tables("metric", [*names, *people], [_score_column(verdict) for verdict in verdicts], width)
    tested = [verdict for verdict in verdicts if verdict.tests]
    if tested:
        others = [name for name in names if name != versus]
        yield from _tables(f"less {versus}", others, [_test_column(verdict) for verdict in tested], width)


# Heading, and name to cell.
_Cells = tuple[str, dict[str, str]]


def _tables(corner: str, names: Sequence[str], columns: Sequence[_Cells], width: int | None) -> Iterator[Table]:
    room = (width or shutil.get_terminal_size().columns) - max(len(corner), *map(len, names))
    widths = [2 + max(map(len, [*heading.split("\n"), *cells.values()])) for heading, cells in columns]
    for part in parts(widths, room):
        rows = table(corner, *(heading for heading, _ in columns[part]), right=[heading for heading, _ in columns])
        for name in names:
            rows.add_row(name, *(cells.get(name, "-") for _, cells in columns[part]))
        yield rows


def _heading(verdict: Verdict) -> str:
    return "\n".join([*verdict.name.split("/"), f"n = {verdict.trials}"])


def _score_column(verdict: Verdict) -> _Cells:
    best, scale = best_of(verdict), 1 if verdict.kind == "opinion" else 100
    cells = {
        name: f"{_number(interval, scale)}{'*' if name in best else ' '}" for name, interval in verdict.scores.items()
    }
    if verdict.ceiling is not None:
        cells[PEOPLE] = f"{_number(verdict.ceiling, scale)} "
    return _heading(verdict), cells


def _number(interval: Interval, scale: int) -> str:
    """In percent, or a correlation; with half the width of its interval."""
    digits = 1 if scale == 100 else 3
    half = scale * (interval.high - interval.low) / 2
    return f"{scale * interval.value:.{digits}f} ±{half:.{digits}f}"


def _test_column(verdict: Verdict) -> _Cells:
    scale = 1 if verdict.kind == "opinion" else 100
    return _heading(verdict), {name: _difference(test, scale) for name, test in verdict.tests.items()}


def _difference(test: PairedTest, scale: int) -> str:
    text = _number(test.difference, scale)
    p_value = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    return f"{'' if text.startswith('-') else '+'}{text}, {p_value}"
