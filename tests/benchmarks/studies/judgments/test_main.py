"""The study of synthetic judgments, with a thin network and few images."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxloss
from benchmarks._results import read_file
from benchmarks.studies.judgments import __main__ as study
from benchmarks.studies.judgments._summary import PICTURES, TITLES, markdown
from tests.networks import one_layer_alexnet


@pytest.fixture
def arguments(tmp_path: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Of a run that takes seconds, on three photographs."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(3):
        pixels = np.rint(255 * np.rot90(photograph, number)).astype(np.uint8)
        Image.fromarray(pixels).save(photographs / f"{number}.png")
    monkeypatch.setattr(study, "gaussian_trunk", jax.jit(study.gaussian_trunk, static_argnames="net"))
    monkeypatch.setattr(study, "kmeans_trunk", lambda key, crops, net: study.gaussian_trunk(key, net=net))
    monkeypatch.setattr(study, "judge", functools.partial(study.judge, resamples=30))
    monkeypatch.setattr(study, "CROPS", 2)
    few = ["gaussian_noise", "lightness_shift"]
    monkeypatch.setattr(study, "synthesize", functools.partial(study.synthesize, distortions=few))
    numbers = ["--count", "6", "--held-out-count", "8", "--epochs", "1"]
    places = ["--images", str(photographs), "--build", str(tmp_path / "build"), "--output", str(tmp_path / "new.jsonl")]
    with one_layer_alexnet() as tiny:
        monkeypatch.setattr(jaxloss, "load_params", lambda name: tiny)
        yield ["judgments", *numbers, *places]


def test_study(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", arguments)
    study.main()
    run = read_file(tmp_path / "new.jsonl")
    against_random, against_noise, history = run.measurements
    assert against_random["scores"].keys() == TITLES.keys() and against_random["trials"] == 8
    assert (against_random["tests"].keys(), against_noise["tests"].keys()) == (
        TITLES.keys() - {"untrained"},
        TITLES.keys() - {"gaussian"},
    )
    assert [row["steps"] for row in history["curve"]] == [0, 1, 2]
    rows, notes = markdown(run)
    assert len(rows) == len(TITLES) + 1 and "no person has judged" in notes
    assert all((tmp_path / f"new_{name}.png").exists() for name in PICTURES)
    assert json.loads((tmp_path / "build" / "set" / "synthetic.json").read_text())["synthetic"] is True


def test_set_of_other_numbers_is_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"seed": 0, "trials": {"2afc/train/synthetic": 5, "2afc/val/synthetic": 8}}
    (tmp_path / "build" / "set").mkdir(parents=True)
    (tmp_path / "build" / "set" / "synthetic.json").write_text(json.dumps(other))
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match="2"):
        study.main()
    assert "Name another folder with --build." in capsys.readouterr().err
