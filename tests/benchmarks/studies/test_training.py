"""A training that can be stopped and continued: progress in chunks, checkpoints."""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
    *_, whole = trained(start())
    save(tmp_path, next(trained(start())), SETTINGS)
    stopped, notes = load(tmp_path, start()._replace(state={"weights": jnp.zeros(2)}), SETTINGS)
    assert stopped.steps == 3 and notes == []
    *_, resumed = trained(stopped)
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)


def test_training_that_has_just_begun_comes_back(tmp_path: Path) -> None:
    fresh = start()
    assert load(tmp_path, fresh, SETTINGS)[0] is fresh
    save(tmp_path, start(), SETTINGS)
    found, _ = load(tmp_path, start(), SETTINGS)
    assert found.steps == 0 and found.curve.shape == (0, 4)


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    save(tmp_path, start()._replace(steps=2), SETTINGS)
    with pytest.raises(InputError, match=r"other settings: seed\."):
        load(tmp_path, start(), {**SETTINGS, "seed": 1})
    with pytest.raises(InputError, match=r"other settings: columns of the curve\."):
        load(tmp_path, start(others=0), SETTINGS)
    with pytest.raises(InputError, match=r"other arrays: weights\."):
        load(tmp_path, start(length=3), SETTINGS)
