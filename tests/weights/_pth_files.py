"""Files like those of `torch.save`, written without torch: pickles put together by hand."""

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


STORAGE = {
    "<f4": "FloatStorage",
    "<f8": "DoubleStorage",
    "<f2": "HalfStorage",
    "<i8": "LongStorage",
    "|b1": "BoolStorage",
}


@dataclass(frozen=True)
class Name:
    """A global of a module, `Name("os", "system")`."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """A call of a global when the pickle is loaded."""

    function: Name
    arguments: tuple[Any, ...] = ()
    state: Any = None  # given to the result with BUILD
    items: Mapping[Any, Any] | None = None


@dataclass(frozen=True)
class Persistent:
    identity: tuple[Any, ...]


@dataclass(frozen=True)
class Built:
    """A global itself, with a state given to it."""

    name: Name
    state: Any


def pickled(value: Any) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + _operations(value) + b"."


def _operations(value: Any) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            size = value.bit_length() // 8 + 1
            return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
        case str():
            text = value.encode()
            return b"X" + struct.pack("<I", len(text)) + text
        case tuple():
            return b"(" + b"".join(map(_operations, value)) + b"t"
        case list():
            return b"](" + b"".join(map(_operations, value)) + b"e"
        case dict():
            return b"}" + _items(value)
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Persistent(identity):
            return _operations(identity) + b"Q"
        case Built(name, state):
            return _operations(name) + _operations(state) + b"b"
        case Call(function, arguments, state, items):
            made = _operations(function) + _operations(arguments) + b"R"
            return made + _items(items or {}) + (b"" if state is None else _operations(state) + b"b")
    raise TypeError(type(value))


def _items(items: Mapping[Any, Any]) -> bytes:
    return b"(" + b"".join(_operations(part) for item in items.items() for part in item) + b"u"


def storage(key: str, numbers: np.ndarray, *, legacy: bool) -> Persistent:
    kind = Name("torch", STORAGE[numbers.dtype.str])
    return Persistent(("storage", kind, key, "cpu", numbers.size, *((None,) if legacy else ())))


def tensor(key: str, array: np.ndarray, *, legacy: bool) -> Call:
    """A contiguous array in a storage of its own."""
    strides = tuple(step // array.itemsize for step in array.strides)
    view = (storage(key, array, legacy=legacy), 0, array.shape, strides)
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), (*view, False, Call(Name("collections", "OrderedDict"))))


def state_dict(items: Mapping[str, Any]) -> Call:
    """With the versions of modules that torch keeps in an attribute."""
    return Call(Name("collections", "OrderedDict"), state={"_metadata": {"": {"version": 1}}}, items=items)


def zip_file(
    state: Any, storages: Mapping[str, np.ndarray], *, compression: int = 0, byteorder: str = "little"
) -> bytes:
    """The format since torch 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled(state))
        archive.writestr("archive/byteorder", byteorder)
        for key, numbers in storages.items():
            archive.writestr(f"archive/data/{key}", numbers.tobytes())
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def legacy_file(state: Any, storages: Mapping[str, np.ndarray], *, little_endian: bool = True) -> bytes:
    """The format before torch 1.6."""
    parts = [
        0x1950A86A20F9469CFC6C,
        1001,
        {"protocol_version": 1001, "little_endian": little_endian},
        state,
        [*storages],
    ]
    contents = (struct.pack("<q", numbers.size) + numbers.tobytes() for numbers in storages.values())
    return b"".join(map(pickled, parts)) + b"".join(contents)


def saved(arrays: Mapping[str, np.ndarray], *, legacy: bool = False) -> bytes:
    """A file with contiguous arrays."""
    keys = {name: str(i) for i, name in enumerate(arrays)}
    state = state_dict({name: tensor(keys[name], array, legacy=legacy) for name, array in arrays.items()})
    storages = {keys[name]: array for name, array in arrays.items()}
    return legacy_file(state, storages) if legacy else zip_file(state, storages)
