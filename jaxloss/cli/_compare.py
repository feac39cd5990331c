"""`jaxloss compare`: every metric on a reference and some images."""

from typing import Annotated

import typer

from .._files import InputError
from ._cache import keep_compiled_programs
from ._options import AsCSV, AsJSON, Display, Exposure, Metrics, Params
from ._scores import score_csv, score_json, score_tables
from ._terminal import note, show, working


def compare(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The image that the others are held against.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Images of the same size.")],
    metrics: Metrics = None,
    display: Display = None,
    exposure: Exposure = None,
    params: Params = None,
    as_json: AsJSON = False,
    as_csv: AsCSV = False,
    map_file: Annotated[
        str | None, typer.Option("--map", metavar="FILE.png", help="Draw where the images differ, beside them.")
    ] = None,
    map_metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The metric of that map: ssim by default, or lpips ...")
    ] = None,
) -> None:
    """Score images against a reference by every metric.

    Of several images, the best of each metric are marked with a star.

    Reads all that Pillow reads, as values in [0, 1], and, with jaxloss[hdr], light in .exr and .hdr, which metrics take
    on a linear --display. What was done to a file (alpha, orientation) is said on stderr.
    Compiled programs are kept in the user's cache: what JAXLOSS_CACHE names is their folder instead, or "off" for none.
    """
    from .. import evaluate, images as pictures

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other. Choose one.")
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    own = [evaluate.metric_from_file(path) for path in params or []]
    rows = evaluate.choose_metrics([*evaluate.choose_metrics(names), *own])
    shown = evaluate.find_display(display, exposure)
    chosen = evaluate.suited(rows, [reference, *images], shown, named=bool(names or own))
    if map_file is None and map_metric is not None:
        raise InputError("--map-metric says what to draw. Say where to, with --map FILE.png.")
    read = pictures.read_light if pictures.is_light(reference) else pictures.read_image
    if map_file is not None:
        if read is pictures.read_light:
            raise InputError(f"{reference}: no map is drawn of light. Leave --map out.")
        pictures.choose_map(map_metric or "ssim")
        pictures.check_destination(map_file, [reference, *images])
    base, others = read(reference), [read(path) for path in images]
    for image in others:
        pictures.check_comparable(base, image)
    keep_compiled_programs()
    with working("Comparing"):
        if map_file is not None:  # first: what cannot be drawn is told before the long work
            picture = pictures.heat_map_picture(base, others, metric=map_metric or "ssim")
            pictures.save_picture(picture, map_file)
        scores = evaluate.compare(base.pixels, [image.pixels for image in others], metrics=chosen)
    note(text for file in (base, *others) for text in file.notes)
    note(evaluate.shape_notes(chosen, base.pixels.shape))
    rows = list(zip(images, scores, strict=True))
    if as_json or as_csv:
        typer.echo(score_json(rows) if as_json else score_csv(rows))
    else:
        show(*score_tables(rows, metrics={row.name: row for row in chosen}))
        if map_file is not None:
            typer.echo(f"Wrote {map_file}.")
