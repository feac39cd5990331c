"""Reads `.caffemodel` files: the layers of a network, and their numbers."""

import math
import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._checks import error_text
from ..backbones._layers import Conv, Norm, Pool, Relu
from ._errors import WeightsError
from ._protobuf import Message


class Format(NamedTuple):
    """The numbers of the fields of a layer; those within its parts have always been the same."""

    layers: int
    name: int
    type: int
    blobs: int
    convolution: int
    pooling: int
    norm: int
    relu: int


NEW = Format(layers=100, name=1, type=2, blobs=7, convolution=106, pooling=121, norm=118, relu=123)
OLD = Format(layers=2, name=4, type=5, blobs=6, convolution=10, pooling=19, norm=18, relu=30)  # of 2014
OLD_TYPES = {4: "Convolution", 15: "LRN", 17: "Pooling", 18: "ReLU"}


class CaffeLayer(NamedTuple):
    """A layer of a file.

    Attributes:
        name: Its name there.
        row: The row of our tables that does the same, with that name; None for other kinds of layers.
        blobs: Its numbers: kernels `[out, in, height, width]` and biases `[out]`.
    """

    name: str
    row: Conv | Pool | Norm | Relu | None
    blobs: tuple[np.ndarray, ...]


def read_caffemodel(path: Path) -> list[CaffeLayer]:
    """The layers of a network in the order of the file.

    Args:
        path: A file that Caffe wrote. Nothing in it is executed, and nothing is taken of it but what is documented.

    Returns:
        The layers; their numbers are views of the file.

    Raises:
        WeightsError: If the file is damaged, of another kind, or has a layer with options that our tables lack.
    """
    try:
        with open(path, "rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        network = Message(content)
        found = [_layer(message, form) for form in (OLD, NEW) for message in network.messages(form.layers)]
    except OSError as error:
        way_out = "Name a file that can be read."
        raise WeightsError(error_text(str(path), "a caffemodel", error.strerror or error, way_out)) from error
    except (ValueError, OverflowError, MemoryError) as error:
        got = f"a damaged, truncated or different one ({error})"
        raise WeightsError(error_text(str(path), "a caffemodel", got, "Download it again.")) from error
    if not found:
        raise WeightsError(error_text(str(path), "a caffemodel", "a file without layers", "Download it again."))
    return found


def _layer(message: Message, form: Format) -> CaffeLayer:
    name = message.text(form.name)
    kind = message.text(form.type) if form is NEW else OLD_TYPES.get(message.integer(form.type, 0), "")
    blobs = tuple(map(_blob, message.messages(form.blobs)))
    part = {"Convolution": form.convolution, "Pooling": form.pooling, "LRN": form.norm, "ReLU": form.relu}.get(kind)
    if part is None:
        return CaffeLayer(name, None, blobs)
    options = message.messages(part)
    return CaffeLayer(name, _row(kind, name, options[-1] if options else Message(memoryview(b""))), blobs)


def _blob(message: Message) -> np.ndarray:
    numbers = message.floats(8, "<f8") if message.has(8) else message.floats(5)
    shapes = message.messages(7)
    # Without a shape, the four sizes of the first version.
    shape = shapes[-1].integers(1) if shapes else [message.integer(field, 0) for field in (1, 2, 3, 4)]
    if math.prod(shape) != len(numbers):
        raise ValueError(f"{len(numbers)} numbers of shape {tuple(shape)}")
    return numbers.reshape(shape)


def _row(kind: str, name: str, options: Message) -> Conv | Pool | Norm | Relu | None:
    match kind:
        case "Convolution":
            size, stride, padding = _square(options, 4, 11, 12), _square(options, 6, 13, 14), _square(options, 3, 9, 10)
            plain = size and max(options.integers(18), default=1) == 1  # without dilation
            features, groups = options.integer(1, 0), options.integer(5, 1)
            return Conv(name, features, size, stride or 1, padding, groups) if plain else None
        case "Pooling":
            size, stride, padding = _square(options, 2, 5, 6), _square(options, 3, 7, 8), _square(options, 4, 9, 10)
            plain = size and not padding and options.integer(1, 0) == 0  # of maxima
            return Pool(name, size, stride or 1, ceil=True) if plain else None
        case "LRN":
            across, offset = options.integer(4, 0) == 0, options.number(5, 1.0)
            row = Norm(name, options.integer(1, 5), _short(options.number(2, 1.0)), _short(options.number(3, 0.75)))
            return row if across and offset == 1 else None
    return Relu(name, _short(options.number(1, 0.0)))


def _square(options: Message, both: int, rows: int, columns: int) -> int:
    """A size that may be given once, for each axis, or by fields of its own; 0 if it is not."""
    sizes = {*options.integers(both), *options.integers(rows), *options.integers(columns)}
    if len(sizes) > 1:
        raise ValueError(f"windows that are not square, {sorted(sizes)}")
    return sizes.pop() if sizes else 0


def _short(number: float) -> float:
    """0.0001, not the float32 next to it."""
    return float(str(np.float32(number)))
