"""`jaxloss train-artifacts`: networks whose faults become distortions."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from ._cache import keep_compiled_programs
from ._terminal import note, progress


Artifacts = Annotated[
    str | None,
    typer.Option("--artifacts", metavar="FILE.safetensors", help="Of train-artifacts: distortions more, by networks."),
]


@contextlib.contextmanager
def among_distortions(path: str | None) -> Iterator[None]:
    """The networks of a file, for as long as a command runs."""
    if path is None:
        yield
        return
    from ..judgments.distortions import DISTORTIONS
    from ..training import load_artifacts

    before, more = dict(DISTORTIONS), load_artifacts(path)
    DISTORTIONS.update(more)
    try:
        yield
    finally:
        DISTORTIONS.clear()
        DISTORTIONS.update(before)


def train_artifacts(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Of color photographs to train on.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.safetensors", help="The file to write.")],
    count: Annotated[int, typer.Option(help="How many networks; tasks are taken in turn.")] = 5,
    tasks: Annotated[
        str, typer.Option(help="Separated by commas.")
    ] = "super-resolution,denoising,colorization,style,autoencoding",
    steps: Annotated[int, typer.Option(help="Of each training.")] = 400,
    crop: Annotated[int, typer.Option(help="Side of the crops in pixels.")] = 64,
    batch: Annotated[int, typer.Option(help="Crops in a step.")] = 4,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    sheet: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw what each network makes of the photographs.")
    ] = None,
) -> None:
    """Train small restoration networks drawn at random, for their artifacts as distortions (Zhang et al. 2018).

    Each takes 10 to 60 s on two cores. jaxloss.training.load_artifacts reads the file.
    """
    from .. import images, training

    if sheet is not None:
        images.check_destination(sheet)
    keep_compiled_programs()
    try:
        with progress("Training", count * steps) as report:
            artifacts, notes = training.train_artifacts(
                folder,
                output,
                count=count,
                tasks=[task.strip() for task in tasks.split(",") if task.strip()],
                steps=steps,
                crop=crop,
                batch=batch,
                seed=seed,
                progress=report,
            )
    except KeyboardInterrupt as stop:
        note(["stopped. Nothing is written."])
        raise typer.Exit(130) from stop
    if sheet is not None:
        photographs, _ = images.read_photographs(folder, crop)
        images.save_picture(training.artifact_sheet(artifacts, photographs, seed=seed), sheet)
    note(notes)
    typer.echo(f"Wrote {output}: {', '.join(artifacts)}.")
