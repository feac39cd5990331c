"""The study that climbs on scores: every score gets better, and what it made is written."""

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from benchmarks import report
from benchmarks._results import read_file
from benchmarks.studies import ascent
from jaxloss.registry import METRICS


def test_from_command_line_to_page(
    tmp_path: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ascent, "SIDE", 24)
    picture, output = tmp_path / "photo.png", tmp_path / "ascent.jsonl"
    PIL.Image.fromarray(np.rint(255 * photograph[:30, :40]).astype(np.uint8)).save(picture)
    options = ["--metrics", "mse,ssim", "--steps", "5", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["ascent", str(picture), *options])
    ascent.main()
    assert "Wrote" in capsys.readouterr().out
    _, measurements = read_file(output)
    assert [found["metric"] for found in measurements] == ["mse", "ssim"]
    for found in measurements:
        (before, after), sign = found["scores"], 1 if METRICS[found["metric"]].better == "higher" else -1
        assert sign * (after - before) > 0
    assert measurements[0]["psnr"][1] > measurements[0]["psnr"][0]
    with PIL.Image.open(tmp_path / "ascent_pictures.png") as sheet:
        assert sheet.width > 3 * 224
    page = report.results(tmp_path)
    assert "### Metrics as objectives" in page and "ascent_pictures.png" in page


def test_small_and_gray_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIL.Image.new("L", (300, 300)).save(tmp_path / "gray.png")
    monkeypatch.setattr(sys, "argv", ["ascent", str(tmp_path / "gray.png"), "--output", str(tmp_path / "a.jsonl")])
    with pytest.raises(SystemExit) as ended:
        ascent.main()
    assert ended.value.code == 2 and list(tmp_path.iterdir()) == [tmp_path / "gray.png"]
