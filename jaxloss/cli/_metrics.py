"""`jaxloss metrics`: the registry as a table."""

from collections.abc import Iterable

from rich.table import Table

from ..registry import METRICS, NO_REFERENCE, Metric, NoReference
from ._terminal import show, table


def list_metrics() -> None:
    """List the metrics and losses: range, direction, least size of an image, paper."""
    rows = METRICS.values()
    tables = [registry_table(kind, [row for row in rows if row.kind == kind]) for kind in ("metric", "loss")]
    show(*tables, no_reference_table(NO_REFERENCE.values()))


def registry_table(kind: str, metrics: Iterable[Metric]) -> Table:
    """Rows of the registry: name, range, direction, whether they have a map, least size of an image, paper."""
    rows = table(kind, "range", "better", "map", "pixels", "paper", right=["pixels"])
    for row in metrics:
        interval = f"{row.lowest:g} to {row.highest:g}"
        rows.add_row(row.name, interval, row.better, "map" if row.map else "", str(row.smallest), row.paper)
    return rows


def no_reference_table(metrics: Iterable[NoReference]) -> Table:
    """Rows of the registry that look at one image alone."""
    rows = table("no reference", "better", "pixels", "paper", right=["pixels"])
    for row in metrics:
        rows.add_row(row.name, row.better, str(row.smallest), row.paper)
    return rows
