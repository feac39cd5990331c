"""`jaxloss dataset`: check, import and synthesize sets of human judgments."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .._checks import suggestion
from .._files import InputError
from ._artifacts import Artifacts, among_distortions
from ._cache import keep_compiled_programs
from ._terminal import Group, note, show, table, working


if TYPE_CHECKING:
    from ..datasets import Observer, SubsetCheck, TrialSet

dataset = typer.Typer(cls=Group, help="Sets of human judgments in the layout of BAPPS: check, import, synthesize.")

Output = Annotated[str, typer.Option("--output", "-o", metavar="FOLDER", help="To be written; new, or empty.")]


@dataset.command()
def check(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A subset, or any folder above subsets.")],
    quick: Annotated[bool, typer.Option("--quick", help="Do not decode the images.")] = False,
) -> None:
    """List the subsets of a folder: trials, image sizes, human ceiling, and on stderr all that is wrong with them.

    The exit code is 1 if something is wrong.
    """
    from ..datasets import check_trials

    with working("Reading"):
        checks = check_trials(folder, images=not quick)
    show(check_table(checks))
    problems = [problem for subset in checks for problem in subset.problems]
    for problem in problems:
        typer.echo(f"jaxloss: {problem}", err=True)
    if problems:
        raise typer.Exit(1)


@dataset.command("import")
def import_csv(
    csv: Annotated[str, typer.Argument(metavar="FILE.csv", help="A row for each answer; files are relative to it.")],
    output: Output,
) -> None:
    """Write judgments of your own as a subset, from a CSV file that names images.

    With the columns reference, first, second and judge (1: the second one is nearer to the reference) it has choices,
    with first, second and same (1: they are the same) comparisons. Rows on the same images are averaged.
    """
    from ..datasets._import import import_trials, kind_of_csv

    kind = kind_of_csv(csv)
    with working("Writing"):
        trials, notes = import_trials(csv, output, kind)
    note(notes)
    typer.echo(f"Wrote {_amount(trials)} to {output}.")


@dataset.command()
def synthesize(
    photographs: Annotated[str, typer.Argument(metavar="PHOTOGRAPHS", help="Folder of two or more in color.")],
    output: Output,
    count: Annotated[int, typer.Option(help="Choices to train with.")],
    held_out_count: Annotated[
        int | None, typer.Option(help="Choices and comparisons of held-out photographs; by default a quarter.")
    ] = None,
    side: Annotated[int, typer.Option(help="Of the images, in pixels.")] = 64,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    people: Annotated[int, typer.Option(help="Votes on each trial.")] = 5,
    observer: Annotated[
        str | None, typer.Option(metavar="NAME=NUMBER,...", help="The rule, such as noise=1,blur=0.5,slope=4.")
    ] = None,
    distortions: Annotated[str | None, typer.Option(help="Names, separated by commas. All by default.")] = None,
    artifacts: Artifacts = None,
) -> None:
    """Write a SYNTHETIC set: random crops of photographs, distorted at random, judged by a rule and by no person.

    The rule is stated in the README.md that is written beside the subsets.
    """
    from ..datasets import synthesize

    keep_compiled_programs()
    with among_distortions(artifacts), working("Distorting"):
        sets, notes = synthesize(
            photographs,
            output,
            count=count,
            held_out_count=held_out_count,
            side=side,
            seed=seed,
            people=people,
            observer=_observer(observer),
            distortions=None if distortions is None else _words(distortions),
        )
    note(notes)
    for trials in sets:
        typer.echo(f"Wrote {_amount(trials)}, synthetic, to {output}/{trials.name}.")


def check_table(checks: "Iterable[SubsetCheck]") -> Table:
    """One line for each subset."""
    numbers = ("trials", "images", "human ceiling")
    rows = table("subset", "kind", *numbers, "", right=numbers)
    for subset in checks:
        sizes = [f"{width} x {height}" for height, width in subset.sizes]
        rows.add_row(
            subset.name,
            subset.trials.kind if subset.trials else "-",
            str(len(subset.trials)) if subset.trials else "-",
            "-" if not sizes else sizes[0] if len(sizes) == 1 else f"{len(sizes)} sizes",
            "-" if subset.ceiling is None else f"{100 * subset.ceiling:.1f} %",
            "[red]WRONG[/]" if subset.problems else "ok",
        )
    return rows


def _amount(trials: "TrialSet") -> str:
    word = "choice" if trials.kind == "2afc" else "comparison"
    return f"{len(trials)} {word}{'s' if len(trials) > 1 else ''}"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _observer(text: str | None) -> "Observer":
    from ..datasets import Observer

    chosen = {}
    for word in _words(text or ""):
        name, _, number = word.partition("=")
        if name not in Observer._fields:
            raise InputError(f"the observer has no {name!r}. {suggestion(name, Observer._fields)}")
        try:
            chosen[name] = float(number)
        except ValueError as error:
            raise InputError(f"{name} of the observer is {number!r}, not a number. Write {name}=1.") from error
    return Observer(**chosen)
