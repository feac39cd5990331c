"""Scores of images: tables for people, JSON and CSV for programs."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from ..evaluate._formats import ARROWS, csv_text, json_text
from ..registry import METRICS, Metric, NoReference
from ._terminal import table


Row = tuple[str, Mapping[str, float]]  # name of an image, name of a metric to score

LONGEST_NAME = 16  # of an image, on one line of a heading


def score_json(rows: Sequence[Row]) -> str:
    """Scores as strict JSON: a list of objects, with `"inf"` for infinite scores and `null` for those not computed."""
    return json_text([{"image": name, **scores} for name, scores in rows])


def score_csv(rows: Sequence[Row]) -> str:
    """Scores as CSV with a header, with `inf` for infinite scores and nothing for those not computed."""
    cells = ([name, *("" if math.isnan(score) else score for score in scores.values())] for name, scores in rows)
    return csv_text(["image", *rows[0][1]], cells)


def score_tables(
    rows: Sequence[Row], width: int | None = None, metrics: Mapping[str, Metric | NoReference] = METRICS
) -> Iterator[Table]:
    """A line for each metric and a column for each image, in as many tables as the width makes necessary.

    Of several images, the best ones of each line are marked.
    """
    names = list(rows[0][1])
    best = {name: _best([scores[name] for _, scores in rows], metrics[name].better) for name in names}
    headings = [f"{name} {ARROWS[metrics[name].better]}" for name in names]
    columns = [[_cell(scores[name], best[name], len(rows)) for name in names] for _, scores in rows]
    room = (width or shutil.get_terminal_size().columns) - max(map(len, headings))
    for part in parts([_width(image, cells) for (image, _), cells in zip(rows, columns, strict=True)], room):
        yield _score_table(headings, [image for image, _ in rows[part]], columns[part])


def parts(widths: Sequence[int], room: int) -> list[slice]:
    """Runs of columns that fit beside each other, at least one in each, and of about the same width."""
    parts = _filled(widths, room)
    while room > max(widths) and len(narrower := _filled(widths, room - 1)) == len(parts):
        parts, room = narrower, room - 1
    return parts


def _filled(widths: Sequence[int], room: int) -> list[slice]:
    """Each with as many columns as there is room for."""
    starts, taken = [0], 0
    for column, width in enumerate(widths):
        if column > starts[-1] and taken + width > room:
            starts.append(column)
            taken = 0
        taken += width
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]


def _width(image: str, cells: Sequence[str]) -> int:
    return max(min(len(image), LONGEST_NAME), *map(len, cells)) + 2


def _score_table(headings: Sequence[str], images: Sequence[str], columns: Sequence[Sequence[str]]) -> Table:
    rows = table("metric", *images, right=images)
    for column in rows.columns[1:]:
        column.max_width = LONGEST_NAME
    for heading, *cells in zip(headings, *columns, strict=True):
        rows.add_row(heading, *cells)
    return rows


def _best(scores: Sequence[float], better: str) -> float:
    """NaN if there is none."""
    known = [score for score in scores if not math.isnan(score)]
    return (max if better == "higher" else min)(known, default=math.nan)


def _cell(score: float, best: float, count: int) -> str:
    """The number, with a place for the mark of the best where there are several."""
    return score_text(score) if count == 1 else f"{score_text(score)}{'*' if score == best else ' '}"


def score_text(score: float) -> str:
    if not math.isfinite(score):
        return "-" if math.isnan(score) else str(score)
    return f"{score:.4f}" if abs(score) >= 0.1 or score == 0 else f"{score:.3g}"
