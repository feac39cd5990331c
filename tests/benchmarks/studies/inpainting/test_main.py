"""From the command line to the page."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks._results import read_file
from benchmarks.studies.inpainting import __main__ as inpainting
from benchmarks.studies.inpainting._summary import COLUMNS
from benchmarks.studies.inpainting._training import CONTESTS
from tests.benchmarks.studies.inpainting._cheap import ALONE, TINY, small_networks as small_networks


def run_main(monkeypatch: pytest.MonkeyPatch, *options: object) -> None:
    monkeypatch.setattr("sys.argv", ["inpainting", *map(str, options)])
    inpainting.main()


@pytest.mark.usefixtures("optax_promotion", "small_networks")
def test_from_command_line_to_page(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(inpainting.SIZES, "small", TINY)
    monkeypatch.setitem(CONTESTS, "coordfill_lpips", ALONE)
    monkeypatch.setattr(inpainting, "EXAMPLES", 5)
    monkeypatch.setattr(inpainting, "score", lambda images, examples: dict.fromkeys(COLUMNS, examples.psnr(images)))
    output = tmp_path / "results" / "inpainting.jsonl"
    options = ["--images", folder, "--objectives", "coordfill_lpips", "--steps", "3", "--output", output]
    options += ["--checkpoints", tmp_path / "checkpoints"]
    run_main(monkeypatch, *options)
    run = read_file(output)
    assert [record["objective"] for record in run.measurements] == ["mean", "coordfill_lpips"]
    assert (
        run.about["settings"] | {"steps": 3, "training": ["a", "b"], "held_out": ["c", "small"]}
        == run.about["settings"]
    )
    assert str(folder) not in output.read_text()
    assert "coordfill without discriminator" in " ".join(capsys.readouterr().out.split())
    page = report.updated(f"{report.BEGIN}{report.END}", output.parent)
    assert "### Inpainting, small size" in page and "| mean color | " in page
    assert "`python -m benchmarks.studies.inpainting --images FOLDER`" in page
    for name in ("curves", "pictures"):
        assert page.count(f"![inpainting {name}](results/inpainting_{name}.png)") == 1
    # Resumed, the same command finds its checkpoints finished, and says the same.
    run_main(monkeypatch, *options, "--resume")
    assert read_file(output).measurements == run.measurements
    with pytest.raises(SystemExit, match="2"):
        run_main(monkeypatch, *options, "--resume", "--seed", 1)
    assert "made with other settings: seed" in capsys.readouterr().err.splitlines()[-1]
    # They are refused before the results are replaced.
    assert read_file(output).measurements == run.measurements
