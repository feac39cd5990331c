"""Errors by rounded operands: measured as described, shown on the page; and what the package promises holds."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import jaxloss
from benchmarks import precision, report
from benchmarks._results import FOLDER, read_file
from jaxloss.backbones._lpips_nets import PUBLISHED_NETS


def test_from_command_line_to_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "precision.jsonl"
    options = ["--subjects", "partial_conv", "--side", "12", "--noise", "0.05", "--output", str(path)]
    monkeypatch.setattr("sys.argv", ["precision", *options])
    kernel = np.random.default_rng(0).standard_normal((3, 3, 3, 4), np.float32)
    monkeypatch.setattr(jaxloss, "load_params", lambda name: {"trunk": {"conv1_1": {"kernel": kernel}}})
    chosen = ("float32", "bfloat16")
    with mock.patch.dict(precision.ROUNDINGS, {name: precision.ROUNDINGS[name] for name in chosen}, clear=True):
        precision.main()
    float32, bfloat16 = read_file(path).measurements
    assert all(float32[part] < 1e-6 and 1e-3 < bfloat16[part] < 1e-2 for part in ("value", "gradient"))
    page = report.updated(f"{report.BEGIN}{report.END}", tmp_path)
    assert "### Precision" in page and "| partial_conv | float32 |" in page


def test_full_precision_is_within_what_is_promised() -> None:
    """Of all that was measured with the published weights."""
    records = read_file(FOLDER / "precision.jsonl").measurements
    full = [record for record in records if record["rounding"] in ("float32", "six passes of bfloat16")]
    assert {record["subject"] for record in full} == precision.SUBJECTS.keys()
    assert {f"lpips {net}" for net in PUBLISHED_NETS} <= precision.SUBJECTS.keys()
    assert [r for r in full if (r["largest_difference"] if "lpips" in r["subject"] else r["value"]) > 1e-5] == []


@pytest.mark.parametrize("arguments", [["nowhere.png"], ["--side", "9999"]])
def test_mistakes_are_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["precision", "--subjects", "lpips alex", *arguments])
    with pytest.raises(SystemExit, match="2"):
        precision.main()
    assert len(capsys.readouterr().err.splitlines()) == 1
