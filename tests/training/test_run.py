"""Trainings of LPIPS from files: what they come to, and that an interruption changes nothing of it."""

import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss import InputError
from jaxloss.datasets import TrialSet, batches
from jaxloss.judgments import init_training, learning_rate_schedule, training_step, two_afc_score
from jaxloss.training import TrainedLPIPS, _loop, train_lpips
from tests.judgments._networks import features, first_params
from tests.photographs import ROOT
from tests.training import _program
from tests.training._sets import write_sets


# Ten choices in batches of four: three steps in an epoch, the last one of two choices, and all on eight devices.
OPTIONS: dict[str, Any] = dict(net=features, side=None, batch=4, epochs=1, decay_epochs=2, learning_rate=0.05, seed=3)

Train = Callable[..., TrainedLPIPS]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[TrialSet], list[TrialSet]]:
    return write_sets(tmp_path_factory.mktemp("sets"), training=10, held_out=6)


@pytest.fixture(scope="module")
def train(sets: tuple[list[TrialSet], list[TrialSet]]) -> Train:
    training, held_out = sets
    return functools.partial(train_lpips, training, held_out=held_out, params=first_params(), **OPTIONS)


@pytest.fixture(scope="module")
def whole(train: Train) -> TrainedLPIPS:
    """Never interrupted."""
    return train()


def assert_same(found: TrainedLPIPS, expected: TrainedLPIPS) -> None:
    """To the bit."""
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)
    assert found.history == expected.history


def stop_at(step: int) -> Callable[[int, float], None]:
    def report(done: int, _: float) -> None:
        if done == step:
            raise KeyboardInterrupt

    return report


def test_training_is_the_steps_on_the_batches(sets: tuple[list[TrialSet], list[TrialSet]], whole: TrainedLPIPS) -> None:
    """Those of one device, taken one by one."""
    schedule = learning_rate_schedule(3, epochs=1, decay_epochs=2, learning_rate=0.05)
    optimizer = optax.adam(schedule, b1=0.5)
    begin = jax.jit(functools.partial(init_training, optimizer=optimizer))
    state = begin(jax.random.split(jax.random.key(3))[1], first_params())
    step = jax.jit(functools.partial(training_step, net=features, optimizer=optimizer))
    losses, accuracies = [], []
    for choices in batches(sets[0], batch=4, side=None, seed=3, epochs=3):
        state, (loss, accuracy) = step(state, choices)
        losses.append(float(loss))
        accuracies.append(float(accuracy))
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-6), whole.params, state.params)
    for part in ("trunk", "preprocessing"):
        jax.tree.map(np.testing.assert_array_equal, whole.params[part], first_params()[part])
    beginning, *curve = whole.history["curve"]
    assert set(beginning) == {"epoch", "steps", "held_out"} and beginning["steps"] == 0
    for number, row in enumerate(curve):
        assert (row["epoch"], row["steps"]) == (number + 1, 3 * number + 3)
        for name, values in (("loss", losses), ("accuracy", accuracies)):
            mean = np.average(values[3 * number : 3 * number + 3], weights=[4, 4, 2])
            np.testing.assert_allclose(row[name], mean, rtol=1e-5)
    assert [row["learning_rate"] for row in curve] == [0.05, 0.05, 0.025]


def test_held_out_score_is_that_of_the_metric(sets: tuple[list[TrialSet], list[TrialSet]], whole: TrainedLPIPS) -> None:
    distance = functools.partial(jaxloss.lpips, net=features, data_range=1.0)
    (choices,) = batches(sets[1], batch=6, side=None)

    @jax.jit
    def distances(params: Any) -> Any:
        return [distance(image, choices.reference, params=params) for image in (choices.first, choices.second)]

    for row, params in ((0, first_params()), (-1, whole.params)):
        held_out = whole.history["curve"][row]["held_out"]
        d0, d1 = map(np.asarray, distances(params))
        np.testing.assert_allclose(held_out["score"], two_afc_score(d0, d1, sets[1][0].judgments))
        assert held_out["low"] <= held_out["score"] <= held_out["high"]
        assert held_out["subsets"] == [["mine", held_out["score"]]]


