"""Writes `.caffemodel` files, as Caffe of 2014 and later ones did."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jaxloss.backbones._layers import Conv, Layer, Norm, Pool, Relu, Table
from jaxloss.weights._caffe import NEW, OLD, OLD_TYPES, Format


def varint(value: int) -> bytes:
    content = b""
    while value >= 0x80:
        content += bytes([value & 0x7F | 0x80])
        value >>= 7
    return content + bytes([value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """An integer, a float32, a text, or bytes: a message or an array."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array: np.ndarray, form: Format = NEW) -> bytes:
    """Old ones have four sizes, and each of their numbers is a field."""
    if form is OLD:
        sizes = (*(1 for _ in range(4 - array.ndim)), *array.shape)
        numbers = b"".join(field(5, float(x)) for x in array.ravel())
        return b"".join(field(i + 1, size) for i, size in enumerate(sizes)) + numbers
    shape = field(1, b"".join(map(varint, array.shape)))
    kind = 8 if array.dtype == np.float64 else 5
    return field(7, shape) + field(kind, array.tobytes())


def layer(name: str, kind: str, options: bytes = b"", blobs: Iterable[np.ndarray] = (), form: Format = NEW) -> bytes:
    parts = {"Convolution": form.convolution, "Pooling": form.pooling, "LRN": form.norm, "ReLU": form.relu}
    numbers = {kind: number for number, kind in OLD_TYPES.items()}
    content = field(form.name, name) + field(form.type, kind if form is NEW else numbers.get(kind, 5))
    content += field(parts[kind], options) if kind in parts and options else b""
    return field(form.layers, content + b"".join(field(form.blobs, blob(array, form)) for array in blobs))


def options_of(row: Layer) -> bytes:
    match row:
        case Conv(_, features, size, stride, padding, groups):
            return b"".join(field(*pair) for pair in ((1, features), (3, padding), (4, size), (5, groups), (6, stride)))
        case Pool(_, size, stride):
            return field(2, size) + field(3, stride)
        case Norm(_, channels, alpha, beta):
            return field(1, channels) + field(2, alpha) + field(3, beta)
        case Relu(_, slope):
            return field(1, slope) if slope else b""
    raise NotImplementedError(row)


KINDS: dict[type, str] = {Conv: "Convolution", Pool: "Pooling", Norm: "LRN", Relu: "ReLU"}


def layers(table: Table, params: dict[str, Any], suffix: str = "", form: Format = NEW) -> list[bytes]:
    """Of parameters by our names and axes."""
    result = []
    for row in table:
        blobs: Sequence[np.ndarray] = ()
        if row.name in params:
            kernel, bias = params[row.name]["kernel"], params[row.name]["bias"]
            blobs = (np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), bias)
        result.append(layer(row.name + suffix, KINDS[type(row)], options_of(row), blobs, form))
    return result
