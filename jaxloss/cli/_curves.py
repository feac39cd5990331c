"""`jaxloss sde`: the stochastic model of a loss along a reconstruction: measure, fit, simulate, plot."""

from typing import TYPE_CHECKING, Annotated

import typer

from .._files import InputError
from ._cache import keep_compiled_programs
from ._terminal import Group, note, show


if TYPE_CHECKING:
    from ..sde import Curve


sde = typer.Typer(
    cls=Group, help="The loss along a reconstruction as geometric Brownian motion: measure, fit, simulate, plot."
)

DataFile = Annotated[str, typer.Argument(metavar="DATA.csv", help="With the columns condition, curve, share and loss.")]
Window = Annotated[
    int, typer.Option(help="Of the moving average of the share, in measurements; 1 takes the share as it is.")
]
Level = Annotated[float, typer.Option(help="Of the confidence intervals.")]


@sde.command()
def measure(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="What the reconstruction should become.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Its states, from the first to the last.")],
    masks: Annotated[
        str, typer.Option(metavar="FOLDER", help="Has a mask for each state by the same name, white where it is done.")
    ],
    metric: Annotated[str, typer.Option(help="A metric that is better when lower.")] = "lpips",
    condition: Annotated[str, typer.Option(help="baseline, reference, prompt or both.")] = "baseline",
    curve: Annotated[str | None, typer.Option(help="Name of the curve; by default that of the target.")] = None,
) -> None:
    """Measure the loss of each state of a reconstruction, and print CSV for the other commands.

    Join the rows of several curves and conditions in one file, with one header.
    """
    from ..curves import curves_csv, measure_files
    from ..curves._file import check_conditions

    check_conditions([condition])
    keep_compiled_programs()
    measured = measure_files(target, images, masks, metric=metric)
    typer.echo(curves_csv({condition: {target if curve is None else curve: measured}}))


@sde.command()
def fit(
    data: DataFile,
    window: Window = 1,
    level: Level = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, tests and checks included.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the estimates as CSV.")] = False,
) -> None:
    """Estimate the trend and the volatility in each condition, tell sigma, eta and xi apart, and check the model."""
    from .. import curves
    from ._curve_tables import analysis_tables

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other. Choose one.")
    found = curves.analyze(_curves(data, window), level=level)
    note(found.notes)
    if as_json or as_csv:
        typer.echo(curves.analysis_json(found) if as_json else curves.analysis_csv(found))
    else:
        show(*analysis_tables(found))


@sde.command()
def simulate(
    mu: Annotated[float, typer.Option(help="Trend of the loss per unit of share.")],
    sigma: Annotated[float, typer.Option(help="Randomness of the reconstruction.")],
    eta: Annotated[float, typer.Option(help="Additional randomness from a reference image.")] = 0.0,
    xi: Annotated[float, typer.Option(help="Reduction of randomness by a prompt.")] = 0.0,
    conditions: Annotated[str, typer.Option(help="Some of baseline, reference, prompt, both.")] = "baseline",
    initial: Annotated[float, typer.Option(help="The loss at the first share.")] = 0.5,
    first: Annotated[float, typer.Option(help="The first share.")] = 0.0,
    last: Annotated[float, typer.Option(help="The last share.")] = 1.0,
    steps: Annotated[int, typer.Option(help="From the first to the last share.")] = 20,
    paths: Annotated[int, typer.Option(help="Curves under each condition.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the randomness.")] = 0,
) -> None:
    """Draw random curves of the model from its exact law, and print them as CSV, as `fit` and `plot` read it."""
    from ..curves import curves_csv, simulate_curves
    from ..curves._file import check_conditions

    names = [name.strip() for name in conditions.split(",") if name.strip()]
    check_conditions(names)
    curves = simulate_curves(
        {"mu": mu, "sigma": sigma, "eta": eta, "xi": xi},
        names,
        initial=initial,
        shares=(first, last),
        steps=steps,
        paths=paths,
        seed=seed,
    )
    typer.echo(curves_csv(curves))


@sde.command()
def plot(
    data: DataFile,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FIGURE.png", help="The picture to write.")],
    window: Window = 1,
    loss: Annotated[str, typer.Option(metavar="NAME", help="Of the loss, for the axis.")] = "loss D",
) -> None:
    """Draw the curves in bands of the fitted model that should hold 50 and 90 % of them, and the residuals."""
    from .. import curves, images

    images.check_destination(output, [data])
    measured = _curves(data, window)
    images.save_picture(curves.plot_curves(measured, curves.analyze(measured), loss=loss), output)
    typer.echo(f"Wrote {output}.")


def _curves(path: str, window: int) -> "dict[str, dict[str, Curve]]":
    from ..curves import average_curves, read_curves

    return average_curves(read_curves(path), window)
