"""`jaxloss metrics`: the whole registry, a line for each row."""

import pytest

from jaxloss.registry import METRICS, NO_REFERENCE
from tests._command_line import Run


def test_every_row_has_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run("metrics")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    shown = [line for line in out.splitlines() if line.strip()]
    lines = {line.split()[0]: line for line in shown}
    names = {**METRICS, **NO_REFERENCE}
    assert set(names) <= set(lines) and len(shown) == len(names) + 6  # three headings, each with a rule
    assert all(row.paper in lines[name] and f" {row.smallest} " in lines[name] for name, row in NO_REFERENCE.items())
    for name, row in METRICS.items():
        assert all(f" {word}" in lines[name] for word in (f"{row.lowest:g} to {row.highest:g}", row.better, row.paper))
        assert (" map " in lines[name]) == (row.map is not None) and f" {row.smallest} " in lines[name]
    assert " -inf to inf " in lines["psnr"]
    assert [name for name in lines if name in METRICS] == sorted(
        METRICS, key=lambda name: METRICS[name].kind != "metric"
    )
