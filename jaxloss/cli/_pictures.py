"""`jaxloss demo` and `jaxloss stylize`: commands that make a picture."""

from typing import Annotated

import typer

from ._cache import keep_compiled_programs
from ._scores import score_tables
from ._terminal import note, progress, show, working


def demo(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The picture to write.")
    ] = "jaxloss-demo.png",
) -> None:
    """Score six distortions of a photograph, equal in squared error, and draw a contact sheet of them."""
    from .. import evaluate

    keep_compiled_programs()
    with working("Scoring six distortions"):
        scores = evaluate.demo(output)
    show(*score_tables(list(scores.items())))
    typer.echo(f"Wrote {output}: the images, where their structure differs, and their scores.")


def stylize(
    content: Annotated[str, typer.Argument(metavar="CONTENT", help="The image whose objects are kept.")],
    style: Annotated[str, typer.Argument(metavar="STYLE", help="The image whose colors and textures are taken.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.png", help="The picture to write.")],
    size: Annotated[int, typer.Option(help="Longest side of the picture in pixels.")] = 256,
    steps: Annotated[int, typer.Option(help="Steps of the optimizer.")] = 150,
    style_weight: Annotated[float, typer.Option(help="More of it leaves less of the content.")] = 1e4,
    content_weight: Annotated[float, typer.Option(help="More of it keeps more of the content.")] = 1.0,
    smoothness: Annotated[float, typer.Option(help="Weight of the total variation, against grain.")] = 200.0,
    optimizer: Annotated[str, typer.Option(metavar="lbfgs|adam", help="Optax's L-BFGS or Adam.")] = "lbfgs",
    start: Annotated[str, typer.Option(metavar="content|noise", help="What to start from.")] = "content",
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
) -> None:
    """Paint one image in the style of another (Gatys et al. 2016). Takes about two minutes on two cores."""
    from .. import images
    from ..images._pictures import picture_of

    images.check_destination(output, [content, style])
    files = [images.read_image(path) for path in (content, style)]
    keep_compiled_programs()
    with progress("Painting", steps) as painting:
        picture = images.stylize(
            files[0].pixels,
            files[1].pixels,
            size=size,
            steps=steps,
            style_weight=style_weight,
            content_weight=content_weight,
            smoothness=smoothness,
            optimizer=optimizer,
            start=start,
            seed=seed,
            progress=painting,
        )
    images.save_picture(picture_of(picture), output)
    note(text for file in files for text in file.notes)
    typer.echo(f"Wrote {output}, {picture.shape[1]} x {picture.shape[0]} pixels.")
