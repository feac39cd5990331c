"""`jaxloss sde`: the stochastic model of a loss along a reconstruction: measure, fit, simulate, plot."""

from typing import TYPE_CHECKING, Annotated

import typer


if TYPE_CHECKING:
    from .sde import Curve


sde = typer.Typer(help="The loss along a reconstruction as geometric Brownian motion: measure, fit, simulate, plot.")

DataFile = Annotated[str, typer.Argument(metavar="DATA.csv", help="With the columns condition, curve, share and loss.")]
Window = Annotated[
    int, typer.Option(help="Of the moving average of the share, in measurements; 1 takes the share as it is.")
]
Level = Annotated[float, typer.Option(help="Of the confidence intervals.")]


@sde.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


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
    from .evaluate._curve_file import check_conditions, curves_csv
    from .evaluate._curve_measurement import measure_files

    check_conditions([condition])
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
    from rich.console import Console

    from .evaluate import _curve_fits as fits
    from .evaluate._errors import InputError

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other. Choose one.")
    found = fits.analyze(_curves(data, window), level=level)
    for note in found.notes:
        typer.echo(f"jaxloss: note: {note}", err=True)
    if as_json or as_csv:
        typer.echo(fits.analysis_json(found) if as_json else fits.analysis_csv(found))
        return
    console = Console()
    for table in (fits.parameter_table(found), fits.check_table(found), fits.hypothesis_table(found)):
        if table is not None:
            console.print(table)
    console.print(fits.verdict(found), highlight=False)


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
    from .evaluate._curve_file import check_conditions, curves_csv
    from .evaluate._curve_simulation import simulate_curves

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
    from .evaluate._curve_fits import analyze
    from .evaluate._curve_plot import plot_curves
    from .evaluate._saving import check_destination, save_picture

    check_destination(output, [data])
    curves = _curves(data, window)
    save_picture(plot_curves(curves, analyze(curves), loss=loss), output)
    typer.echo(f"Wrote {output}.")


def _curves(path: str, window: int) -> "dict[str, dict[str, Curve]]":
    from .evaluate._curve_file import read_curves
    from .evaluate._curve_fits import average_curves

    return average_curves(read_curves(path), window)
