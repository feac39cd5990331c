"""Scores and checks as text: tables for people, JSON and CSV for programs."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from ..registry import METRICS, Metric
from ._gradcheck import GradientCheck


Row = tuple[str, Mapping[str, float]]  # name of an image, name of a metric to score


def score_json(rows: Sequence[Row]) -> str:
    """Scores as strict JSON: a list of objects, with `"inf"` for infinite scores and `null` for those not computed."""
    objects = [{"image": name, **{metric: _strict(score) for metric, score in row.items()}} for name, row in rows]
    return json.dumps(objects, indent=2, allow_nan=False)


def _strict(score: float) -> float | str | None:
    """JSON knows neither infinity nor NaN."""
    if math.isnan(score):
        return None
    return str(score) if math.isinf(score) else score


def score_csv(rows: Sequence[Row]) -> str:
    """Scores as CSV with a header, with `inf` for infinite scores and nothing for those not computed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *rows[0][1]])
    for name, row in rows:
        writer.writerow([name, *("" if math.isnan(score) else score for score in row.values())])
    return text.getvalue().rstrip("\n")


def score_tables(rows: Sequence[Row], console: Console) -> list[Table]:
    """One line for each image; as many tables below each other as the width of the console makes necessary."""
    names = list(rows[0][1])
    room = console.width - min(max(len(name) for name, _ in rows), console.width // 3) - 2
    widths = [max(len(_heading(METRICS[name])), *(len(_number(row[name])) for _, row in rows)) + 2 for name in names]
    tables, start = [], 0
    while start < len(names):
        end = start + 1
        while end < len(names) and sum(widths[start : end + 1]) <= room:
            end += 1
        tables.append(_score_table(rows, names[start:end], console.width // 3))
        start = end
    return tables


def _score_table(rows: Sequence[Row], names: Sequence[str], width: int) -> Table:
    table = _table("image")
    table.columns[0].no_wrap, table.columns[0].overflow, table.columns[0].max_width = False, "fold", width
    for name in names:
        table.add_column(_heading(METRICS[name]), justify="right", no_wrap=True)
    for image, row in rows:
        table.add_row(image, *(_number(row[name]) for name in names))
    return table


def _table(*headings: str) -> Table:
    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.columns[0].no_wrap = True
    return table


def _heading(metric: Metric) -> str:
    return f"{metric.name} {_ARROWS[metric.better]}"


_ARROWS = {"higher": "↑", "lower": "↓"}


def _number(score: float) -> str:
    if not math.isfinite(score):
        return "-" if math.isnan(score) else str(score)
    return f"{score:.4f}" if abs(score) >= 0.1 or score == 0 else f"{score:.3g}"


def registry_table(metrics: Iterable[Metric]) -> Table:
    """Rows of the registry: name, kind, range, direction, least size of an image, paper."""
    table = _table("name", "kind", "range", "better", "pixels", "paper")
    table.columns[4].justify = "right"
    for row in metrics:
        interval = f"{row.lowest:g} to {row.highest:g}"
        table.add_row(row.name, row.kind, interval, row.better, str(row.smallest), row.paper)
    return table


def gradient_table(checks: Iterable[GradientCheck]) -> Table:
    """One line for each metric and precision: the error of each way to the gradient, those out of tolerance marked."""
    ways = ("reverse", "forward", "closed form", "finite differences")
    table = _table("metric", "dtype")
    for way in ways:
        table.add_column(way.replace(" ", "\n"), justify="right")
    table.add_column("result")
    for check in checks:
        cells = [_error(check, way) for way in ways]
        table.add_row(check.metric, check.dtype, *cells, "[red]FAILED[/]" if check.failures else "ok")
    return table


def _error(check: GradientCheck, way: str) -> str:
    if way not in check.errors:
        return "yardstick" if way == "reverse" else "-"
    text = f"{check.errors[way]:.1e}"
    return f"[red]{text}[/]" if way in check.failures else text
