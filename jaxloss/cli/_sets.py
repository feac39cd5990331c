"""`jaxloss fid`: sets of images against another one."""

import math
from pathlib import Path
from typing import Annotated

import typer

from .._files import InputError, check_destination
from ..backbones._inception import SPATIAL
from ._cache import keep_compiled_programs
from ._terminal import show, table, working


EXTENSION = ".npz"
HEADINGS = {"fid": "FID", "kid": "KID", "inception_score": "Inception score"}
ARROWS = {"lower": "↓", "higher": "↑"}


def fid(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="Folder of images, or .npz of pytorch-fid, ADM or --save.")
    ],
    tests: Annotated[list[str], typer.Argument(metavar="FOLDER", help="Folders of images to score.")],
    convention: Annotated[
        str, typer.Option(help="Whose FID: adm, torch-fidelity, pytorch-fid or clean-fid.")
    ] = "pytorch-fid",
    metrics: Annotated[
        str,
        typer.Option(help="Out of fid, inception_score, kid, precision, recall, density, coverage; with commas."),
    ] = "fid,inception_score",
    dimension: Annotated[
        int, typer.Option(help="Of the features: 2048, which FID is of; 64, 192 or 768; 2023, which sFID is of.")
    ] = 2048,
    batch_size: Annotated[int, typer.Option(help="Images that go through the network at once, on all devices.")] = 32,
    devices: Annotated[int | None, typer.Option(help="How many to use; by default all.")] = None,
    allow_singular: Annotated[
        bool, typer.Option("--allow-singular", help="Take sets of up to as many images as dimensions.")
    ] = False,
    subsets: Annotated[int, typer.Option(help="Random ones, of which kid is the mean.")] = 100,
    subset_size: Annotated[int, typer.Option(help="Images in each of them.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the subsets.")] = 0,
    save: Annotated[str | None, typer.Option(metavar="FILE.npz", help="Keep the statistics of the reference.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fréchet inception distance of folders of images to a reference, their Inception score, and others.

    Statistics in a file must be of the same convention, of which the file says nothing; they are enough for fid and
    inception_score. The network is downloaded once: jaxloss weights fetch inception.
    """
    from .. import evaluate
    from ..evaluate._formats import json_text

    if save is not None:
        if Path(reference).suffix == EXTENSION:
            raise InputError(f"{reference}: is a file of statistics already. Leave --save out.")
        check_destination(save, [EXTENSION], "file of statistics")
    keep_compiled_programs()
    with working("Looking at images") as status:
        found = evaluate.score_sets(
            reference,
            tests,
            convention=convention,
            metrics=list(dict.fromkeys(name.strip() for name in metrics.split(","))),
            dimension=dimension,
            batch=batch_size,
            devices=devices,
            allow_singular=allow_singular,
            subsets=subsets,
            subset_size=subset_size,
            seed=seed,
            progress=lambda done, count: status.update(f"Looking at images: {done} of {count}"),
        )
    if save is not None:
        evaluate.save_statistics(save, found.reference, spatial=dimension == SPATIAL)
    rows = list(zip(tests, found.sets, strict=True))
    if as_json:
        sets = [{"set": name, "images": part.images, **part.scores} for name, part in rows]
        typer.echo(json_text({"reference": reference, "convention": convention, "dimension": dimension, "sets": sets}))
        return
    names = [name for name in found.sets[0].scores if name in evaluate.SET_SCORES]
    titles = HEADINGS | ({"fid": "sFID"} if dimension == SPATIAL else {})
    headings = [f"{titles.get(name, name)} {ARROWS[evaluate.SET_SCORES[name].better]}" for name in names]
    lines = table("set", "images", *headings, right=("images", *headings))
    for name, part in rows:
        lines.add_row(name, str(part.images), *(_cell(part.scores, score) for score in names))
    show(lines, f"To {reference}, by {dimension} features as {convention} has them")
    if save is not None:
        typer.echo(f"Wrote {save}.")


def _cell(scores: dict[str, float], name: str) -> str:
    """With its deviation, where there is one."""
    deviation = scores.get(f"{name}_deviation")
    digits = 4 if deviation is None else 6  # of KID, which is small
    text = "-" if math.isnan(scores[name]) else f"{scores[name]:.{digits}f}"
    return text if deviation is None else f"{text} ± {deviation:.{digits}f}"
