"""`jaxloss train-artifacts`: a file of networks and a sheet of what they do, or one line about what is wrong."""

from pathlib import Path

import jax
import pytest
from PIL import Image

from jaxloss.judgments import ArtifactSpec, ArtifactState
from jaxloss.judgments.distortions import DISTORTIONS
from jaxloss.training import _artifacts, load_artifacts
from tests._command_line import Run, check_mistake, files, only_line


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which learn nothing: what is tested is what is said and written."""

    def draw(seed: int, *, task: str) -> ArtifactSpec:
        return ArtifactSpec(task, depth=0, width=2, layers=1)

    def step(key: object, state: ArtifactState, images: jax.Array, **_: object) -> tuple[ArtifactState, jax.Array]:
        return state, images.mean()

    monkeypatch.setattr(_artifacts, "random_artifact_spec", draw)
    monkeypatch.setattr(_artifacts, "artifact_step", step)


@pytest.fixture(autouse=True)
def photographs(folder: Path) -> None:
    """A folder of a color photograph and a gray one, in the current directory."""
    (folder / "photographs").mkdir()
    for name in ("photo.png", "gray.png"):
        (folder / name).rename(folder / "photographs" / name)


def test_file_and_sheet_are_written(run: Run) -> None:
    options = "--count 1 --tasks autoencoding --steps 2 --crop 48 --batch 1 --sheet sheet.png".split()
    code, out, err = run("train-artifacts", "photographs", "-o", "mine.safetensors", *options)
    assert (code, out) == (0, "Wrote mine.safetensors: autoencoding_1.\n")
    assert only_line(err) == "note: gray.png is left out: it is gray."
    assert list(load_artifacts("mine.safetensors")) == ["autoencoding_1"]
    with Image.open("sheet.png") as sheet:
        assert sheet.size[0] == 224 + 2 * 16
    more = "--artifacts mine.safetensors --families cnn --strengths 0,1 -o more.png".split()
    assert run("distortions", "photographs/photo.png", *more) == (
        0,
        "Wrote more.png: 1 distortions at 2 strengths.\n",
        "",
    )
    assert "autoencoding_1" not in DISTORTIONS
    code, _, err = run("distortions", "--artifacts", "nowhere.safetensors")
    assert code == 2 and only_line(err).startswith("nowhere.safetensors: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere -o a.safetensors", "nowhere: No such file or directory."),
        ("photographs -o a.png", "a.png: no file of networks is known by the extension '.png'."),
        ("photographs -o a.safetensors --sheet a.text", "a.text: no picture format is known by"),
        ("photographs -o a.safetensors --tasks denoising,paint", "no task 'paint'."),
        ("photographs -o a.safetensors --crop 640", "photographs: no color photograph to train on."),
        ("photographs -o a.safetensors --count 0", "count must be 1 or more, got 0."),
        ("photographs", "Missing option '--output' / '-o'."),
    ],
)
def test_mistakes_are_one_line(run: Run, folder: Path, arguments: str, message: str) -> None:
    check_mistake(lambda: run("train-artifacts", *arguments.split()), folder, message)


def test_stopped_trainings_write_nothing(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_artifacts, "artifact_step", stop)
    before = files(folder)
    code, _, err = run("train-artifacts", "photographs", "-o", "a.safetensors", "--crop", "48")
    assert (code, only_line(err)) == (130, "note: stopped. Nothing is written.")
    assert files(folder) == before
