"""What the commands share: how they print tables and notes, show that they are at work, and help."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup


class Group(TyperGroup):
    """Commands that, called without one, are listed: a question, and no mistake."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Click comes with Typer, under changing names.
        return super().parse_args(ctx, args or ["--help"])


def table(*headings: str, right: Collection[str] = ()) -> Table:
    """The one look of all tables; words too long for their column are folded, so that nothing is lost."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in headings:
        rows.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return rows


def show(*parts: RenderableType) -> None:
    console = Console()
    for part in parts:
        console.print(part, highlight=not isinstance(part, str))


def note(notes: Iterable[str]) -> None:
    """Each once, on stderr."""
    for text in dict.fromkeys(notes):
        typer.echo(f"jaxloss: note: {text}", err=True)


def working(message: str) -> AbstractContextManager[Any]:
    """A sign of life, on terminals only."""
    return Console(stderr=True).status(message)


@contextmanager
def progress(message: str, steps: int) -> Iterator[Callable[[int, float], object]]:
    """A bar, on terminals only; what it gives is called with the number of steps done and the loss."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    loss_column = TextColumn("loss {task.fields[loss]}")
    with Progress(*columns, loss_column, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(message, total=steps, loss="-")
        yield lambda step, loss: bar.update(task, completed=step, loss=f"{loss:.4g}")


class _Speed(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.3g} {self.unit}/s")


@contextmanager
def counting(message: str, unit: str) -> Iterator[Callable[[int, int], object]]:
    """A bar with speed and remaining time, on terminals only; what it gives is called with the number done and all."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(unit), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(message, total=None)
        yield lambda done, count: bar.update(task, completed=done, total=count)
