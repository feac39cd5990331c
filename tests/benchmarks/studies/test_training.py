"""A training that can be stopped and continued: progress in chunks, checkpoints."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies import _training as training
from benchmarks.studies._training import Progress, advance, first, load, save
from jaxloss import InputError


Weights = dict[str, jax.Array]

SETTINGS = {"seed": 0, "steps": 7}


def start(length: int = 2, others: int = 1) -> Progress[Weights]:
    return first({"weights": jnp.arange(1.0, length + 1)}, others)


def step(state: Weights, index: jax.Array) -> tuple[Weights, jax.Array, jax.Array]:
    """Tells its index as loss, and ten times that."""
    return {"weights": 0.75 * state["weights"]}, index + 1, jnp.array([1.0, 10.0]) * index.astype(jnp.float32)


def trained(progress: Progress[Weights], steps: int = 7) -> Iterator[Progress[Weights]]:
    return advance(progress, step, lambda state: float(state["weights"][0]), steps=steps, chunk=3)


def test_curve_tells_means_of_chunks() -> None:
    *_, after = trained(start())
    assert after.steps == 7
    np.testing.assert_array_equal(after.curve[:, [0, 1, 3]], [[3, 1, 10], [6, 4, 40], [7, 6, 60]])
    np.testing.assert_allclose(after.curve[:, 2], [0.75**3, 0.75**6, 0.75**7], rtol=1e-6)
    np.testing.assert_allclose(after.state["weights"], 0.75**7 * np.array([1, 2]), rtol=1e-6)


def test_progress_for_people_and_for_the_file() -> None:
    progress = start()._replace(steps=3, curve=np.array([[3, 0.123456789, 30.12345, 2.3456789]]), seconds=1.26)
    assert progress.record == {"seconds": 1.3, "curve": [[3, 0.12346, 30.123, 2.3457]]}
    assert progress.describe("{:.1f} dB, other {:.2g}") == "3 steps in 1 s, loss 0.1235, 30.1 dB, other 2.3"
    assert start().describe("{:.1f} dB") == "0 steps"


def test_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "training.msgpack"
    *_, whole = trained(start())
    save(path, next(trained(start())), SETTINGS)
    stopped = load(path, start()._replace(state={"weights": jnp.zeros(2)}), SETTINGS)
    assert stopped.steps == 3
    *_, resumed = trained(stopped)
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_checkpoint_is_whole_or_the_old_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, progress = tmp_path / "training.msgpack", start()
    save(path, progress._replace(steps=2), {})

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(training.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(path, progress._replace(steps=4), {})
    assert load(path, progress, {}).steps == 2
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    path, progress = tmp_path / "training.msgpack", start()
    assert load(path, progress, SETTINGS) is progress
    save(path, progress, SETTINGS)
    with pytest.raises(InputError, match="other settings: seed"):
        load(path, progress, {**SETTINGS, "seed": 1})


OTHERS: dict[str, Callable[[], Progress[Any]]] = {
    "larger": lambda: start(length=3),
    "another curve": lambda: start(others=0),
    "another name": lambda: first({"w": jnp.ones(2)}, 1),
    "another container": lambda: first((jnp.ones(2),), 1),
}


@pytest.mark.parametrize("other", OTHERS)
def test_checkpoint_of_another_network_is_refused(tmp_path: Path, other: str) -> None:
    path = tmp_path / "training.msgpack"
    save(path, OTHERS[other](), SETTINGS)
    with pytest.raises(InputError, match="no checkpoint of this script"):
        load(path, start(), SETTINGS)


@pytest.mark.parametrize("content", [b"", b"damaged", b"\x80", b"\x81\xa8settings\xa22["])
def test_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "training.msgpack"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no checkpoint of this script"):
        load(path, start(), SETTINGS)
