"""`jaxloss evaluate`: whole folders, on all devices, in a folder that a run goes on in."""

import os
from typing import Annotated, Literal

import jax
import typer

from .._files import InputError
from ._cache import keep_compiled_programs
from ._options import Display, Exposure, Metrics
from ._terminal import counting, note, show


AUTO = "auto"
STOPPED = 130  # what shells take for Ctrl-C


def evaluate(
    references: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="A folder; one image for all; or a list, FILE.csv or FILE.jsonl.")
    ],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FOLDER", help="Where scores and report are put.")],
    tests: Annotated[
        list[str] | None, typer.Argument(metavar="TEST", help="A folder of images of each method.")
    ] = None,
    metrics: Metrics = None,
    display: Display = None,
    exposure: Exposure = None,
    match: Annotated[
        Literal["relative", "stem"],
        typer.Option(help="Paths from the folders must be equal: as they are, or but for the extension."),
    ] = "relative",
    video: Annotated[
        bool,
        typer.Option(
            "--video", help="Frames in one folder, or one file, are a video: means, each frame, and temporal_lpips."
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Of pairs of each method, the first ones by name.")] = None,
    batch_size: Annotated[str, typer.Option(metavar="N|auto", help="Images in a batch, of all devices.")] = AUTO,
    devices: Annotated[int | None, typer.Option(help="How many to use; by default all.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first pair that fails or file without a partner.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Whether to write the report, too.")] = True,
    coordinator: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Of the first process, where several share the work.")
    ] = None,
    processes: Annotated[int | None, typer.Option(help="How many share the work.")] = None,
    process: Annotated[int | None, typer.Option(help="Number of this one, from 0.")] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="Let JAX find out all three: Slurm, MPI, TPU.")] = False,
) -> None:
    """Score folders of images, one for each method, against their references.

    The folder of the output gets a line for each pair in scores.jsonl as soon as it is scored, and in the end a table,
    a summary and a page to look at. Ctrl-C, or whatever else stops it: the same command goes on.

    The exit code is 0 if all pairs have scores; 1 if some have failed, of which scores.jsonl says why; 2 if it could
    not begin or go on, with --strict at the first failure; 130 after Ctrl-C.

    A list has columns reference and test, and perhaps method and name: CSV, or JSON lines with these keys.
    """
    from .. import evaluate as room

    size = None if batch_size == AUTO else _whole(batch_size)
    if cluster or any(value is not None for value in (coordinator, processes, process)):
        room.join_processes(coordinator, processes=processes, process=process)
    keep_compiled_programs()
    try:
        with counting("Scoring", "pairs") as progress:
            found = room.evaluate(
                references,
                tests or (),
                output=output,
                metrics=None if metrics is None else [name.strip() for name in metrics.split(",")],
                display=room.find_display(display, exposure),
                match=match,
                video=video,
                limit=limit,
                batch_size=size,
                devices=devices,
                strict=strict,
                progress=progress,
                note=lambda text: note([text]),
            )
        if report and jax.process_index() == 0:
            room.write_report(output)
    except KeyboardInterrupt as stop:
        note([f"stopped. What is scored is in {output}: the same command goes on."])
        _leave_others(STOPPED)
        raise typer.Exit(STOPPED) from stop
    except InputError as error:
        if jax.process_count() > 1:
            typer.echo(f"jaxloss: {error}", err=True)
        _leave_others(2)
        raise
    failed = sum("error" in row for row in found.rows)
    if jax.process_index() == 0:
        show(f"Scored {len(found.rows) - failed} of {len(found.rows)} pairs: {output}")
    raise typer.Exit(1 if failed else 0)


def _leave_others(code: int) -> None:
    """Of several processes one ends at once: JAX would wait for the others, and for minutes for a dead one."""
    if jax.process_count() > 1:
        os._exit(code)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"--batch-size must be a whole number or {AUTO}, got {text!r}.")
    return int(text)
