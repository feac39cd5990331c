"""What a program runs and how often: the trips of its loops."""

import re
from collections.abc import Iterator

from ._hlo import ENTRY, Computations, Instruction, Instructions, root_of


_CALLED = re.compile(r"\b(?:body|to_apply|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"\bbranch_computations=\{([^}]*)\}")


def running(computations: Computations) -> Iterator[tuple[str, int, bool]]:
    """The program and what it calls and repeats: names, how many times, and whether that is known. All branches run."""
    todo = [(ENTRY, 1, True)]
    while todo:
        name, times, is_known = todo.pop()
        yield name, times, is_known
        for caller in computations[name].values():
            if caller.op not in ("call", "conditional", "while"):
                continue
            called = _CALLED.findall(caller.rest)
            for branches in _BRANCHES.findall(caller.rest):
                called += re.findall(r"[\w.\-]+", branches)
            trips = loop_trips(computations, name, caller) if caller.op == "while" else 1
            todo += [(inner, times * (trips or 1), trips is not None) for inner in called]


def loop_trips(computations: Computations, name: str, loop: Instruction) -> int | None:
    """Of a loop in a computation: as XLA says, or else as its condition `i < limit`, start and step do."""
    if known := re.search(r'known_trip_count":\{"n":"(\d+)"', loop.rest):
        return int(known[1])
    condition, body = computations[loop.attribute("condition")], computations[loop.attribute("body")]
    start = _elements(computations[name], computations[name].get(loop.operands[0]))
    after = _elements(body, root_of(body))

    def number(instructions: Instructions, found: Instruction | None) -> int | None:
        """A constant, or an element that the loop carries along unchanged and that began as one."""
        if found is not None and found.op == "get-tuple-element":
            index = found.attribute("index")
            kept = after.get(index)
            unchanged = kept is not None and kept.op == found.op and kept.attribute("index") == index
            return _constant(computations[name], start.get(index)) if unchanged else None
        return _constant(instructions, found)

    compared = root_of(condition)
    if compared is None or compared.op != "compare" or compared.attribute("direction") != "LT":
        return None
    counter, limit = (condition.get(operand) for operand in compared.operands)
    index = counter.attribute("index") if counter is not None else ""
    added = after.get(index)
    if added is None or added.op != "add":
        return None
    terms = [_copied(body, body.get(operand)) for operand in added.operands]
    others = [term for term in terms if term is None or term.attribute("index") != index]
    step = number(body, others[0]) if len(others) == 1 else None
    first, last = _constant(computations[name], start.get(index)), number(condition, limit)
    return max(0, -(-(last - first) // step)) if first is not None and last is not None and step else None


def _elements(instructions: Instructions, found: Instruction | None) -> dict[str, Instruction]:
    """Of a tuple, by index."""
    names = found.operands if found is not None and found.op == "tuple" else ()
    return {str(i): instructions[name] for i, name in enumerate(names) if name in instructions}


def _copied(instructions: Instructions, found: Instruction | None) -> Instruction | None:
    """What it is a copy of."""
    while found is not None and found.op in ("bitcast", "copy") and found.operands:
        found = instructions.get(found.operands[0])
    return found


def _constant(instructions: Instructions, found: Instruction | None) -> int | None:
    found = _copied(instructions, found)
    number = re.match(r"(-?\d+)\)", found.rest) if found is not None and found.op == "constant" else None
    return int(number[1]) if number else None
