"""Scores of sets of judgments, and of distances that others measured."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality
from benchmarks._results import read_file
from jaxloss.datasets import write_choices
from jaxloss.judgments import Choices
from jaxloss.registry import METRICS


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.02}


def test_stored_distances_are_scored(tmp_path: Path) -> None:
    rows = [(0.1, 0.2, 1.0), (0.3, 0.1, 0.5), (0.2, 0.2, 0.25), (0.4, 0.5, 0.0)]  # distances, share for the second
    (tmp_path / "cnn.csv").write_text("".join(f"p0/{i}.png,{a},{b},9,{said}\n" for i, (a, b, said) in enumerate(rows)))
    (verdict,) = quality.stored_verdicts(tmp_path)
    assert (verdict.name, verdict.trials) == ("BAPPS val cnn", 4)
    # The first is nearer, then the second; a tie counts half; the first is nearer.
    assert verdict.scores[quality.STORED].value == (0 + 0.5 + 0.5 + 1) / 4
    assert verdict.ceiling is not None and verdict.ceiling.value == (1 + 0.5 + 0.625 + 1) / 4


def test_more_metrics_than_sets_go_down() -> None:
    scores = {name: interval(value) for name, value in {"mse": 0.7, "ssim": 0.8, "lpips": 0.75}.items()}
    alone = {"set": "2afc/val/synthetic", "trials": 9, "scores": scores, "people": interval(0.9)}
    stored = {"set": "BAPPS", "trials": 5, "scores": {"stored": interval(0.6)}, "people": None}
    (wide, long_rows), (headings, rows) = quality.tables([alone, stored])
    assert list(wide) == ["set", "2afc/val/synthetic"]
    assert ["ssim", "**80.0 [79.0, 82.0]**"] in list(map(list, long_rows))
    assert headings == ["set", "trials", "stored", "people"] and rows == [["BAPPS", "5", "60.0 [59.0, 62.0]", ""]]


def test_script_writes_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxloss.evaluate._distances.METRICS", {"mae": METRICS["mae"]})
    images = np.random.default_rng(0).random((3, 4, 16, 16, 3))
    write_choices(tmp_path / "2afc" / "val" / "mine", Choices(*images, judge=np.full(4, 0.75), weight=np.ones(4)))
    output = tmp_path / "quality.jsonl"
    monkeypatch.setattr("sys.argv", ["quality", str(tmp_path), "--output", str(output)])
    quality.main()
    (record,) = read_file(output).measurements
    assert (record["set"], record["trials"], list(record["scores"])) == ("2afc/val/mine", 4, ["mae"])


@pytest.mark.parametrize("arguments", [[], ["--stored", "nowhere"], ["nowhere"]])
def test_mistakes_are_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["quality", *arguments])
    with pytest.raises(SystemExit, match="2"):
        quality.main()
    assert len(capsys.readouterr().err.splitlines()) == 1
