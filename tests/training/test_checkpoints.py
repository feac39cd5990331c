"""Checkpoints: what comes back is what was saved, or it is said what is wrong; full disks and damage included."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.training._checkpoints import Checkpoints
from tests.devices import EVERYWHERE, place


class State(NamedTuple):
    weights: dict[str, Any]
    empty: tuple[()]
    key: jax.Array
    totals: np.ndarray


SETTINGS = {"seed": 0, "net": "alex", "sets": {"cnn": 3}}


def state(number: float = 1.0, size: int = 5) -> State:
    weights = {
        "a": jnp.full(size, number, jnp.float32),
        "b": {"c": jnp.arange(3, dtype=jnp.bfloat16), "step": jnp.int32(7)},
    }
    return State(weights, (), jax.random.key(int(number)), np.full(2, number, float))


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "run" / "checkpoints", SETTINGS)


def assert_equal(found: State, expected: State) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    plain = [tree._replace(key=jax.random.key_data(tree.key)) for tree in (found, expected)]
    for a, b in zip(*map(jax.tree.leaves, plain), strict=True):
        assert type(a) is type(b) and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_newest_comes_back_to_the_bit_and_three_stay(checkpoints: Checkpoints) -> None:
    assert checkpoints.restore(state()) is None
    for step in (5, 10, 90, 100):
        checkpoints.save(step, state(step / 3), {"curve": [step / 3]})
    assert names(checkpoints.folder) == ["10", "100", "90"]
    found = checkpoints.restore(state())
    assert found is not None
    assert (found.step, found.record, found.notes) == (100, {"curve": [100 / 3]}, [])
    assert_equal(found.tree, state(100 / 3))
    np.testing.assert_array_equal(jax.random.bits(found.tree.key), jax.random.bits(jax.random.key(33)))


def test_arrays_come_back_to_the_devices_they_are_wanted_on(checkpoints: Checkpoints) -> None:
    checkpoints.save(1, {"w": jnp.arange(8.0)})
    found = checkpoints.restore({"w": place(jnp.zeros(8))})
    assert found is not None and len(found.tree["w"].sharding.device_set) == 8
    checkpoints.save(2, {"w": place(jnp.arange(8.0), spec=EVERYWHERE)})
    found = checkpoints.restore({"w": jnp.zeros(8)})
    assert found is not None and len(found.tree["w"].sharding.device_set) == 1
    np.testing.assert_array_equal(found.tree["w"], np.arange(8.0))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noted_and_the_checkpoint_before_taken(checkpoints: Checkpoints, damage: str) -> None:
    """Each file in turn."""
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    files = sorted(path for path in (checkpoints.folder / "2").rglob("*") if path.is_file())
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        path.write_bytes(DAMAGES[damage](content))
        found = checkpoints.restore(state())
        assert found is not None and found.step == 1
        assert found.notes == [f"{path}: damaged. The training goes on from {checkpoints.folder / '1'}."]
        path.write_bytes(content)
    found = checkpoints.restore(state())
    assert found is not None and found.step == 2
    assert_equal(found.tree, state(2))


def test_a_file_that_is_gone_and_no_other_checkpoint(checkpoints: Checkpoints) -> None:
    checkpoints.save(3, state())
    lost = next(path for path in (checkpoints.folder / "3" / "tree").rglob("*") if path.is_file())
    lost.unlink()
    with pytest.raises(InputError) as error:
        checkpoints.restore(state())
    assert str(error.value) == (
        f"{lost}: cannot be read: No such file or directory. "
        f"No other checkpoint is left: delete {checkpoints.folder} and start again."
    )


@pytest.mark.parametrize(
    ("settings", "like", "message"),
    [
        (
            {"seed": 1, "net": "alex"},
            state(),
            "made with other settings: seed, sets. Use those, or name another folder.",
        ),
        (SETTINGS, state(size=6), "made with other arrays: weights/a. Use those"),
        (
            SETTINGS,
            {"w": jnp.ones(2)},
            "made with other arrays: key, totals, w, weights/a, weights/b/c and 1 more. Use those",
        ),
    ],
)
def test_checkpoints_of_others_are_refused(
    checkpoints: Checkpoints, settings: dict[str, Any], like: Any, message: str
) -> None:
    checkpoints.save(3, state())
    with pytest.raises(InputError) as error:
        Checkpoints(checkpoints.folder, settings).restore(like)
    assert str(error.value).startswith(f"{checkpoints.folder / '3'}: {message}")


def system_says(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def orbax_says(*_: object, **__: object) -> None:
    raise ValueError("RESOURCE_EXHAUSTED: Error writing: Failed to write 8 bytes [os_error_code='28']\nmore of it")


FULL = {
    "pathlib.Path.mkdir": system_says,
    "orbax.checkpoint.Checkpointer.save": orbax_says,
    "pathlib.Path.write_text": system_says,
}


@pytest.mark.parametrize("moment", FULL)
def test_full_disk_leaves_the_checkpoint_before(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    checkpoints.save(1, state(1))
    with monkeypatch.context() as patch:
        patch.setattr(moment, FULL[moment])
        with pytest.raises(InputError) as error:
            checkpoints.save(2, state(2))
    assert str(error.value) == (
        f"{checkpoints.folder}: the checkpoint of step 2 cannot be written: No space left on device. Earlier ones: 1."
    )
    assert names(checkpoints.folder) == ["1"]
    found = checkpoints.restore(state())
    assert found is not None
    assert_equal(found.tree, state(1))


def test_killed_while_it_saves(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill leaves behind is no checkpoint, and does not stand in the way of the next one."""
    checkpoints.save(1, state(1))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jaxloss.training._checkpoints.os.replace", killed)
        patch.setattr("jaxloss.training._checkpoints.shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(2, state(2))
    assert names(checkpoints.folder) == [".2.part", "1"]
    found = checkpoints.restore(state())
    assert found is not None and found.step == 1
    checkpoints.save(2, state(2))
    assert names(checkpoints.folder) == ["1", "2"]


def test_folder_is_refused_before_the_work(checkpoints: Checkpoints, tmp_path: Path) -> None:
    checkpoints.prepare(resume=False)
    checkpoints.prepare(resume=True)
    checkpoints.save(1, state())
    checkpoints.prepare(resume=True)
    with pytest.raises(InputError, match=r"there are checkpoints of an earlier training\. Resume it"):
        checkpoints.prepare(resume=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: cannot be made: File exists\."):
        Checkpoints(tmp_path / "file", {}).prepare(resume=False)
    with pytest.raises(InputError, match=r"inner: cannot be made: Not a directory\."):
        Checkpoints(tmp_path / "file" / "inner", {}).prepare(resume=False)
