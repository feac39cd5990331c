"""The race of random paths: NumPy's loop has the same law, and a run leaves a file that the page can show."""

from pathlib import Path

import jax
import numpy as np
import pytest

from benchmarks import _timing, report, sde
from benchmarks._results import read_file
from jaxloss.sde import SCHEMES, simulate


@pytest.mark.parametrize("scheme", SCHEMES)
def test_numpy_draws_from_the_same_law(scheme: str) -> None:
    grid = np.linspace(0, 1, 4)
    theirs = sde.simulate_numpy(np.random.default_rng(0), grid, 200_000, scheme)
    ours = simulate(jax.random.key(0), sde.MODEL, sde.INITIAL, grid, paths=200_000, keep=[-1], scheme=scheme)
    for power in (1, 2):
        np.testing.assert_allclose((theirs**power).mean(), (ours**power).mean(), rtol=0.01)


def test_from_command_line_to_page(monkeypatch, tmp_path: Path, capsys) -> None:
    path = tmp_path / "sde.jsonl"
    options = ["--paths", "64", "--steps", "3", "--seconds", "0", "--schemes", "milstein", "--output", str(path)]
    monkeypatch.setattr("sys.argv", ["sde", *options])
    monkeypatch.setattr(_timing, "TURN", 0.0)
    sde.main()
    (record,) = read_file(path).measurements
    assert record["jaxloss_ms"] > 0 and record["numpy_ms"] > 0
    assert "milstein" in capsys.readouterr().out
    page = report.updated(f"{report.BEGIN}{report.END}", tmp_path)
    assert "### Paths of the perceptual loss" in page
    assert "| milstein | 64 | 3 |" in page


def test_errors_are_one_line(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["sde", "--steps", "0"])
    with pytest.raises(SystemExit):
        sde.main()
    assert capsys.readouterr().err == "python -m benchmarks.sde: expected at least 1 path and 1 step\n"
