"""The reader of `.pth` files: both formats, and nothing of a pickle is ever executed."""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxloss.weights._errors import WeightsError
from jaxloss.weights._pth import _Unpickler, read_pth
from tests.weights._pth_files import (
    Built,
    Call,
    Name,
    Persistent,
    legacy_file,
    pickled,
    saved,
    state_dict,
    storage,
    tensor,
    zip_file,
)


ORDERED_DICT = Name("collections", "OrderedDict")
REBUILD = Name("torch._utils", "_rebuild_tensor_v2")
NUMBERS = np.arange(24, dtype=np.float32)

both_formats = pytest.mark.parametrize("write", [zip_file, legacy_file], ids=["zip", "legacy"])
Write = Callable[..., bytes]
Save = Callable[[bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: bytes) -> Path:
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_arrays_come_back(save: Save, rng: np.random.Generator, legacy: bool) -> None:
    arrays = {
        "features.0.weight": rng.normal(size=(4, 3, 2, 2)).astype(np.float32),
        "features.0.bias": np.arange(4, dtype=np.float64),
        "steps": np.array(7, np.int64),
        "half": np.ones((2, 3), np.float16),
        "empty": np.zeros((0, 5), np.float32),
        "on": np.array([True, False]),
    }
    found = read_pth(save(saved(arrays, legacy=legacy)))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    only = read_pth(save(saved(arrays, legacy=legacy)), "features.")
    assert list(only) == ["features.0.weight", "features.0.bias"]
    np.testing.assert_array_equal(only["features.0.bias"], arrays["features.0.bias"])


@both_formats
def test_views_of_one_storage(save: Save, write: Write) -> None:
    def view(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Call:
        shared = storage("0", NUMBERS, legacy=write is legacy_file)
        return Call(REBUILD, (shared, offset, shape, strides, True, Call(ORDERED_DICT)))

    views = {
        "transposed": view(0, (4, 6), (1, 4)),
        "part": view(7, (2, 3), (6, 2)),
        "repeated": view(3, (2, 2), (0, 1)),
    }
    found = read_pth(save(write(state_dict(views), {"0": NUMBERS})))
    np.testing.assert_array_equal(found["transposed"], NUMBERS.reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], [[7, 9, 11], [13, 15, 17]])
    np.testing.assert_array_equal(found["repeated"], [[3, 4], [3, 4]])
    assert not found["repeated"].flags.writeable


def test_views_of_parts_of_a_storage(save: Save) -> None:
    """In files of torch 0.1, a storage may be a part of another one."""
    part = Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 24, ("1", 10, 6)))
    content = legacy_file({"a": Call(REBUILD, (part, 2, (4,), (1,), False, {}))}, {"0": NUMBERS})
    np.testing.assert_array_equal(read_pth(save(content))["a"], [12, 13, 14, 15])
    content = legacy_file({"a": Call(REBUILD, (part, 2, (5,), (1,), False, {}))}, {"0": NUMBERS})
    with pytest.raises(WeightsError, match="reaches beyond its storage"):
        read_pth(save(content))


@both_formats
def test_parameters(save: Save, write: Write) -> None:
    """torchvision's VGG16 of 2017 has parameters, made by the first `_rebuild_tensor`, with a state of flags."""
    legacy = write is legacy_file
    plain = Call(Name("torch._utils", "_rebuild_tensor"), (storage("0", NUMBERS, legacy=legacy), 0, (24,), (1,)))
    flags = (True, False, Call(ORDERED_DICT))
    parameter = Name("torch.nn.parameter", "Parameter")
    whole = (plain, None, Call(ORDERED_DICT), True, False)
    state = state_dict(
        {
            "of 2017": Call(parameter, (plain,), state=flags),
            "before": Call(parameter, (), state=whole),
            "bare": Call(parameter, (), state=plain.arguments),
            "now": Call(Name("torch._utils", "_rebuild_parameter"), (plain, True, Call(ORDERED_DICT))),
        }
    )
    found = read_pth(save(write(state, {"0": NUMBERS})))
    assert list(found) == ["of 2017", "before", "bare", "now"]
    for array in found.values():
        np.testing.assert_array_equal(array, NUMBERS)


def payloads(target: str) -> Iterator[Any]:
    """What would create a file, if it were executed."""
    program = f"open({target!r}, 'w').close()"
    yield Call(Name("builtins", "exec"), (program,))
    yield Call(Name("builtins", "eval"), (program,))
    yield Call(Name("builtins", "open"), (target, "w"))
    yield Call(Name("os", "system"), (f"touch {target}",))
    yield Call(Name("posix", "system"), (f"touch {target}",))
    yield Call(Name("subprocess", "call"), (("touch", target),))
    yield Call(Name("pathlib", "Path"), (target,))
    yield Call(Name("torch", "load"), (target,))
    yield Call(Name("torch.serialization", "os.system"), (f"touch {target}",))
    yield Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), "b"))


