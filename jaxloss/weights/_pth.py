"""Reads `.pth` files, which are pickles, without torch and without executing anything that is in them."""

import io
import os
import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .._checks import error_text
from ._errors import WeightsError


DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read_pth(path: Path, prefix: str = "") -> dict[str, np.ndarray]:
    """Read the tensors whose names start with `prefix` from the state dict in a file of `torch.save`.

    Both formats are read: the zip archive, and the pickles in a row of torch before 1.6. Nothing but dictionaries,
    tensors, parameters and storages is ever made of a pickle; all else that it names is refused before it is looked up.

    Args:
        path: The file.
        prefix: Storages of other tensors are not read from the disk.

    Returns:
        Read-only arrays by name, in the order of the file.

    Raises:
        WeightsError: If the file is damaged or truncated, or holds anything else.
    """
    try:
        with open(path, "rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            return _read_zip(file, prefix) if is_zip else _read_legacy(file, prefix)
    except _RefusedError as error:
        way_out = "Nothing of it was executed. Do not open this file with other programs."
        raise WeightsError(error_text(str(path), "a state dict of tensors only", error, way_out)) from None
    except OSError as error:
        way_out = "Name a file that can be read."
        raise WeightsError(error_text(str(path), "a file of torch.save", error.strerror or error, way_out)) from error
    except Exception as error:  # Out of a damaged pickle or archive can come almost any.
        got = f"a damaged, truncated or different one ({type(error).__name__}: {error})"
        raise WeightsError(error_text(str(path), "a file of torch.save", got, "Download it again.")) from error


class _RefusedError(pickle.UnpicklingError):
    """A pickle names something that no state dict needs."""


class _Storage(NamedTuple):
    """A run of numbers in the file; `offset` and `length` in elements."""

    dtype: np.dtype
    key: str
    offset: int
    length: int


class _Tensor:
    """Stands for a tensor until its storage is read, which in the older format comes after the pickle."""

    def __init__(self, *view: Any) -> None:
        self.view = view  # storage, offset, shape, strides

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if len(state) == 4:  # a tensor of torch 0.1
            self.view = state
        elif len(state) == 5:  # a variable of torch 0.1, with the tensor in it
            self.view = state[0].view


class _Parameter(_Tensor):
    """Of a tensor makes that tensor; of nothing, a tensor whose state follows."""

    def __new__(cls, data: _Tensor | None = None, *flags: object) -> "_Tensor":
        return _Tensor() if data is None else data


class _StateDict(dict[str, Any]):
    """Takes no attributes: torch saves the versions of modules as one."""

    def __setstate__(self, state: object) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    """Resolves the few names that a state dict consists of, to stand-ins, and no other.

    The functions are made anew for each file, because a pickle may set attributes of what it names.
    """

    def __init__(self, file: io.BytesIO | BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}
        self._allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): _StateDict,
            ("torch._utils", "_rebuild_tensor"): lambda *view: _Tensor(*view),  # torchvision's VGG16 and VGG19
            ("torch._utils", "_rebuild_tensor_v2"): lambda *view_and_flags: _Tensor(*view_and_flags[:4]),
            ("torch._utils", "_rebuild_parameter"): lambda data, *flags: data,
            ("torch.nn.parameter", "Parameter"): _Parameter,
        }

    def find_class(self, module: str, name: str, /) -> Any:
        if module == "torch" and name in DTYPES:
            return name
        if (module, name) not in self._allowed:
            raise _RefusedError(f"{module}.{name}")
        return self._allowed[module, name]

    def persistent_load(self, pid: Any, /) -> _Storage:
        kind, dtype, key, _, length, *view = pid
        if kind != "storage":
            raise _RefusedError(f"a persistent {kind}")
        storage = _Storage(DTYPES[dtype], key, 0, length)
        self.storages[key] = storage
        if view and view[0] is not None:  # a part of a storage, in files of torch 0.1
            _, offset, length = view[0]
            return storage._replace(offset=offset, length=length)
        return storage


def _read_zip(file: BinaryIO, prefix: str) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("a compressed archive")  # torch.save never makes one, and it may grow beyond measure
        (pickle_name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        root = pickle_name.removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("numbers in big-endian order")
        unpickler = _Unpickler(io.BytesIO(archive.read(pickle_name)))
        tensors = _tensors_of(unpickler.load(), prefix)
        contents = {key: archive.read(f"{root}data/{key}") for key in _keys(tensors.values())}
    return {name: _array(tensor, contents) for name, tensor in tensors.items()}


def _read_legacy(file: BinaryIO, prefix: str) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != LEGACY_MAGIC or _Unpickler(file).load() != LEGACY_PROTOCOL:
        raise ValueError("no magic number at the beginning")
    if _Unpickler(file).load()["little_endian"] is not True:
        raise ValueError("numbers in big-endian order")
    unpickler = _Unpickler(file)
    tensors = _tensors_of(unpickler.load(), prefix)
    keys, needed, contents = _Unpickler(file).load(), _keys(tensors.values()), {}
    size = os.fstat(file.fileno()).st_size
    for key in keys:
        length = int.from_bytes(file.read(8), "little") * unpickler.storages[key].dtype.itemsize
        if length > size - file.tell():
            raise EOFError("the file ends within its numbers")
        if key in needed:
            contents[key] = file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)
    return {name: _array(tensor, contents) for name, tensor in tensors.items()}


def _tensors_of(state: Any, prefix: str) -> dict[str, _Tensor]:
    if not isinstance(state, dict):
        raise _RefusedError(f"a {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(value, _Tensor):
            raise _RefusedError(f"a {type(value).__name__} under {name!r}")
    return {name: tensor for name, tensor in state.items() if name.startswith(prefix)}


def _keys(tensors: Iterable[_Tensor]) -> set[str]:
    return {tensor.view[0].key for tensor in tensors}


def _array(tensor: _Tensor, contents: dict[str, bytes]) -> np.ndarray:
    storage, offset, shape, strides = tensor.view
    numbers = np.frombuffer(contents[storage.key], storage.dtype)[storage.offset :][: storage.length]
    sizes = [offset, *shape, *strides]
    fits = len(shape) == len(strides) and all(isinstance(size, int) and size >= 0 for size in sizes)
    reach = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=False)) + 1
    if not fits or (0 not in shape and reach > len(numbers)):
        raise ValueError("a tensor that reaches beyond its storage")
    steps = [stride * storage.dtype.itemsize for stride in strides]
    # A view, not a copy: with strides of 0, a tensor of a few bytes can claim to be larger than any memory.
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)
