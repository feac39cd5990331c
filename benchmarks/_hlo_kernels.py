"""What a compiled program will do, read off its optimized HLO: kernels, collectives, padding, the compiler's model."""

import re
from typing import NamedTuple

from ._hlo import Computations, Instruction, parse
from ._hlo_bytes import copied_bytes, kernel_bytes, padding_of, slice_bytes
from ._hlo_loops import running


class Kernel(NamedTuple):
    """An instruction that starts work on the device."""

    name: str
    op: str
    times: int  # trips of the loops around it
    bytes: int  # of its operands, each once, and its results, in device memory
    touched: int  # the same, but only the slices, where slices are all that it reads or writes of an array
    estimate: float | None  # cycles of a TPU, microseconds of a GPU; None for calls of libraries and for copies


class Reading(NamedTuple):
    """Of a whole program."""

    kernels: list[Kernel]
    collectives: int  # instructions that make devices talk to each other
    unknown_loops: int  # whose number of trips is not to be seen: their kernels count once
    padding: float  # the largest ratio of what a large array takes to what it holds


# What only gives an array another name, or waits for it.
FREE = set(
    "add-dependency after-all async-done bitcast bitcast-convert call conditional constant copy-done "
    "dynamic-slice-done get-tuple-element opt-barrier parameter partition-id replica-id slice-done tuple while".split()
)
FREE_CALLS = ("AllocateBuffer", "AssumeGatherIndicesInBound", "ConcatBitcast", "Sharding")
# Copies between memories, beside which kernels run.
ASYNC = ("async-start", "copy-start", "dynamic-slice-start", "slice-start")
COLLECTIVES = set(
    "all-gather all-reduce all-to-all collective-broadcast collective-permute ragged-all-to-all reduce-scatter".split()
)


def read_program(text: str, large: int) -> Reading:
    """Of `compiled.as_text()`. Padding is that of arrays of `large` bytes or more: a few weights may have a tile."""
    computations = parse(text)
    kernels, padding, unknown = [], 1.0, 0
    for name, times, is_known in running(computations):
        unknown += not is_known
        for instruction in computations[name].values():
            padding = max(padding, padding_of(instruction.shape, large))
            if not _is_free(instruction):
                kernels.append(_kernel(computations, name, instruction, times))
    everything = (instruction for body in computations.values() for instruction in body.values())
    collectives = sum(instruction.op.removesuffix("-start") in COLLECTIVES for instruction in everything)
    return Reading(kernels, collectives, unknown, padding)


def _is_free(instruction: Instruction) -> bool:
    is_call = instruction.op == "custom-call"
    return instruction.op in FREE or (is_call and any(f'"{name}"' in instruction.rest for name in FREE_CALLS))


def _kernel(computations: Computations, name: str, instruction: Instruction, times: int) -> Kernel:
    if instruction.op in ASYNC:
        moved = copied_bytes(instruction)
        return Kernel(instruction.name, instruction.op, times, moved, moved, None)
    whole = kernel_bytes(computations[name], instruction)
    touched = slice_bytes(computations, computations[name], instruction)
    cycles = re.search(r'"estimated_cycles":"(\d+)"', instruction.rest)
    microseconds = re.search(r'"exec_time_us":([\d.e+\-]+)', instruction.rest)
    found = cycles or microseconds
    return Kernel(instruction.name, instruction.op, times, whole, touched, float(found[1]) if found else None)
