"""All commands, and what becomes of mistakes."""

import atexit
import contextlib
import gc
import io
import os
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from .._files import InputError
from ._applications import quality, rate_distortion, style_score
from ._artifacts import train_artifacts
from ._compare import compare
from ._curves import sde
from ._datasets import dataset
from ._distortions import distortions
from ._evaluate import evaluate
from ._gradcheck import gradcheck
from ._judge import judge
from ._metrics import list_metrics
from ._no_reference import no_reference
from ._pictures import demo, stylize
from ._recipes import list_recipes
from ._report import report
from ._sets import fid
from ._terminal import Group
from ._training import train_lpips
from ._weights import weights


app = typer.Typer(
    cls=Group,
    help="Image losses and image-quality metrics: compare image files, check gradients, see a demonstration.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(compare)
app.command("no-reference")(no_reference)
app.command()(gradcheck)
app.command()(demo)
app.command()(stylize)
app.command()(distortions)
app.command()(judge)
app.command()(evaluate)
app.command()(report)
app.command()(quality)
app.command("rate-distortion")(rate_distortion)
app.command("style-score")(style_score)
app.command()(fid)
app.command("train-artifacts")(train_artifacts)
app.command("train-lpips")(train_lpips)
app.command("metrics")(list_metrics)
app.command("recipes")(list_recipes)
app.add_typer(weights, name="weights")
app.add_typer(sde, name="sde")
app.add_typer(dataset, name="dataset")


def main() -> NoReturn:
    """Run the command of `sys.argv`; what the user got wrong is one line on stderr and exit code 2."""
    gc.set_threshold(100_000)  # Tracing makes many objects and little garbage: collecting it takes a sixth of the time.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Arrows and lines must not end a command where stdout is ASCII.
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains as it exits
        code = 1
    except Exception as error:
        message = _mistake(error)
        if message is None:
            raise
        typer.echo(f"jaxloss: {' '.join(message.split())}", err=True)
        code = 2
    sys.exit(code or 0)


def run() -> NoReturn:
    """`main` of a process of its own, which ends at once.

    To take an interpreter down takes a fifth of a second where there are many compiled programs, and threads that still
    compile, after Ctrl-C, would crash in it.
    """
    try:
        main()
    except SystemExit as end:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)


def _mistake(error: Exception) -> str | None:
    """What the user got wrong, or None if the fault is the program's."""
    from ..weights._errors import WeightsError

    # The usage errors of Typer have this method in all its versions, but no public class in common.
    describe = getattr(error, "format_message", None)
    return describe() if describe else str(error) if isinstance(error, InputError | WeightsError) else None


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"jaxloss {version('jaxloss')}")
        raise typer.Exit
    return wanted


@app.callback()
def _start(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Nothing of its own: options of no command."""
