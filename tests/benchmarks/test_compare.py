"""The command is timed as users call it: anew, and where it finds what it has compiled."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare, report
from benchmarks._results import read_file


def test_from_command_line_to_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    """The first process is a real one."""
    run, caches = subprocess.run, []

    def run_first(*arguments: Any, **options: Any) -> Any:
        environment = options.get("env")
        if environment is None:  # of git, which is asked for the commit
            return run(*arguments, **options)
        assert "PYTHONDONTWRITEBYTECODE" not in environment
        cache = Path(environment["JAXLOSS_CACHE"])
        if not caches:
            run(*arguments, **options)
            assert any(cache.iterdir())
        caches.append(cache.name)

    monkeypatch.setattr(subprocess, "run", run_first)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    path = tmp_path / "compare.jsonl"
    monkeypatch.setattr(
        "sys.argv", ["compare", "--metrics", "mae", "--side", "16", "--rounds", "2", "--output", str(path)]
    )
    compare.main()
    assert caches == ["warm-up", "0", "0", "0", "1", "1", "1"]
    (record,) = read_file(path).measurements
    assert record["metrics"] == ["mae"] and record["first_s"] >= 0 and record["then_s"] >= 0
    assert "16x16" in capsys.readouterr().out
    page = report.updated(f"{report.BEGIN}{report.END}", tmp_path)
    assert "### Comparison of two files" in page and "| 1 | 16x16 | 0.0 | 0.0 |" in page


def test_an_unknown_metric_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.argv", ["compare", "--metrics", "mea"])
    with pytest.raises(SystemExit):
        compare.main()
    assert capsys.readouterr().err.count("\n") == 1
