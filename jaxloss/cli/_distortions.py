"""`jaxloss distortions`: a picture of what each distortion does."""

from typing import Annotated

import typer

from .._files import InputError
from ._artifacts import Artifacts, among_distortions
from ._cache import keep_compiled_programs
from ._terminal import note, working


def distortions(
    image: Annotated[
        str | None, typer.Argument(metavar="IMAGE", help="What to distort; by default the photograph of the package.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE.png", help="The picture to write.")
    ] = "distortions.png",
    strengths: Annotated[str, typer.Option(help="From 0 to 1, separated by commas; a column each.")] = "0.1,0.25,0.5,1",
    families: Annotated[
        str | None,
        typer.Option(help="noise, blur, photometric, spatial, compression, cnn, separated by commas. All by default."),
    ] = None,
    artifacts: Artifacts = None,
    seed: Annotated[int, typer.Option(help="Of noise and directions.")] = 0,
) -> None:
    """Draw a contact sheet of all distortions: a row for each, a column for each strength.

    The image is reduced to 224 pixels first. What a strength means is in jaxloss.judgments.distortions.DISTORTIONS.
    """
    from .. import images
    from ..images._distortion_sheet import check_strengths, choose_distortions

    chosen = None if families is None else [name.strip() for name in families.split(",") if name.strip()]
    numbers = [_number(text) for text in strengths.split(",")]
    check_strengths(numbers)
    with among_distortions(artifacts):
        names = choose_distortions(chosen)
        images.check_destination(output, [name for name in (image, artifacts) if name is not None])
        pixels, notes = images.sample_photograph(), ()
        if image is not None:
            _, pixels, notes = images.read_image(image)
        keep_compiled_programs()
        with working("Distorting"):
            sheet = images.distortion_sheet(pixels, strengths=numbers, families=chosen, seed=seed)
    images.save_picture(sheet, output)
    note(notes)
    typer.echo(f"Wrote {output}: {len(names)} distortions at {len(numbers)} strengths.")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"--strengths: expected numbers separated by commas, got {text.strip()!r}.") from error
