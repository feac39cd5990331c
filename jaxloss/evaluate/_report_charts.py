"""Where the marks of the drawings of a report stand."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._formats import ARROWS
from ._report_records import Run
from ._summaries import MetricSummary


LEAST_BINS, MOST_BINS = 6, 40


def score_text(score: float, digits: int = 4) -> str:
    """With a true minus."""
    if not math.isfinite(score):
        return "-" if math.isnan(score) else "∞" if score > 0 else "−∞"
    return f"{score:.{digits}g}".replace("-", "−")


def percent_of(value: float, ends: Sequence[float]) -> float | None:
    """How far along the way from the least to the largest of the finite ends; nothing for what is not finite."""
    finite = [end for end in ends if math.isfinite(end)]
    if not math.isfinite(value) or not finite:
        return None
    low, high = min(finite), max(finite)
    return round(100 * (value - low) / (high - low), 2) if high > low else 50.0


def distribution_panels(
    run: Run, summaries: Mapping[str, Mapping[str, MetricSummary]], methods: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A panel for each metric with a histogram for each method, all on the same bins."""
    panels = []
    for metric, better in run.better.items():
        scores = {method: np.array(list(run.scores(method, metric).values())) for method in methods}
        finite = {method: values[np.isfinite(values)] for method, values in scores.items()}
        known = np.concatenate(list(finite.values()))
        if known.size == 0:
            continue
        lowest, highest = float(known.min()), float(known.max())
        edges = np.linspace(lowest, highest, _bins(max(values.size for values in finite.values())) + 1)
        counts = {method: _histogram(values, edges) for method, values in finite.items()}
        most = max(count.max() for count in counts.values())
        ends, rows = (lowest, highest), []
        for method, count in counts.items():
            if metric not in summaries[method]:
                continue
            mean, median = summaries[method][metric].mean, summaries[method][metric].median
            words = f"{methods[method]['name']}: mean {score_text(mean)}, median {score_text(median)}"
            places = {"mean": percent_of(mean, ends), "median": percent_of(median, ends)}
            rows.append({"method": methods[method], "path": _path(count / most), "text": words, **places})
        infinite = sum(int(np.isinf(values).sum()) for values in scores.values())
        panels.append(
            {
                "name": metric,
                "arrow": ARROWS[better],
                "better": better,
                "rows": rows,
                "lowest": score_text(lowest, 3),
                "middle": score_text((lowest + highest) / 2, 3) if highest > lowest else "",
                "highest": score_text(highest, 3) if highest > lowest else "",
                "remark": f"And {infinite} infinite." if infinite else "",
            }
        )
    return panels


def _bins(count: int) -> int:
    """Rice's rule: twice the cube root."""
    return min(max(math.ceil(2 * count ** (1 / 3)), LEAST_BINS), MOST_BINS)


def _histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Of equal values, all in the middle."""
    if edges[0] == edges[-1]:
        counts = np.zeros(edges.size - 1)
        counts[counts.size // 2] = values.size
        return counts
    return np.histogram(values, edges)[0]


def _path(heights: np.ndarray) -> str:
    """Bars with a narrow gap, in a square of 100."""
    width = 100 / heights.size
    bars = []
    for place, height in enumerate(heights):
        if height:
            up = 96 * float(height)  # a little room above
            bars.append(f"M{place * width:.2f} 100v{-up:.1f}h{0.94 * width:.2f}v{up:.1f}z")
    return "".join(bars)
