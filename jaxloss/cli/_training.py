"""`jaxloss train-lpips`: a metric that learns from people's choices."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from .._files import InputError, check_destination
from ._cache import keep_compiled_programs
from ._terminal import note, progress, show, table


EXTENSION = ".safetensors"
FORMS = {"epoch": "d", "learning_rate": ".3g", "loss": ".4f", "accuracy": ".4f"}


def train_lpips(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Folder of choices, in the layout of BAPPS.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE.safetensors", help="The file of parameters to write.")
    ],
    net: Annotated[str, typer.Option(metavar="alex|vgg|squeeze", help="What the metric looks through.")] = "alex",
    variant: Annotated[
        str,
        typer.Option(metavar="lin|tune|scratch", help="Train the heads; the network, too; all from random numbers."),
    ] = "lin",
    trunk: Annotated[
        str | None, typer.Option(metavar="FILE.safetensors", help="A network of your own to begin with.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="With the full learning rate.")] = 5,
    decay_epochs: Annotated[int, typer.Option(help="In which it falls.")] = 5,
    batch: Annotated[int, typer.Option(help="Choices in a step.")] = 50,
    side: Annotated[int, typer.Option(help="Pixels to which the images are resized.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 1e-4,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    validate: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Choices held out, which the metric is scored on.")
    ] = None,
    checkpoints: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="By default beside the output, until it is written.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
    plot: Annotated[str | None, typer.Option(metavar="FILE.png", help="Draw the learning curves.")] = None,
) -> None:
    """Train LPIPS on people's choices (Zhang et al. 2018). Ctrl-C stops it, and --resume goes on.

    Of a folder with subsets train and val, those are trained on and these held out.

    The file is what `jaxloss compare --params` and `jaxloss.load_params` take.
    """
    from .. import images, save_params, training
    from ..datasets import batches_per_epoch
    from ..training._options import RunDefaults
    from ..training._run import choice_sets

    path = check_destination(output, [EXTENSION], "file of weights", [] if trunk is None else [trunk])
    if plot is not None:
        images.check_destination(plot, [])
    options = RunDefaults(net, variant, epochs, decay_epochs, batch, side, learning_rate, seed=seed)
    options.check()
    network, (sets, left_out) = None if trunk is None else _network(trunk, net), choice_sets(dataset, "val")
    held_out = () if validate is None else choice_sets(validate, "train")[0]
    note(left_out if validate is None else [])
    folder = path.with_suffix(".checkpoints") if checkpoints is None else Path(checkpoints)
    keep_compiled_programs()
    steps = options.all_epochs * batches_per_epoch(sets, batch=batch)
    try:
        with progress("Training", steps) as report:
            trained = training.train_lpips(
                sets,
                held_out=held_out,
                trunk=network,
                checkpoints=folder,
                resume=resume,
                progress=report,
                **options._asdict(),
            )
    except KeyboardInterrupt as stop:
        note([f"stopped. The checkpoints are in {folder}: the same command with --resume goes on."])
        raise typer.Exit(130) from stop
    save_params(path, trained.params, net=net, history=trained.history)
    if plot is not None:
        images.save_picture(training.plot_training(trained.history), plot)
    if checkpoints is None:
        shutil.rmtree(folder)
    note(trained.notes)
    show(curve_table(trained.history))
    typer.echo(f"Wrote {path}.")


def _network(path: str, net: str) -> dict[str, Any]:
    """Of a file of a network, or of LPIPS on it."""
    from .. import load_params
    from ..backbones._lpips_nets import LPIPS_NETS
    from ..weights._saved import saved_net

    if Path(path).suffix != EXTENSION:
        raise InputError(f"{path}: expected a file of {EXTENSION}. Convert it: jaxloss weights convert {path}.")
    params, saved = load_params(path), saved_net(path)
    if saved not in (net, LPIPS_NETS[net].backbone):  # some have the same shapes
        raise InputError(f"{path}: holds {saved}, through which --net {net} does not look.")
    return params.get("trunk", params)


def curve_table(history: Mapping[str, Any]) -> Table:
    """A line for each epoch."""
    curve = history["curve"]
    scored = any("held_out" in row for row in curve)
    headings = ["epoch", "learning rate", "loss", "accuracy", *(["held-out 2AFC", "95 % interval"] if scored else [])]
    rows = table(*headings, right=headings)
    for row in curve if scored else curve[1:]:
        cells = [f"{row[name]:{form}}" if name in row else "" for name, form in FORMS.items()]
        if scored:
            score = row["held_out"]
            cells += [f"{score['score']:.4f}", f"{score['low']:.4f} to {score['high']:.4f}"]
        rows.add_row(*cells)
    return rows
