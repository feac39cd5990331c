"""`jaxloss gradcheck`: four ways to the gradients of SSIM held against each other."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ._cache import keep_compiled_programs
from ._terminal import note, show, table, working


if TYPE_CHECKING:
    from ..evaluate import GradientCheck


WAYS = ("reverse", "forward", "closed form", "finite differences")


def gradcheck(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGE [REFERENCE]]", help="By default the sample photograph and a noisy copy."),
    ] = None,
) -> None:
    """Check the gradients of SSIM, multi-sigma SSIM and MS-SSIM: reverse mode, forward mode, closed form, differences.

    Shown are the largest errors relative to the largest derivative. Of one image, a noisy copy is checked against it;
    of large images the center. The exit code is 1 if an error is out of tolerance.
    """
    from .. import evaluate
    from ..images import read_image

    files = [read_image(path) for path in images or []]
    x, y, notes = evaluate.gradient_pair(files)
    note([*(text for file in files for text in file.notes), *notes])
    keep_compiled_programs()
    with working("Compiling and comparing, about half a minute"):
        checks = evaluate.check_gradients(x, y)
    show(gradient_table(checks))
    failures = [f"{way} of {check.metric} in {check.dtype}" for check in checks for way in check.failures]
    if failures:
        typer.echo(f"jaxloss: out of tolerance: {', '.join(failures)}.", err=True)
        raise typer.Exit(1)


def gradient_table(checks: "Iterable[GradientCheck]") -> Table:
    """One line for each metric and precision: the error of each way to the gradient, those out of tolerance marked."""
    headings = [way.replace(" ", "\n") for way in WAYS]
    rows = table("metric", "dtype", *headings, "result", right=headings)
    for check in checks:
        cells = [_error(check, way) for way in WAYS]
        rows.add_row(check.metric, check.dtype, *cells, "[red]FAILED[/]" if check.failures else "ok")
    return rows


def _error(check: "GradientCheck", way: str) -> str:
    if way not in check.errors:
        return "yardstick" if way == "reverse" else "-"
    text = f"{check.errors[way]:.1e}"
    return f"[red]{text}[/]" if way in check.failures else text
