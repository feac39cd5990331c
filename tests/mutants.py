"""How well the tests guard the arithmetic: small changes to the source, and whether a test fails for each.

    python -m tests.mutants sample --count 40 > mutants.jsonl
    python -m tests.mutants run mutants.jsonl > verdicts.jsonl

A mutant names its function and the expression that it changes, not a line, so that one sample serves before and after
the code around it has moved. Each runs in a copy of the repository, on the tests of its room and the contract, up to
the first failure.
"""

import argparse
import ast
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


ROOT = Path(__file__).parents[1]
# What is mutated, and the tests that should notice.
ROOMS = {
    "jaxloss/ops": ["tests/ops"],
    "jaxloss/metrics": ["tests/metrics"],
    "jaxloss/closed_forms": ["tests/closed_forms"],
    "jaxloss/perceptual": ["tests/perceptual"],
    "jaxloss/losses/_structural.py": ["tests/losses/test_structural.py"],
    "jaxloss/_checks.py": ["tests/test_checks.py"],
}
EVERYWHERE = ["tests/contract", "tests/engines"]
LONGEST = 1800  # seconds of one run

SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


class Mutant(NamedTuple):
    file: str
    function: str
    before: str  # the expression as it stands in the source
    occurrence: int  # which of the equal expressions within the function
    after: str


def changed(node: ast.AST) -> ast.expr | None:
    """The expression with one small change, or None for what has none."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in SWAPS:
            return ast.BinOp(left, SWAPS[type(op)](), right)
        case ast.BinOp(left, ast.Pow(), _):
            return left
        case ast.Compare(left, [op], comparators) if type(op) in SWAPS:
            return ast.Compare(left, [SWAPS[type(op)]()], comparators)
        case ast.BoolOp(op, values):
            return ast.BoolOp(SWAPS[type(op)](), values)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            return operand
        case ast.Constant(bool() as value):
            return ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            return ast.Constant(value + 1)
        case ast.IfExp(test, body, orelse):
            return ast.IfExp(test, orelse, body)
    return None


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                owner = f"{node.name}." if isinstance(node, ast.ClassDef | ast.FunctionDef) else ""
                yield f"{owner}{child.name}", child


def expressions(source: str, function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """The expressions of the body that can be changed, but those that only make a text."""
    quiet = {
        id(inner)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise | ast.JoinedStr)
        for inner in ast.walk(node)
    }
    nested = {
        id(inner)
        for node in ast.walk(function)
        if isinstance(node, ast.FunctionDef) and node is not function
        for inner in ast.walk(node)
    }
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.expr) and id(node) not in quiet | nested and changed(node) is not None:
                yield ast.get_source_segment(source, node) or "", node


def mutants_of(file: str) -> Iterator[Mutant]:
    source = (ROOT / file).read_text(encoding="utf-8")
    for name, function in functions(ast.parse(source)):
        seen: dict[str, int] = {}
        for before, node in expressions(source, function):
            new = changed(node)
            assert new is not None
            yield Mutant(file, name, before, seen.setdefault(before, 0), ast.unparse(ast.fix_missing_locations(new)))
            seen[before] += 1


def sample(count: int, seed: int) -> list[Mutant]:
    files = sorted(
        str(path.relative_to(ROOT))
        for place in ROOMS
        for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).glob("*.py"))
    )
    everything = [mutant for file in files for mutant in mutants_of(file)]
    return random.Random(seed).sample(everything, count)


def mutated(root: Path, mutant: Mutant) -> Path:
    """Change the file in place; the expression is searched in the function, wherever that has moved to."""
    files = [root / mutant.file] if (root / mutant.file).is_file() else []
    for path in [*files, *sorted((root / "jaxloss").rglob("*.py"))]:
        source = path.read_text(encoding="utf-8")
        for name, function in functions(ast.parse(source)):
            if name.split(".")[-1] != mutant.function.split(".")[-1]:
                continue
            places = [node for before, node in expressions(source, function) if before == mutant.before]
            if mutant.occurrence < len(places):
                path.write_text(spliced(source, places[mutant.occurrence], mutant.after), encoding="utf-8")
                return path
    raise LookupError(f"{mutant.file}: {mutant.function} has no {mutant.before!r} any more: describe it anew.")


def spliced(source: str, node: ast.expr, text: str) -> str:
    lines = source.encode().splitlines(keepends=True)
    assert node.end_lineno is not None and node.end_col_offset is not None
    begin = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    data = source.encode()
    return (data[:begin] + f"({text})".encode() + data[end:]).decode()


def verdict(mutant: Mutant | None) -> dict[str, object]:
    """Whether the tests fail, the first that did, and the seconds that it took; None runs them on the code as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "jaxloss"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".pytest_cache"))
        path = mutated(copy, mutant) if mutant else None
        rooms = [tests for place, tests in ROOMS.items() if not path or str(path.relative_to(copy)).startswith(place)]
        wanted = [*itertools.chain(*rooms), *EVERYWHERE]
        begin = time.monotonic()
        environment = {**os.environ, "CI": "", "PYTEST_ADDOPTS": ""}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n0"]
        command += [name for name in wanted if (copy / name).exists()]
        try:
            ended = subprocess.run(
                command, cwd=copy, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
            )
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ended.stdout, re.MULTILINE)
            killed, test = (
                ended.returncode != 0,
                failed[1] if failed else ended.stdout[-200:] if ended.returncode else "",
            )
        except subprocess.TimeoutExpired:
            killed, test = True, "timeout"
    return {"killed": killed, "test": test, "seconds": round(time.monotonic() - begin)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sampling = commands.add_parser("sample", help="print a seeded sample of mutants as JSON lines")
    sampling.add_argument("--count", type=int, default=40)
    sampling.add_argument("--seed", type=int, default=0)
    running = commands.add_parser("run", help="print what the tests say of each mutant as JSON lines")
    running.add_argument("mutants", type=Path)
    running.add_argument("--unchanged", action="store_true", help="first run the code as it is, which must pass")
    arguments = parser.parse_args()
    if arguments.command == "sample":
        for mutant in sample(arguments.count, arguments.seed):
            print(json.dumps(mutant._asdict()))
        return
    if arguments.unchanged:
        print(json.dumps(verdict(None)), flush=True)
    for line in arguments.mutants.read_text(encoding="utf-8").splitlines():
        mutant = Mutant(**json.loads(line))
        print(json.dumps(mutant._asdict() | verdict(mutant)), flush=True)


if __name__ == "__main__":
    main()
