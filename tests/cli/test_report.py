"""`jaxloss report` as its users meet it."""

from pathlib import Path

import pytest

from tests._command_line import Run, check_mistake
from tests.evaluate._report_runs import failure, write_run


def test_report_is_written_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pair = {"method": "a", "name": "x.png", "reference": "gone.png", "test": "gone, too.png", "shape": [8, 8, 3]}
    write_run(tmp_path / "out", [{**pair, "scores": {"psnr": 30.25}}, failure("a", "y.png", "y.png: no such file.")])
    (tmp_path / "out" / "report.html").write_text("old")
    code, out, err = run("report", "out")
    assert (code, out, err) == (0, "Wrote out/report.html, summary.json and table.csv.\n", "")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "30.25" in text and "gone.png: no such file." in text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "out/run.json: no such file."),
        ("", "out/scores.jsonl: there are no scores in it."),
        ('{"method": "a"}\n', "out/scores.jsonl, line 1: not a pair with its scores:"),
        ('{"method": ', "out/scores.jsonl, line 1: cut off in its middle. Run jaxloss evaluate again"),
    ],
)
def test_broken_run_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if lines is not None:
        (write_run(tmp_path / "out", []) / "scores.jsonl").write_text(lines)
    check_mistake(lambda: run("report", "out"), tmp_path / "out" if lines is not None else tmp_path, message)
