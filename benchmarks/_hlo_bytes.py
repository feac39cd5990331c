"""Bytes of arrays in optimized HLO, with the padding of a TPU's tiles, and how many of them a kernel touches."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from ._hlo import Computations, Instruction, Instructions, root_of


_ITEM_BYTES = {
    "pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2, "s32": 4, "u32": 4, "f32": 4, "s64": 8,
    "u64": 8, "f64": 8, "c64": 8, "c128": 16,
}  # fmt: skip
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\](?:\{([^}]*)\})?")
_TILE = re.compile(r"T\((\d+(?:,\d+)*)\)")
_FAST_MEMORY = re.compile(r"S\([1-9]\)")


class Array(NamedTuple):
    """As a shape says it, such as `f32[8,256,256,3]{2,1,3,0:T(8,128)S(1)}`."""

    logical: int  # bytes of its numbers
    physical: int  # with what fills up the tiles
    in_hbm: bool  # not in a faster memory of the chip

    @property
    def hbm(self) -> int:
        return self.physical if self.in_hbm else 0


def arrays(shape: str) -> list[Array]:
    """Those of a shape, of which a tuple has several."""
    return [_array(*found.groups()) for found in _ARRAY.finditer(shape)]


def padding_of(shape: str, large: int) -> float:
    """Of the arrays in a shape that take `large` bytes or more, the most that one takes for each byte that it holds."""
    return max((a.physical / a.logical for a in arrays(shape) if a.logical and a.physical >= large), default=1.0)


def copied_bytes(copy: Instruction) -> int:
    """Of a copy between memories, whose results are its source and its target."""
    inside = arrays(copy.shape)
    return inside[1].physical if len(inside) > 1 else 0


def kernel_bytes(instructions: Instructions, kernel: Instruction) -> int:
    """Of all operands and results that are in device memory."""
    read = sum(_hbm_bytes(instructions[name].shape) for name in _operands(instructions, kernel))
    return read + _hbm_bytes(kernel.shape)


def slice_bytes(computations: Computations, instructions: Instructions, kernel: Instruction) -> int:
    """The same for a kernel that reads slices of an operand, or writes one into an array that is already there."""
    read = sum(_read(computations, instructions, kernel, name) for name in _operands(instructions, kernel))
    return read + _written(computations, instructions, kernel)


def _operands(instructions: Instructions, kernel: Instruction) -> list[str]:
    """Each once, for a kernel keeps what it has read."""
    return [name for name in dict.fromkeys(kernel.operands) if name in instructions]


def _array(kind: str, dims: str, layout: str | None) -> Array:
    sizes = [int(size) for size in dims.split(",") if size]
    item = _ITEM_BYTES.get(kind, 0)
    logical = item * math.prod(sizes)
    layout = layout or ""
    tile = _TILE.search(layout)
    if tile and sizes:
        # The layout names the dimensions from the innermost on, a tile from the outermost on.
        sizes = [sizes[int(axis)] for axis in layout.split(":")[0].split(",") if axis]
        for i, side in enumerate(reversed([int(side) for side in tile[1].split(",")])):
            if i < len(sizes):
                sizes[i] = -(-sizes[i] // side) * side
    return Array(logical, item * math.prod(sizes), not _FAST_MEMORY.search(layout))


def _hbm_bytes(shape: str) -> int:
    return sum(array.hbm for array in arrays(shape))


def _bytes(shape: str) -> int:
    return sum(array.physical for array in arrays(shape))


def _read(computations: Computations, instructions: Instructions, kernel: Instruction, name: str) -> int:
    """How much a kernel reads of an operand in device memory."""
    whole = _hbm_bytes(instructions[name].shape)
    body = _body(computations, kernel)
    if not body:
        is_target = kernel.op == "dynamic-update-slice" and kernel.operands[0] == name
        return 0 if is_target else min(whole, _used(computations, instructions, kernel, name))
    numbers = [i for i, operand in enumerate(kernel.operands) if operand == name]
    parameters = [p for p in body.values() if p.op == "parameter" and int(p.rest.partition(")")[0]) in numbers]
    return min(whole, sum(_used_by_all(computations, body, p.name) for p in parameters))


def _used_by_all(computations: Computations, body: Instructions, name: str) -> int:
    return sum(_used(computations, body, user, name) for user in body.values() if name in user.operands)


def _used(computations: Computations, body: Instructions, user: Instruction, name: str) -> int:
    """How much an instruction in a fusion needs of an array."""
    whole, is_first = _bytes(body[name].shape), user.operands[0] == name
    if user.op in ("slice", "dynamic-slice") and is_first:
        return min(whole, _bytes(user.shape))
    if user.op == "dynamic-update-slice" and is_first and user in _results(body):
        return 0  # it is written into
    if user.op == "bitcast" and not user.is_root:
        return min(whole, _used_by_all(computations, body, user.name))
    return _read(computations, body, user, name) if _body(computations, user) else whole


def _written(computations: Computations, instructions: Instructions, kernel: Instruction) -> int:
    """How much a kernel writes into device memory."""
    if kernel.op == "dynamic-update-slice":
        return min(_hbm_bytes(kernel.shape), _bytes(instructions[kernel.operands[1]].shape))
    results, body = arrays(kernel.shape), _body(computations, kernel)
    made = list(_results(body))
    if len(made) != len(results):
        return _hbm_bytes(kernel.shape)
    total = 0
    for result, last in zip(results, made, strict=True):
        is_update = last.op == "dynamic-update-slice"
        total += min(result.hbm, _bytes(body[last.operands[1]].shape)) if is_update else result.hbm
    return total


def _body(computations: Computations, kernel: Instruction) -> Instructions:
    """Of a fusion; empty for other kernels."""
    return computations[kernel.attribute("calls")] if kernel.op == "fusion" else {}


def _results(body: Instructions) -> Iterator[Instruction]:
    """What makes the results of a fusion, seen through bitcasts."""
    root = root_of(body)
    names = () if root is None else root.operands if root.op == "tuple" else (root.name,)
    for name in names:
        made = body[name]
        while made.op == "bitcast":
            made = body[made.operands[0]]
        yield made
