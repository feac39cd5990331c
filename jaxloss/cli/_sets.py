"""`jaxloss fid`: one set of images against another."""

from pathlib import Path
from typing import Annotated

import typer

from .._checks import suggestion
from .._files import InputError, check_destination
from ._cache import keep_compiled_programs
from ._terminal import show, table, working


EXTENSION = ".npz"


def fid(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="Folder of images, or .npz of pytorch-fid, ADM or --save.")
    ],
    tests: Annotated[list[str], typer.Argument(metavar="FOLDER", help="Folders of images to score.")],
    convention: Annotated[
        str, typer.Option(help="Whose FID: adm, torch-fidelity, pytorch-fid or clean-fid.")
    ] = "pytorch-fid",
    dimension: Annotated[int, typer.Option(help="Of the features: 64, 192, 768 or 2048, which FID is of.")] = 2048,
    batch_size: Annotated[int, typer.Option(help="Images that go through the network at once.")] = 32,
    allow_singular: Annotated[
        bool, typer.Option("--allow-singular", help="Take sets of up to as many images as dimensions.")
    ] = False,
    save: Annotated[str | None, typer.Option(metavar="FILE.npz", help="Keep the statistics of the reference.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fréchet inception distance of folders of images to a reference, and their Inception score.

    Statistics in a file must be of the same convention, of which the file says nothing. The network is downloaded
    once: jaxloss weights fetch inception.
    """
    from .. import evaluate
    from ..evaluate._formats import json_text
    from ..sets import FID_CONVENTIONS, frechet_score

    if convention not in FID_CONVENTIONS:
        raise InputError(f"no convention {convention!r}. {suggestion(convention, FID_CONVENTIONS)}")
    known = Path(reference).suffix == EXTENSION
    if save is not None:
        if known:
            raise InputError(f"{reference}: is a file of statistics already. Leave --save out.")
        check_destination(save, [EXTENSION], "file of statistics")
    target = evaluate.read_statistics(reference) if known else None
    if target is not None and target.mean.size != dimension:
        raise InputError(
            f"{reference}: is of {target.mean.size} dimensions. Name them: --dimension {target.mean.size}."
        )
    keep_compiled_programs()
    folders = tests if known else [reference, *tests]
    with working("Looking at images") as status:
        found = evaluate.set_statistics(
            folders,
            convention=convention,
            dimension=dimension,
            batch=batch_size,
            allow_singular=allow_singular,
            progress=lambda done, count: status.update(f"Looking at images: {done} of {count}"),
        )
        if target is None:
            target = found.pop(0).statistics
        distances = [frechet_score(part.statistics, target) for part in found]
    if save is not None:
        evaluate.save_statistics(save, target)
    rows = list(zip(tests, found, distances, strict=True))
    if as_json:
        sets = [
            {"set": name, "images": part.images, "fid": distance, "inception_score": part.inception_score}
            for name, part, distance in rows
        ]
        typer.echo(json_text({"reference": reference, "convention": convention, "dimension": dimension, "sets": sets}))
        return
    lines = table("set", "images", "FID ↓", "Inception score ↑", right=("images", "FID ↓", "Inception score ↑"))
    for name, part, distance in rows:
        score = "-" if part.inception_score != part.inception_score else f"{part.inception_score:.4f}"
        lines.add_row(name, str(part.images), f"{distance:.4f}", score)
    show(lines, f"FID of {convention} to {reference}, {dimension} dimensions")
    if save is not None:
        typer.echo(f"Wrote {save}.")
