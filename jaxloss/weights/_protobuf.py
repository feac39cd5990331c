"""Reads messages in the wire format of Protocol Buffers, without their descriptions and without executing anything."""

from collections.abc import Iterator
from typing import Any

import numpy as np


VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5
LONGEST = 10  # bytes of a varint


class Message:
    """The fields of a message by number, read when they are asked for.

    Args:
        content: The bytes of the message; whoever reads beyond its end gets a `ValueError`.
    """

    def __init__(self, content: memoryview) -> None:
        self._fields: dict[int, list[int | memoryview]] = {}
        for number, value in _fields(content):
            self._fields.setdefault(number, []).append(value)

    def messages(self, number: int) -> list["Message"]:
        return [Message(self._delimited(value)) for value in self._fields.get(number, [])]

    def text(self, number: int) -> str:
        values = self._fields.get(number, [])
        return str(self._delimited(values[-1]), "utf-8") if values else ""

    def integers(self, number: int) -> list[int]:
        """Of a repeated field, packed or not."""
        found = []
        for value in self._fields.get(number, []):
            found += [value] if isinstance(value, int) else list(_packed(value))
        return found

    def integer(self, number: int, default: int) -> int:
        return [default, *self.integers(number)][-1]

    def floats(self, number: int, dtype: str = "<f4") -> np.ndarray:
        """Of a repeated field, packed or not: a view of the bytes where it is in one piece."""
        pieces = [np.frombuffer(self._delimited(value), dtype) for value in self._fields.get(number, [])]
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.zeros(0, dtype), *pieces])

    def number(self, number: int, default: float) -> float:
        return float(np.append(np.float64(default), self.floats(number))[-1])

    def has(self, number: int) -> bool:
        return number in self._fields

    @staticmethod
    def _delimited(value: Any) -> memoryview:
        if isinstance(value, int):
            raise ValueError("a number where a text, a message or an array is due")
        return value


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(content, place)
            yield number, value
            continue
        if kind == DELIMITED:
            length, place = _varint(content, place)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if number == 0 or place + length > len(content):
            raise ValueError("the file ends within a field")
        yield number, content[place : place + length]
        place += length


def _packed(content: memoryview) -> Iterator[int]:
    place = 0
    while place < len(content):
        value, place = _varint(content, place)
        yield value


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for i in range(LONGEST):
        if place + i >= len(content):
            raise ValueError("the file ends within a number")
        byte = content[place + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, place + i + 1
    raise ValueError("a number without end")