@pytest.mark.parametrize("number", range(len([*payloads("")])))
@pytest.mark.parametrize("place", ["whole", "value", "key", "argument", "state", "identity"])
@both_formats
def test_payload_does_not_run(save: Save, tmp_path: Path, write: Write, place: str, number: int) -> None:
    target = tmp_path / "executed"
    payload = [*payloads(str(target))][number]
    good = tensor("0", NUMBERS, legacy=write is legacy_file)
    state = {
        "whole": payload,
        "value": state_dict({"a": good, "b": payload}),
        "key": state_dict({payload: good}),
        "argument": state_dict({"a": Call(REBUILD, (*good.arguments[:-1], payload))}),
        "state": Call(ORDERED_DICT, state={"_metadata": payload}, items={"a": good}),
        "identity": state_dict({"a": Call(REBUILD, (Persistent(("storage", payload)), *good.arguments[1:]))}),
    }[place]
    path = save(write(state, {"0": NUMBERS}))
    name = payload.function
    with pytest.raises(
        WeightsError, match=rf"tensors only, got {name.module}\.{name.name}\. Nothing of it was executed"
    ):
        read_pth(path)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.pth"]


def test_payloads_would_run(tmp_path: Path) -> None:
    """The check above could not fail if they did nothing."""
    target = tmp_path / "executed"
    pickle.loads(pickled(next(payloads(str(target)))))
    assert target.exists()


@pytest.mark.parametrize("position", range(5))
def test_every_pickle_of_the_older_format_is_guarded(save: Save, tmp_path: Path, position: int) -> None:
    payload = Call(Name("builtins", "open"), (str(tmp_path / "executed"), "w"))
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"a": tensor("0", NUMBERS, legacy=True)}, ["0"]]
    parts[position] = payload
    with pytest.raises(WeightsError, match=r"got builtins\.open\. Nothing"):
        read_pth(save(b"".join(map(pickled, parts))))
    assert not (tmp_path / "executed").exists()


@both_formats
def test_what_is_allowed_cannot_be_changed(save: Save, write: Write) -> None:
    """BUILD on an allowed function or class sets its attributes; that must not outlast the file."""
    for name in (REBUILD, ORDERED_DICT, Name("torch.nn.parameter", "Parameter")):
        built = Built(name, (None, {"mark": True}))
        state = {"a": tensor("0", NUMBERS, legacy=write is legacy_file), "b": built}
        with pytest.raises(WeightsError):
            read_pth(save(write(state, {"0": NUMBERS})))
        assert not hasattr(_Unpickler(io.BytesIO()).find_class(name.module, name.name), "mark")


@both_formats
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (1, (24,), (1,)),
        (0, (5, 5), (5, 1)),
        (0, (2,), (24,)),
        (-1, (2,), (1,)),
        (3, (4,), (-1,)),
        (0, (-1,), (1,)),
        (0, (2, 2), (1,)),
        (0, (2**62, 2**62), (1, 1)),
        (0, ("a",), (1,)),
    ],
)
def test_tensor_beyond_its_storage(save: Save, write: Write, offset: Any, shape: Any, strides: Any) -> None:
    shared = storage("0", NUMBERS, legacy=write is legacy_file)
    state = {"a": Call(REBUILD, (shared, offset, shape, strides, False, {}))}
    with pytest.raises(WeightsError, match=r"expected a file of torch\.save, got a damaged"):
        read_pth(save(write(state, {"0": NUMBERS})))


def test_repeated_tensor_needs_no_memory(save: Save) -> None:
    shared = storage("0", NUMBERS, legacy=False)
    state = {"a": Call(REBUILD, (shared, 0, (2**20, 2**20), (0, 0), False, {}))}
    assert read_pth(save(zip_file(state, {"0": NUMBERS})))["a"].shape == (2**20, 2**20)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_truncated_anywhere(save: Save, legacy: bool) -> None:
    content = saved({"features.0.weight": NUMBERS, "features.0.bias": NUMBERS}, legacy=legacy)
    for length in range(len(content)):
        with pytest.raises(WeightsError, match=r"weights\.pth: expected .*, got .*\. (Download it again|Nothing)"):
            read_pth(save(content[:length]))


def test_changed_number_in_an_archive(save: Save) -> None:
    content = bytearray(saved({"a": NUMBERS}))
    content[content.index(NUMBERS.tobytes()) + 9] ^= 1
    with pytest.raises(WeightsError, match="Bad CRC-32"):
        read_pth(save(bytes(content)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "EOFError"),
        (b"<html>not found</html>", "invalid load key, '<'"),
        (pickled("text"), "no magic number"),
        (zip_file(state_dict({}), {}, compression=zipfile.ZIP_DEFLATED), "a compressed archive"),
        (zip_file(state_dict({}), {}, byteorder="big"), "big-endian"),
        (legacy_file(state_dict({}), {}, little_endian=False), "big-endian"),
        (zip_file([1], {}), "tensors only, got a list"),
        (zip_file({"epoch": 3}, {}), "tensors only, got a int under 'epoch'"),
        (zip_file({"a": Persistent(("module", "a", "b", "c", 1))}, {}), "tensors only, got a persistent module"),
        (zip_file({"a": tensor("0", NUMBERS, legacy=False)}, {}), "no item named 'archive/data/0'"),
        (
            zip_file({"a": Persistent(("storage", Name("torch", "BFloat16Storage"), "0", "cpu", 1))}, {}),
            "BFloat16Storage",
        ),
    ],
    ids=lambda value: "file" if isinstance(value, bytes) else None,  # its bytes hold the time: processes would differ
)
def test_other_files(save: Save, content: bytes, message: str) -> None:
    with pytest.raises(WeightsError) as caught:
        read_pth(save(content))
    assert message in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"nowhere\.pth: expected a file of torch\.save, got No such file or directory"
    ):
        read_pth(tmp_path / "nowhere.pth")
