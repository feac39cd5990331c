"""Races of all metrics, from the command line to the file."""

from pathlib import Path

import pytest

from benchmarks import _roofline, _timing, metrics
from benchmarks._results import read_file
from benchmarks._summary import answers


def test_metrics_from_command_line_to_file(monkeypatch, tmp_path: Path, capsys) -> None:
    path = tmp_path / "results.jsonl"
    monkeypatch.setattr(metrics, "missing", lambda name: "")
    monkeypatch.setattr(metrics, "peers_of", lambda *arguments: {})
    monkeypatch.setattr(_roofline, "_side", lambda: 64)
    monkeypatch.setattr(_timing, "TURN", 0.0)
    options = ["--metrics", "mae,ssim", "--sizes", "2x10x12", "--seconds", "0", "--rounds", "1", "--output", str(path)]
    monkeypatch.setattr("sys.argv", ["metrics", *options])
    metrics.main()
    found = answers([read_file(path)])
    assert [(answer.question.metric, answer.question.mode) for answer in found] == [
        ("mae", "value"),
        ("mae", "value_and_grad"),
    ]
    assert all(answer.ours > 0 and answer.above_floor for answer in found)
    output, errors = capsys.readouterr()
    assert "2x10x12" in output
    assert errors == "ssim is left out at 2x10x12: it needs 11 pixels\n"


def test_peer_that_fails_is_left_out(capsys) -> None:
    metrics.leave_out("ssim", "value", "piq", RuntimeError("no half\nprecision"))
    assert capsys.readouterr().err == "piq is left out of ssim, value: no half\n"
    with pytest.raises(RuntimeError, match="no half"):
        metrics.leave_out("ssim", "value", "jaxloss", RuntimeError("no half"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "ssim,beauty"], "got 'beauty'"),
        (["--sizes", "256x256"], "such as 8x256x256, got '256x256'"),
        (["--seconds", "soon"], "invalid float value: 'soon'"),
    ],
)
def test_errors_are_one_line(monkeypatch, capsys, options: list[str], message: str) -> None:
    monkeypatch.setattr("sys.argv", ["metrics", *options])
    with pytest.raises(SystemExit) as exit:
        metrics.main()
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
