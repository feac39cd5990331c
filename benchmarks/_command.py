"""What the command lines of the benchmarks share."""

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NoReturn, TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ._results import FOLDER, ROOT


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def __init__(self, script: str, description: str | None) -> None:
        super().__init__(f"python -m benchmarks.{script}", description=description)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def add_output(self, name: str) -> None:
        default = FOLDER / name
        self.add_argument(
            "--output", type=Path, default=default, help=f"file of results (default: {default.relative_to(ROOT)})"
        )


class Size(tuple[int, ...]):
    """Images, height, width; as text `8x256x256`."""

    def __str__(self) -> str:
        return "x".join(map(str, self))


SIZES = (Size((64, 64, 64)), Size((8, 256, 256)), Size((1, 1080, 1920)), Size((1, 2160, 3840)))
CHANNELS = 3


def parse_sizes(text: str) -> list[Size]:
    """`8x256x256,1x1080x1920` -> sizes."""
    items = text.split(",")
    for item in items:
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", item):
            raise argparse.ArgumentTypeError(f"expected images x height x width such as 8x256x256, got {item!r}")
    return [Size(map(int, item.split("x"))) for item in items]


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def names_from(choices: Collection[str]) -> Callable[[str], list[str]]:
    """A parser of comma-separated names."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in choices:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(choices)}; got {name!r}")
        return names

    return parse


Item = TypeVar("Item")


def progress(items: list[Item]) -> Iterable[Item]:
    """The items, with a bar on the terminal that is gone in the end."""
    console = Console(stderr=True)
    return track(items, "measuring", console=console, transient=True, disable=not console.is_terminal)


def print_table(title: str, headings: Iterable[str], rows: Iterable[Iterable[str]], words: Collection[str]) -> None:
    """Columns of words to the left, of numbers to the right."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in words else "right")
    for row in rows:
        table.add_row(*row)
    # Where the table goes into a file, no terminal limits its width.
    Console(width=None if sys.stdout.isatty() else 140).print(table)
