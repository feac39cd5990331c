"""Optimized HLO, as XLA prints a compiled program, taken apart into instructions."""

import re
from typing import NamedTuple


class Instruction(NamedTuple):
    """One line: `[ROOT] %name = shape op(operands), attributes`."""

    name: str
    shape: str
    op: str
    operands: tuple[str, ...]
    rest: str  # of the line, from the operands on
    is_root: bool

    def attribute(self, key: str) -> str:
        """The name or number after `key=`; empty where there is none."""
        found = re.search(rf"\b{key}=%?([\w.\-]+)", self.rest)
        return found[1] if found else ""


Instructions = dict[str, Instruction]
Computations = dict[str, Instructions]

ENTRY = "ENTRY"

_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_LINE = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = (\([^=]*?\)|\S+) ([\w\-]+)\((.*)$")


def parse(text: str) -> Computations:
    """The instructions of every computation by name; of the program itself, under `ENTRY`."""
    computations: Computations = {}
    current: Instructions | None = None
    for line in re.sub(r"/\*index=\d+\*/", "", text).splitlines():
        if head := _HEAD.match(line):
            current = computations.setdefault(ENTRY if head[1] else head[2], {})
        elif line.startswith("}"):
            current = None
        elif current is not None and (found := _LINE.match(line)):
            root, name, shape, op, rest = found.groups()
            operands = tuple(re.findall(r"%([\w.\-]+)", rest.split("), ")[0]))
            current[name] = Instruction(name, shape, op, operands, rest, bool(root))
    return computations


def root_of(instructions: Instructions) -> Instruction | None:
    return next((instruction for instruction in instructions.values() if instruction.is_root), None)
