"""What the script of a report reads: rows of the table of pairs, and cards of the worst and best of them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ._formats import json_line
from ._report_pictures import Card, Gallery
from ._report_records import Record, Run, printable


MOST_OF_TABLE = 3 * 2**20  # bytes
MOST_FRAMES = 240  # of a curve
LONGEST = 72  # letters of a name that are shown
LONGEST_TITLE = 300  # and when the pointer rests there


def page_data(run: Run, gallery: Gallery, methods: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], int]:
    """The content, and how many pairs have no place in the table."""
    rows, left_out = _rows(run)
    content = {
        "metrics": [{"name": name, "better": better} for name, better in run.better.items()],
        "methods": list(methods),
        **rows,
        "complete": left_out == 0,
        "cards": [_card(card, run) for card in gallery.cards],
        "pictures": gallery.pictures,
        "legends": {key: {"formula": words, "highest": end} for key, (words, end) in gallery.legends.items()},
    }
    return content, left_out


def short(name: str, longest: int = LONGEST) -> str:
    """Without its middle if it is longer: the ends of names tell them apart."""
    name = printable(name)
    half = longest // 2
    return name if len(name) <= longest else f"{name[: longest - half - 1]}…{name[-half:]}"


def titled(name: str) -> dict[str, str]:
    return {"short": short(name), "title": short(name, LONGEST_TITLE)}


def _rows(run: Run) -> tuple[dict[str, Any], int]:
    """Rows of the table of pairs with the index of their names, and how many find no place: the worst ones do."""
    methods = {name: number for number, name in enumerate(run.methods)}
    names: dict[str, int] = {}
    rows: dict[int, list[Any]] = {}
    size = 0
    for number in _order(run):
        record = run.scored[number]
        name = short(record.name)
        row = [methods[record.method], names.get(name, len(names)), *(_digits(record, metric) for metric in run.better)]
        size += len(json_line(row)) + 1 + (0 if name in names else len(json_line(name)) + 1)
        if size > MOST_OF_TABLE:
            break
        names.setdefault(name, len(names))
        rows[number] = row
    return {"rows": [rows[number] for number in sorted(rows)], "names": list(names)}, len(run.scored) - len(rows)


def _order(run: Run) -> list[int]:
    """Numbers of the pairs, those first that are among the worst by any metric."""
    places = [len(run.scored)] * len(run.scored)
    for metric, better in run.better.items():
        sign = 1 if better == "higher" else -1
        scores = {number: record.scores.get(metric, math.nan) for number, record in enumerate(run.scored)}
        known = [number for number, score in scores.items() if not math.isnan(score)]
        for place, number in enumerate(sorted(known, key=lambda number: sign * scores[number])):
            places[number] = min(places[number], place)
    return sorted(range(len(places)), key=places.__getitem__)


def _digits(record: Record, metric: str) -> float:
    return float(f"{record.scores.get(metric, math.nan):.5g}")


def _card(card: Card, run: Run) -> dict[str, Any]:
    choice, frames = card.choice, card.choice.record.frames.get(card.choice.metric)
    return {
        "metric": list(run.better).index(choice.metric),
        "method": run.methods.index(choice.method),
        "end": choice.end,
        "name": short(choice.record.name),
        "score": choice.record.scores[choice.metric],
        "pictures": card.pictures,
        "note": short(card.note, LONGEST_TITLE),
        "frames": frames[:: -(-len(frames) // MOST_FRAMES)] if frames else None,
    }
