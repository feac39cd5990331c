"""`jaxloss quality`, `jaxloss rate-distortion` and `jaxloss style-score`: metrics at work on files."""

from typing import TYPE_CHECKING, Annotated

import typer

from .._files import InputError
from ._application_tables import delta_table, quality_table, rate_table
from ._cache import keep_compiled_programs
from ._options import AsCSV, AsJSON, Metrics
from ._terminal import note, show, table, working


if TYPE_CHECKING:
    from ..evaluate import StyleScore
    from ..images import ImageFile


def quality(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE_FOLDER", help="The images as they should be.")],
    images: Annotated[str, typer.Argument(metavar="IMAGE_FOLDER", help="The images to score, by the same names.")],
    metrics: Metrics = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw how the scores of each metric are distributed.")
    ] = None,
    as_json: AsJSON = False,
    as_csv: AsCSV = False,
) -> None:
    """Score a folder of generated or reconstructed images against those of the same name in another one.

    Prints mean, spread and quantiles of each metric; with --csv the scores of each image, with --json both.
    """
    from .. import evaluate, images as pictures
    from ..evaluate._formats import json_text
    from ._scores import score_csv

    _one_of(as_json, as_csv)
    chosen = evaluate.choose_metrics(_names(metrics))
    if plot is not None:
        pictures.check_destination(plot)
    keep_compiled_programs()
    with working("Scoring") as status:
        found = evaluate.score_folders(
            reference,
            images,
            metrics=chosen,
            progress=lambda done, count: status.update(f"Scoring: {done} of {count}"),
        )
    if plot is not None:
        pictures.save_picture(evaluate.plot_distributions(found.scores, metrics=chosen), plot)
    note(found.notes)
    summaries = evaluate.summarize(found.scores, metrics=chosen)
    rows = list(found.scores.items())
    if as_csv:
        typer.echo(score_csv(rows))
    elif as_json:
        by_metric = {name: summary._asdict() for name, summary in summaries.items()}
        typer.echo(json_text({"metrics": by_metric, "images": [{"image": name, **scores} for name, scores in rows]}))
    else:
        show(quality_table(summaries, {row.name: row for row in chosen}))
        _wrote(plot)


def rate_distortion(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Photographs, best not compressed before.")],
    codecs: Annotated[str, typer.Option(help="Out of jpeg, webp and avif; others are held against the first.")] = (
        "jpeg,webp,avif"
    ),
    qualities: Annotated[str, typer.Option(help="From 1 to 100, separated by commas.")] = "10,30,50,70,90",
    metrics: Annotated[str, typer.Option(help="Names of metrics, separated by commas.")] = "psnr,ssim,lpips",
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE.png", help="Draw each metric over bytes per pixel.")
    ] = None,
    as_json: AsJSON = False,
    as_csv: AsCSV = False,
) -> None:
    """Encode images by several codecs and qualities: metrics over bytes per pixel, and how far apart the codecs are.

    All numbers are means over the images. Codecs are those of Pillow with its defaults; --csv prints the curves,
    --json also the Bjøntegaard deltas.
    """
    from .. import evaluate, images as pictures
    from ..evaluate._formats import csv_text, json_text
    from ..evaluate._rate_distortion import choose_codecs, choose_qualities

    _one_of(as_json, as_csv)
    chosen, coders = evaluate.choose_metrics(_names(metrics)), choose_codecs(_names(codecs) or [])
    levels = choose_qualities(_whole(text) for text in _names(qualities) or [])
    if output is not None:
        pictures.check_destination(output, images)
    files = [pictures.read_image(path) for path in images]
    for file in files:
        for text in evaluate.shape_notes(chosen, file.pixels.shape):
            raise InputError(f"{file.name}: {text}")
    keep_compiled_programs()
    with working("Encoding and scoring"):
        pixels = [file.pixels for file in files]
        curves = evaluate.rate_distortion(pixels, codecs=coders, qualities=levels, metrics=chosen)
    if output is not None:
        pictures.save_picture(evaluate.plot_rate_distortion(curves, metrics=chosen), output)
    deltas = evaluate.codec_deltas(curves)
    note(text for file in files for text in file.notes)
    note(text for delta in deltas for text in delta.notes)
    points = [(codec, point) for codec, of_codec in curves.items() for point in of_codec]
    names = [row.name for row in chosen]
    if as_csv:
        rows = ([codec, point.quality, point.bytes_per_pixel, *point.scores.values()] for codec, point in points)
        typer.echo(csv_text(["codec", "quality", "bytes_per_pixel", *names], rows))
    elif as_json:
        flat = [{"codec": codec, **point._asdict()} for codec, point in points]
        typer.echo(json_text({"points": flat, "deltas": [delta._asdict() for delta in deltas]}))
    else:
        show(rate_table(curves, chosen))
        if deltas:
            show(delta_table(deltas, {row.name: row for row in chosen}))
        _wrote(output)


def style_score(
    content: Annotated[str, typer.Argument(metavar="CONTENT", help="The image whose objects were to be kept.")],
    style: Annotated[str, typer.Argument(metavar="STYLE", help="The image whose style was to be taken.")],
    stylized: Annotated[list[str], typer.Argument(metavar="STYLIZED", help="What became of it; several are compared.")],
    as_json: AsJSON = False,
    as_csv: AsCSV = False,
) -> None:
    """Score stylized pictures: content preserved, style taken (1 is all, 0 none), and detail that is of neither.

    Artifacts are the share of the energy of fine detail, from 0 to 1, that neither image has: checkerboards and grain.
    """
    from .. import evaluate, images as pictures
    from ..evaluate._formats import csv_text, json_text

    _one_of(as_json, as_csv)
    sources = [pictures.read_image(path) for path in (content, style)]
    files = [pictures.read_image(path) for path in stylized]
    keep_compiled_programs()
    with working("Scoring"):
        scores = [_style_score(sources[0], sources[1], file) for file in files]
    note(text for file in (*sources, *files) for text in file.notes)
    names = evaluate.StyleScore._fields
    if as_csv:
        typer.echo(csv_text(["image", *names], ([file, *score] for file, score in zip(stylized, scores, strict=True))))
    elif as_json:
        pairs = zip(stylized, scores, strict=True)
        typer.echo(json_text([{"image": name, **score._asdict()} for name, score in pairs]))
    else:
        headings = [f"{name} {'↓' if name == 'artifacts' else '↑'}" for name in names]
        rows = table("image", *headings, right=headings)
        for name, score in zip(stylized, scores, strict=True):
            rows.add_row(name, *(f"{value:.3f}" for value in score))
        show(rows)


def _style_score(content: "ImageFile", style: "ImageFile", stylized: "ImageFile") -> "StyleScore":
    from ..evaluate import style_score

    try:
        return style_score(content.pixels, style.pixels, stylized.pixels)
    except InputError as error:
        raise InputError(f"{stylized.name}: {error}") from error


def _one_of(as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other. Choose one.")


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"qualities must be whole numbers from 1 to 100, got {text!r}.") from error


def _wrote(path: str | None) -> None:
    if path is not None:
        typer.echo(f"Wrote {path}.")
