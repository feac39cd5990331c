"""From the command line to the page."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks._results import read_file
from benchmarks.studies.restoration import __main__ as restoration
from jaxloss.evaluate import compare
from tests.benchmarks.studies.restoration._photos import TINY


def run_main(monkeypatch, *options: object) -> None:
    monkeypatch.setattr("sys.argv", ["restoration", *map(str, options)])
    restoration.main()


@pytest.mark.usefixtures("optax_promotion")
def test_from_command_line_to_page(monkeypatch, folder: Path, tmp_path: Path, capsys) -> None:
    monkeypatch.setitem(restoration.SIZES, "small", replace(TINY, crop=36))
    monkeypatch.setattr(restoration, "compare", partial(compare, metrics=["psnr", "mse", "ms_ssim"]))
    output = tmp_path / "results" / "restoration.jsonl"
    options = ["--images", folder, "--tasks", "jpeg", "--losses", "l1", "--steps", "3", "--output", output]
    run_main(monkeypatch, *options, "--checkpoints", tmp_path / "checkpoints")
    run = read_file(output)
    assert [record["network"] for record in run.measurements] == ["input", "l1"]
    assert run.about["settings"] | {"steps": 3, "training": ["a", "b"], "held_out": ["c"]} == run.about["settings"]
    assert str(folder) not in output.read_text()
    out, errors = capsys.readouterr()
    assert "gray.png is left out: it is gray." in errors
    assert "small.png is left out: it is smaller than the crops of 36 x 36." in errors
    assert "its input" in out
    assert run.measurements[0]["photographs"]["c"]["ms_ssim"] is None  # too small for it
    page = report.updated(f"{report.BEGIN}{report.END}", output.parent)
    assert "### Restoration, small size" in page
    assert "`python -m benchmarks.studies.restoration --images FOLDER`" in page
    for name in ("curves", "pictures"):
        assert f"![restoration {name}](results/restoration_{name}.png)" in page
    # Resumed, the same command finds its checkpoints finished, and says the same.
    run_main(monkeypatch, *options, "--checkpoints", tmp_path / "checkpoints", "--resume")
    assert read_file(output).measurements == run.measurements
    # Checkpoints that do not fit are refused before the results are replaced.
    with pytest.raises(SystemExit):
        run_main(monkeypatch, *options, "--checkpoints", tmp_path / "checkpoints", "--resume", "--seed", "1")
    assert "other settings: seed" in capsys.readouterr().err
    assert read_file(output).measurements == run.measurements
