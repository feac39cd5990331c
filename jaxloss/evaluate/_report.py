"""The report of a run: its table, its numbers, and a page to look at."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._files import part_file
from ._formats import csv_text, json_text
from ._pairs import natural
from ._report_page import render_page
from ._report_pictures import make_gallery
from ._report_records import Record, Run, printable, read_run
from ._summaries import LEVEL, Comparison, MetricSummary, compare_methods, summarize_metric


TABLE, SUMMARY, PAGE = "table.csv", "summary.json", "report.html"
SIZES = ("frames", "height", "width", "channels")


def write_report(output: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write the report of a run beside its scores: what is there of an earlier one is replaced.

    `table.csv` has a row for each pair and method; `summary.json` has the summaries of methods, their comparison, and
    what was left out; `report.html` shows all of it in one file, with the worst and best pairs.

    Args:
        output: Folder of a run: with `scores.jsonl` and `run.json`.

    Returns:
        Paths of the three files.

    Raises:
        InputError: If a file of the run is missing or broken, a file cannot be written, or Jinja is not installed,
            which comes with the extra `eval`.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from jaxloss.evaluate import write_report
        >>> pair = {"method": "mine", "name": "cat.png", "reference": "real/cat.png", "test": "mine/cat.png"}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     row = {**pair, "shape": [8, 8, 3], "scores": {"psnr": 30.1}}
        ...     _ = Path(folder, "scores.jsonl").write_text(json.dumps(row) + "\\n")
        ...     _ = Path(folder, "run.json").write_text("{}")
        ...     print([path.name for path in write_report(folder)])
        ['table.csv', 'summary.json', 'report.html']
    """
    folder = Path(output)
    run = read_run(folder)
    summaries = summarize_methods(run)
    comparisons = [
        row
        for metric, better in run.better.items()
        for row in compare_methods(metric, {m: run.scores(m, metric) for m in run.methods}, better=better)
    ]
    texts = {TABLE: table_text(run), SUMMARY: json_text(summary_document(run, summaries, comparisons))}
    texts[PAGE] = render_page(run, summaries, comparisons, make_gallery(run))
    for name, text in texts.items():
        with part_file(folder / name) as part:
            part.write_text(f"{text}\n", encoding="utf-8")
            part.replace(folder / name)
    return tuple(folder / name for name in texts)


def summarize_methods(run: Run) -> dict[str, dict[str, MetricSummary]]:
    """Of each method, by metric; without metrics that no pair of it has a score of."""
    found: dict[str, dict[str, MetricSummary]] = {method: {} for method in run.methods}
    for method, by_metric in found.items():
        for metric, better in run.better.items():
            summary = summarize_metric(run.scores(method, metric), better=better)
            if summary is not None:
                by_metric[metric] = summary
    return found


def table_text(run: Run) -> str:
    """CSV with a row for each pair and method: `inf` for infinite scores, nothing for what is not computed."""
    header = ["method", "name", "reference", "test", *SIZES, *run.better, "error"]
    order = {method: number for number, method in enumerate(run.methods)}
    records = sorted((*run.scored, *run.failed), key=lambda record: (natural(record.name), order[record.method]))
    return csv_text(header, (_cells(record, run) for record in records))


def _cells(record: Record, run: Run) -> Iterator[object]:
    yield from map(printable, (record.method, record.name, record.reference, record.test))
    frames = len(next(iter(record.frames.values()), [record]))  # 1 of an image
    yield from [""] * len(SIZES) if record.error else (frames, *record.shape)
    scores = (record.scores.get(metric, math.nan) for metric in run.better)
    yield from ("" if math.isnan(score) else score for score in scores)
    yield printable(record.error)


def summary_document(
    run: Run, summaries: dict[str, dict[str, MetricSummary]], comparisons: list[Comparison]
) -> dict[str, Any]:
    """What `summary.json` holds."""
    return {
        "settings": run.settings,
        "level": LEVEL,
        "pairs": len(run.scored),
        "methods": {
            printable(method): {metric: _summary(summary) for metric, summary in by_metric.items()}
            for method, by_metric in summaries.items()
        },
        "comparisons": [_compared(row) for row in comparisons],
        "failed": [
            {key: printable(getattr(record, key)) for key in ("method", "name", "test", "error")}
            for record in run.failed
        ],
        "unpaired": run.settings.get("unpaired", []),
    }


def _summary(summary: MetricSummary) -> dict[str, Any]:
    names = {"best": printable(summary.best), "worst": printable(summary.worst)}
    return {**summary._asdict(), "quantiles": summary.quantiles, **names}


def _compared(row: Comparison) -> dict[str, Any]:
    methods = {"first": printable(row.first), "second": printable(row.second)}
    return {**row._asdict(), **methods, "difference": row.difference._asdict()}