def test_interrupted_training_ends_as_the_whole_one(
    train: Train, whole: TrainedLPIPS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within an epoch, at the end of one before it is scored, and with a checkpoint damaged in between."""
    monkeypatch.setattr(_loop, "AHEAD", 0)
    train = functools.partial(train, checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(save_every=1, progress=stop_at(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]
    (tmp_path / "2" / "record.json").write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        train(resume=True, progress=stop_at(6))
    reported: list[int] = []
    found = train(resume=True, progress=lambda step, _: reported.append(step))
    assert_same(found, whole)
    assert found.notes == [] and reported == [7, 8, 9]
    (tmp_path / "9" / "record.json").write_text("{}")
    found = train(resume=True)
    assert_same(found, whole)
    assert found.notes == [f"{tmp_path / '9' / 'record.json'}: damaged. The training goes on from {tmp_path / '6'}."]
    for settings, names in (({"seed": 4}, "seed"), ({"params": first_params(1)}, "first_params")):
        with pytest.raises(InputError, match=rf"made with other settings: {names}\."):
            train(resume=True, **settings)
    with pytest.raises(InputError, match=r"there are checkpoints of an earlier training\."):
        train()


def test_numbers_that_are_none_end_the_training(train: Train) -> None:
    params = first_params()
    params["heads"]["low"] = np.full(6, np.nan, np.float32)
    with pytest.raises(InputError, match=r"distances of mine are no numbers\."):
        train(params=params)


def test_sets_are_checked_before_the_work(sets: tuple[list[TrialSet], list[TrialSet]], tmp_path: Path) -> None:
    training, held_out = sets
    train = functools.partial(train_lpips, params=first_params(), **OPTIONS)
    with pytest.raises(InputError, match=r"^mine is trained on, too\."):
        train(training, held_out=[*held_out, *training])
    with pytest.raises(InputError, match=r"^there are no choices to train on\."):
        train([])
    with pytest.raises(InputError, match=r"^there are fewer than 3 held-out choices"):
        train(training, held_out=[held_out[0].spread(2)])
    with pytest.raises(InputError, match="nowhere: no such file"):
        train(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": features}, "a network of your own needs params to begin with"),
        ({"net": "bigan"}, "'bigan' needs a trunk: jaxloss weights convert makes one"),
        ({"variant": "scratch", "trunk": {}}, "'scratch' begins with a random network."),
        ({"trunk": {"conv1": {"kernel": np.zeros(3)}}}, "init_lpips: expected a trunk of alexnet"),
    ],
)
def test_what_to_begin_with(sets: tuple[list[TrialSet], list[TrialSet]], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        train_lpips(sets[0], **options)


def start(folder: Path, *arguments: int) -> subprocess.Popen[bytes]:
    """With compiled programs kept, so that most of a short life is training."""
    cache = str(folder.parent / "compiled")
    kept = {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    command = [sys.executable, "-m", _program.__name__, str(folder), *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **kept})


def newest(folder: Path) -> int:
    """Number of steps of the newest checkpoint."""
    names = os.listdir(folder / "checkpoints") if (folder / "checkpoints").is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=-1)


def written(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "params.npz") as found:
        return dict(found)


@pytest.fixture
def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    """With the same choices."""
    write_sets(tmp_path / "one", training=20, held_out=6)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    return tmp_path / "one", tmp_path / "other"


@pytest.mark.full
def test_ten_kills_change_nothing(two_folders: tuple[Path, Path]) -> None:
    """By SIGKILL, wherever the training is then: in a step, while it saves, while it is scored."""
    alone, killed = two_folders
    epochs, chance, reached = 20, random.Random(0), []
    assert start(alone, epochs).wait(300) == 0
    for _ in range(10):
        process, before = start(killed, epochs), newest(killed)
        while newest(killed) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        assert process.wait() == -signal.SIGKILL, "It came to its end before it was killed."
        reached.append(newest(killed))
    assert len(set(reached)) > 5
    assert start(killed, epochs).wait(300) == 0
    expected, found = written(alone), written(killed)
    assert len(expected) == 6
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], strict=True)


@pytest.mark.full
def test_two_processes_train_as_one(two_folders: tuple[Path, Path]) -> None:
    """Each on its half of every batch, into one folder of checkpoints."""
    alone, shared = two_folders
    assert start(alone, 1).wait(300) == 0
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    processes = [start(shared, 1, process, 2, port) for process in (0, 1)]
    assert [process.wait(300) for process in processes] == [0, 0]
    assert newest(shared) == newest(alone) == 5
    expected, found = written(alone), written(shared)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)
