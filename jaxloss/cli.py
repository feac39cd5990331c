"""The command line: parse, call, print."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer

from ._sde_command import sde


app = typer.Typer(
    help="Image losses and image-quality metrics: compare image files, check gradients, see a demonstration.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
weights = typer.Typer(help="Weights of networks: which there are, and where; download, convert and verify them.")
app.add_typer(weights, name="weights")
app.add_typer(sde, name="sde")


def main() -> NoReturn:
    """Run the command of `sys.argv`; what the user got wrong is one line on stderr and exit code 2."""
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


def _mistake(error: Exception) -> str | None:
    """What the user got wrong, or None if the fault is the program's."""
    from .evaluate import InputError
    from .weights._errors import WeightsError

    # The usage errors of Typer have this method in all its versions, but no public class in common.
    describe = getattr(error, "format_message", None)
    return describe() if describe else str(error) if isinstance(error, InputError | WeightsError) else None


def _note(notes: Iterable[str]) -> None:
    for note in dict.fromkeys(notes):
        typer.echo(f"jaxloss: note: {note}", err=True)


def _working(message: str) -> AbstractContextManager[Any]:
    """A sign of life, on terminals only."""
    from rich.console import Console

    return Console(stderr=True).status(message)


@contextmanager
def _progress(message: str, steps: int) -> Iterator[Callable[[int, float], object]]:
    """A bar, on terminals only; what it gives is called with the number of steps done and the loss."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    loss_column = TextColumn("loss {task.fields[loss]}")
    with Progress(*columns, loss_column, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(message, total=steps, loss="-")
        yield lambda step, loss: bar.update(task, completed=step, loss=f"{loss:.4g}")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jaxloss {version('jaxloss')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def compare(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The image that the others are held against.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Images of the same size.")],
    metrics: Annotated[str | None, typer.Option(help="Names of metrics, separated by commas. All by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help='Print JSON, with "inf" and null (not computed).')] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with inf and empty cells (not computed).")] = False,
    map_file: Annotated[
        str | None, typer.Option("--map", metavar="FILE.png", help="Draw a heat map of 1 - SSIM beside the images.")
    ] = None,
) -> None:
    """Score images against a reference by every metric.

    Reads all that Pillow reads, as values in [0, 1]. What was done to a file (alpha, orientation) is said on stderr.
    """
    from . import evaluate
    from .evaluate import _images, _reports, _saving

    if as_json and as_csv:
        raise evaluate.InputError("--json and --csv exclude each other. Choose one.")
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    chosen = evaluate.choose_metrics(names)
    if map_file is not None:
        _saving.check_destination(map_file, [reference, *images])
    base, others = evaluate.read_image(reference), [evaluate.read_image(path) for path in images]
    for image in others:
        _images.check_comparable(base, image)
    with _working("Comparing"):
        scores = evaluate.compare(base.pixels, [image.pixels for image in others], metrics=names)
        if map_file is not None:
            evaluate.save_picture(evaluate.heat_map_picture(base, others), map_file)
    _note(note for file in (base, *others) for note in file.notes)
    _note(evaluate.shape_notes(chosen, base.pixels.shape))
    rows = list(zip(images, scores, strict=True))
    if as_json or as_csv:
        typer.echo(_reports.score_json(rows) if as_json else _reports.score_csv(rows))
    else:
        _print_scores(rows)
        if map_file is not None:
            typer.echo(f"Wrote {map_file}.")


@app.command()
def gradcheck(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGE [REFERENCE]]", help="By default the sample photograph and a noisy copy."),
    ] = None,
) -> None:
    """Check the gradients of SSIM, multi-sigma SSIM and MS-SSIM: reverse mode, forward mode, closed form, differences.

    Shown are the largest errors relative to the largest derivative. Of one image, a noisy copy is checked against it;
    of large images the center. The exit code is 1 if an error is out of tolerance.
    """
    from rich.console import Console

    from . import evaluate
    from .evaluate._reports import gradient_table

    files = [evaluate.read_image(path) for path in images or []]
    x, y, notes = evaluate.gradient_pair(files)
    _note([*(note for file in files for note in file.notes), *notes])
    with _working("Compiling and comparing, about half a minute"):
        checks = evaluate.check_gradients(x, y)
    Console().print(gradient_table(checks))
    failures = [f"{way} of {check.metric} in {check.dtype}" for check in checks for way in check.failures]
    if failures:
        typer.echo(f"jaxloss: out of tolerance: {', '.join(failures)}.", err=True)
        raise typer.Exit(1)


@app.command()
def demo(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The picture to write.")
    ] = "jaxloss-demo.png",
) -> None:
    """Score six distortions of a photograph, equal in squared error, and draw a contact sheet of them."""
    from . import evaluate

    with _working("Scoring six distortions"):
        scores = evaluate.demo(output)
    _print_scores(list(scores.items()))
    typer.echo(f"Wrote {output}: the images, where their structure differs, and their scores.")


@app.command()
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
    from . import evaluate
    from .evaluate import _pictures, _saving

    _saving.check_destination(output, [content, style])
    images = [evaluate.read_image(path) for path in (content, style)]
    with _progress("Painting", steps) as progress:
        picture = evaluate.stylize(
            images[0].pixels,
            images[1].pixels,
            size=size,
            steps=steps,
            style_weight=style_weight,
            content_weight=content_weight,
            smoothness=smoothness,
            optimizer=optimizer,
            start=start,
            seed=seed,
            progress=progress,
        )
    evaluate.save_picture(_pictures.picture_of(picture), output)
    _note(note for image in images for note in image.notes)
    typer.echo(f"Wrote {output}, {picture.shape[1]} x {picture.shape[0]} pixels.")


@app.command("metrics")
def list_metrics() -> None:
    """List the metrics and losses: range, direction, least size of an image, paper."""
    from rich.console import Console

    from .evaluate._reports import registry_table
    from .registry import METRICS

    Console().print(registry_table(METRICS.values()))


@app.command("recipes")
def list_recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them in full: pconv.")] = None,
) -> None:
    """List the published objectives of image inpainting: terms, weights, layers, normalization, range, source."""
    from rich.console import Console

    from .evaluate._recipes_table import recipe_description, recipes_table

    Console().print(recipes_table() if name is None else recipe_description(name))


@weights.callback(invoke_without_command=True)
def _start_weights(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@weights.command("list")
def list_weights() -> None:
    """List the weights: file, size, origin, license, and where each is found."""
    from rich.console import Console

    from .evaluate._weights_command import places, weights_table

    Console().print(weights_table())
    for place in places():
        typer.echo(place)


@weights.command("fetch")
def fetch_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For example vgg19 or lpips-squeeze.")],
) -> None:
    """Download the exact weights of a network from torchvision, verify them, and keep them in the user's cache."""
    from .evaluate._weights_command import fetch

    typer.echo(fetch(name))


@weights.command("convert")
def convert_weights(
    file: Annotated[str, typer.Argument(metavar="FILE.pth", help="A file of torchvision's weights.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE.safetensors", help="By default in the user's cache.")
    ] = None,
) -> None:
    """Convert a file that was downloaded by hand, without executing anything in it."""
    from .evaluate._weights_command import convert

    typer.echo(convert(file, output))


@weights.command("verify")
def verify_weights() -> None:
    """Verify every file of weights that is here. The exit code is 1 if one is not what it should be."""
    from .evaluate._weights_command import verify

    lines, failures = verify()
    for line in lines:
        typer.echo(line)
    for failure in failures:
        typer.echo(f"jaxloss: {failure}", err=True)
    if failures:
        raise typer.Exit(1)


def _print_scores(rows: list[tuple[str, dict[str, float]]]) -> None:
    from rich.console import Console

    from .evaluate._reports import score_tables

    console = Console()
    for table in score_tables(rows, console):
        console.print(table)
