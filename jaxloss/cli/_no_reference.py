"""`jaxloss no-reference`: how images look by themselves."""

from typing import Annotated

import typer

from .._files import InputError
from ._cache import keep_compiled_programs
from ._options import Metrics
from ._scores import score_csv, score_json, score_tables
from ._terminal import note, show, working


def no_reference(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Images of any sizes.")],
    metrics: Metrics = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with null for what is not computed.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, with empty cells for what is not computed.")
    ] = False,
) -> None:
    """Score images by themselves, without a reference: BRISQUE and NIQE.

    Of several images, the best of each metric are marked with a star.

    Reads all that Pillow reads, as values in [0, 1]. What was done to a file (alpha, orientation) is said on stderr.
    """
    from .. import evaluate, images as pictures

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other. Choose one.")
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    chosen = evaluate.choose_no_reference(names)
    files = [pictures.read_image(path) for path in images]
    keep_compiled_programs()
    with working("Scoring"):
        scores = evaluate.assess([file.pixels for file in files], metrics=[row.name for row in chosen])
    note(text for file in files for text in file.notes)
    for path, file in zip(images, files, strict=True):
        lacking = {row.name: row.misfit(file.pixels.shape) for row in chosen}
        note(f"{path}: {name} is not computed: {words}." for name, words in lacking.items() if words)
    rows = list(zip(images, scores, strict=True))
    if as_json or as_csv:
        typer.echo(score_json(rows) if as_json else score_csv(rows))
    else:
        show(*score_tables(rows, metrics={row.name: row for row in chosen}))
