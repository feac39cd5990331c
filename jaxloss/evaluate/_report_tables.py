"""The rows of the two tables of numbers in a report: summaries, and methods compared."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ._formats import ARROWS
from ._report_charts import percent_of, score_text
from ._report_data import short, titled
from ._report_records import Run
from ._summaries import Comparison, MetricSummary


ALPHA = 0.05  # of verdicts
PLACES = {"q05": "0.05", "q25": "0.25", "median": "0.5", "q75": "0.75", "q95": "0.95"}

Summaries = Mapping[str, Mapping[str, MetricSummary]]  # of a method and a metric
Methods = Mapping[str, Mapping[str, Any]]  # as the page shows them: name and color


def metric_rows(run: Run, name: str, summaries: Summaries, methods: Methods) -> dict[str, Any]:
    """A group of rows of the summary table."""
    found = {method: summaries[method][name] for method in methods if name in summaries[method]}
    better, means = run.better[name], [summary.mean for summary in found.values()]
    top = (max if better == "higher" else min)(means, default=math.nan)
    ends = [end for row in found.values() for end in (row.quantiles["0.05"], row.quantiles["0.95"], row.mean)]
    rows = []
    for method, summary in found.items():
        finite = score_text(summary.finite_mean)
        places = {"q05": "0.05", "q25": "0.25", "median": "0.5", "q75": "0.75", "q95": "0.95"}
        box: dict[str, Any] = {key: percent_of(summary.quantiles[share], ends) for key, share in places.items()}
        box["mean"] = percent_of(summary.mean, ends)
        drawn = None not in [box[key] for key in places]
        text = f"quantiles {', '.join(f'{share}: {score_text(value)}' for share, value in summary.quantiles.items())}"
        rows.append(
            {
                "method": methods[method],
                "mean": score_text(summary.mean),
                "top": summary.mean == top and min(means) < max(means),
                "interval": _interval(summary.low, summary.high),
                "box": box if drawn else None,
                "box_text": text,
                "deviation": score_text(summary.deviation),
                "median": score_text(summary.median),
                "q05": score_text(summary.quantiles["0.05"]),
                "q95": score_text(summary.quantiles["0.95"]),
                "pairs": f"{summary.pairs:,}",
                "worst": titled(summary.worst),
                "infinite": f"{summary.infinite} infinite, others {finite}" if summary.infinite else "",
            }
        )
    return {"name": short(name), "arrow": ARROWS[better], "better": better, "rows": rows}


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"[{score_text(low)}, {score_text(high)}]"


def comparison_groups(run: Run, comparisons: Sequence[Comparison], methods: Methods) -> list[dict[str, Any]]:
    groups = []
    for name, better in run.better.items():
        of_metric = [row for row in comparisons if row.metric == name]
        ends = [0.0, *(end for row in of_metric for end in row.difference)]
        rows = [_comparison(row, better, ends, methods) for row in of_metric]
        if rows:
            groups.append({"name": short(name), "arrow": ARROWS[better], "better": better, "rows": rows})
    return groups


def _comparison(row: Comparison, better: str, ends: Sequence[float], methods: Methods) -> dict[str, Any]:
    first, second = methods[row.first], methods[row.second]
    value, low, high = row.difference
    box: dict[str, Any] = {key: percent_of(end, ends) for key, end in (("value", value), ("low", low), ("high", high))}
    equal = row.pairs - row.first_better - row.second_better
    shares = [round(100 * count / row.pairs) for count in (row.first_better, row.second_better)]
    return {
        "first": first,
        "second": second,
        "difference": score_text(value),
        "interval": _interval(low, high),
        "box": None if None in box.values() else box | {"zero": percent_of(0.0, ends)},
        "winner": _winner(row, better, methods),
        "first_better": row.first_better,
        "second_better": row.second_better,
        "equal": equal,
        "first_share": f"{shares[0]} %" if shares[0] >= 15 else "",
        "second_share": f"{shares[1]} %" if shares[1] >= 15 else "",
        "wins_text": f"{first['name']} is better on {row.first_better} of {row.pairs} pairs, {second['name']} on "
        f"{row.second_better}, and they are equal on {equal}",
        "p": f"{row.p_holm:.2g}" if row.p_holm >= 1e-4 else "< 0.0001",
    }


def _winner(row: Comparison, better: str, methods: Methods) -> Mapping[str, Any] | None:
    """Where the test finds a difference: the method with the better mean, if the counts do not speak for the other."""
    if row.p_holm >= ALPHA or math.isnan(row.difference.value) or row.difference.value == 0:
        return None
    first = (row.difference.value > 0) == (better == "higher")
    if (row.first_better - row.second_better) * (1 if first else -1) <= 0:
        return None
    return methods[row.first if first else row.second]
