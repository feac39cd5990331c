"""Networks trained on a folder: the file that comes of it, and what is refused before anything is written."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from jaxloss import InputError, read_history, save_params
from jaxloss.images import Photograph
from jaxloss.judgments import ArtifactSpec, artifact_distortion
from jaxloss.judgments.distortions import DISTORTIONS, distort
from jaxloss.training import _artifacts, load_artifacts, train_artifacts
from jaxloss.weights._load import load_params


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(seed: int, *, task: str) -> ArtifactSpec:
        kind = {"colorization": "color removal", "denoising": "white noise"}[task]
        return ArtifactSpec(task, kind, 0.1, depth=0, width=2, layers=1, learning_rate=0.01)

    monkeypatch.setattr(_artifacts, "random_artifact_spec", draw)


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray) -> Path:
    """A color photograph, and one that is too small."""
    pixels = np.rint(255 * photograph).astype(np.uint8)
    PIL.Image.fromarray(pixels[:40, :48]).save(tmp_path / "a.png")
    PIL.Image.fromarray(pixels[:20, :48]).save(tmp_path / "small.png")
    return tmp_path


def test_networks_are_drawn_in_turn() -> None:
    photographs = [Photograph(name, np.zeros((40, 40, 3), np.uint8)) for name in "abc"]
    found = _artifacts._draw(["colorization", "denoising"], 5, 3, photographs)
    names = ["colorization_1", "denoising_1", "colorization_2", "denoising_2", "colorization_3"]
    assert [training.name for training in found] == names
    assert len({int(jax.random.key_data(training.key)[1]) for training in found}) == 5
    (first,) = _artifacts._draw(["colorization"], 1, 3, photographs)
    assert first == found[0] and _artifacts._draw(["colorization"], 1, 4, photographs) != [first]


def test_networks_are_trained_saved_and_loaded(folder: Path) -> None:
    path, other, calls = folder / "artifacts.safetensors", folder / "other.safetensors", []
    options: dict[str, Any] = {"count": 1, "tasks": ["denoising"], "steps": 13, "crop": 32, "batch": 1, "seed": 3}
    found, notes = train_artifacts(folder, path, progress=lambda *call: calls.append(call), **options)
    assert notes == ["small.png is left out: it is smaller than the crops of 32 x 32."]
    assert [step for step, _ in calls] == [1, 2, 3, 5, 6, 7, 9, 10, 11, 13] and all(loss > 0 for _, loss in calls)

    history, params = read_history(path), load_params(path)
    assert history["photographs"] == ["a"] and (history["steps"], history["seed"]) == (13, 3)
    told = history["artifacts"]["denoising_1"]
    spec = ArtifactSpec(**told["spec"])
    assert spec.task == "denoising" and told["losses"] == [loss for _, loss in calls]
    train_artifacts(folder, other, **options)
    jax.tree.map(np.testing.assert_array_equal, load_params(other), params)

    loaded, x = load_artifacts(path), jnp.asarray(np.random.default_rng(0).random((9, 14, 3)), jnp.float32)

    @jax.jit
    def by_all_ways(key: jax.Array, x: jax.Array) -> list[jax.Array]:
        direct = artifact_distortion(key, x, params=params["denoising_1"], spec=spec, strength=1.0)
        rows = [row["denoising_1"] for row in (found, loaded)]
        return [direct, *(row.function(key, x, **row.parameters(key, jnp.float32(1))) for row in rows)]

    direct, *others = by_all_ways(jax.random.key(0), x)
    for image in others:
        np.testing.assert_array_equal(image, direct)
    assert abs(direct - x).mean() > 0.01 and {row.family for row in loaded.values()} == {"cnn"}


def test_rows_join_the_table_of_distortions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ArtifactSpec("autoencoding", depth=0, width=2, layers=1)
    params = jax.jit(lambda key: _artifacts.init_artifacts(key, spec=spec))(jax.random.key(0)).params
    history = {"artifacts": {"mine": {"spec": spec._asdict()}}}
    save_params(folder / "mine.safetensors", {"mine": params}, net="artifacts", history=history)
    for name, row in load_artifacts(folder / "mine.safetensors").items():
        monkeypatch.setitem(DISTORTIONS, name, row)
    x = jnp.full((8, 8, 3), 0.9)
    faded = jax.jit(lambda strength: distort(jax.random.key(0), x, name="mine", strength=strength))
    np.testing.assert_array_equal(faded(0.0), x)
    assert 0.4 < faded(1.0).mean() < 0.6  # before its training it makes gray of everything


def test_other_files_are_no_networks(folder: Path) -> None:
    spec = ArtifactSpec("autoencoding", depth=0, width=2, layers=1)
    kernel = {"first": {"kernel": np.zeros((5, 5, 3, 2), np.float32), "bias": np.zeros(2, np.float32)}}
    histories: dict[str, Any] = {
        "artifacts": {},
        "expected params of the spec, with middle1 of": {"artifacts": {"mine": {"spec": spec._asdict()}}},
        "unexpected keyword argument": {"artifacts": {"mine": {"spec": {"task": "style", "size": 3}}}},
        "a spec with task one of": {"artifacts": {"mine": {"spec": {"task": "none"}}}},
        "'yours'": {"artifacts": {"yours": {"spec": spec._asdict()}}},
    }
    histories["artifacts"] = {"data": "published"}
    for message, history in histories.items():
        path = folder / "other.safetensors"
        save_params(path, {"mine": kernel}, net="other", history=history)
        with pytest.raises(InputError, match=f"other.safetensors: not a file of jaxloss train-artifacts: .*{message}"):
            load_artifacts(path)
    with pytest.raises(OSError, match="nowhere"):
        load_artifacts(folder / "nowhere.safetensors")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count must be 1 or more, got 0."),
        ({"steps": 0}, "steps must be 1 or more, got 0."),
        ({"batch": -1}, "batch must be 1 or more, got -1."),
        ({"seed": -1}, "seed must be 0 or more, got -1."),
        ({"crop": 16}, "crop must be 32 or more, got 16."),
        ({"tasks": ["denoise"]}, "no task 'denoise'. Did you mean 'denoising'?"),
        ({"tasks": []}, "no task is chosen. There are: super-resolution, "),
        ({"crop": 64}, "no color photograph to train on. a.png is left out: it is smaller than"),
        ({"path": "networks.png"}, "no file of networks is known by the extension '.png'. Use .safetensors."),
    ],
)
def test_mistakes_are_found_before_the_work(folder: Path, options: dict[str, Any], message: str) -> None:
    path = folder / options.pop("path", "networks.safetensors")
    with pytest.raises(InputError) as error:
        train_artifacts(folder, path, **options)
    assert message in str(error.value)
    assert not path.exists()


def test_folders_that_cannot_be_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InputError, match=r"networks\.safetensors: cannot be written: Permission denied"):
        train_artifacts(folder, folder / "networks.safetensors", crop=32)


def test_empty_folders_and_trainings_that_diverge(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no color photograph to train on\. It has no image files"):
        train_artifacts(folder / "empty", folder / "networks.safetensors")

    def step(key: object, state: Any, *_: object, **options: object) -> tuple[Any, jax.Array]:
        return state, jnp.float32(jnp.nan)

    monkeypatch.setattr(_artifacts, "artifact_step", step)
    with pytest.raises(InputError, match=r"denoising_1: the loss is nan after 1 steps\. Choose another seed"):
        train_artifacts(folder, folder / "networks.safetensors", tasks=["denoising"], crop=32, steps=5)
    assert not (folder / "networks.safetensors").exists()
