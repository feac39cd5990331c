"""What the commands for folders and codecs print as tables."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from ..evaluate import CodecDelta, Summary
from ..evaluate._formats import ARROWS
from ..evaluate._rate_distortion import RateCurves
from ..registry import Metric
from ._scores import score_text
from ._terminal import table


Metrics = Mapping[str, Metric]


def quality_table(summaries: Mapping[str, Summary], metrics: Metrics) -> Table:
    """A line for each metric."""
    numbers = ("images", "mean", "SD", "5 %", "median", "95 %")
    rows = table("metric", *numbers, "worst", right=numbers)
    for name, found in summaries.items():
        values = (found.mean, found.deviation, found.q05, found.median, found.q95)
        rows.add_row(heading(metrics[name]), str(found.images), *map(score_text, values), found.worst)
    return rows


def rate_table(curves: RateCurves, metrics: Sequence[Metric]) -> Table:
    """A line for each codec and quality."""
    headings = ["quality", "bytes/pixel", *map(heading, metrics)]
    rows = table("codec", *headings, right=headings)
    for codec, points in curves.items():
        for number, point in enumerate(points):
            scores = [score_text(point.scores[row.name]) for row in metrics]
            rows.add_row("" if number else codec, str(point.quality), f"{point.bytes_per_pixel:.4f}", *scores)
        rows.add_section()
    return rows


def delta_table(deltas: Sequence[CodecDelta], metrics: Metrics) -> Table:
    """A line for each codec and metric: bytes at equal scores, and scores at equal bytes."""
    headings = ["rate at\nequal score", "score at\nequal rate", "scores\nin common"]
    rows = table("codec", "against", "metric", *headings, right=headings)
    for delta in deltas:
        rate, score = ("-" if text == "+nan" else text for text in (f"{delta.rate:+.1f}", f"{delta.score:+.3g}"))
        percent = rate if rate == "-" else f"{rate} %"
        rows.add_row(
            delta.codec, delta.anchor, heading(metrics[delta.metric]), percent, score, f"{100 * delta.overlap:.0f} %"
        )
    return rows


def heading(row: Metric) -> str:
    return f"{row.name} {ARROWS[row.better]}"
