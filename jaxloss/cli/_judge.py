"""`jaxloss judge`: all metrics scored by human judgments, side by side."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._files import InputError
from ._cache import keep_compiled_programs
from ._judge_tables import verdict_csv, verdict_json, verdict_tables
from ._options import Metrics, Params
from ._terminal import note, show, working


if TYPE_CHECKING:
    from ..datasets import TrialSet


def judge(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="Folder of judgments as in BAPPS, or a CSV file of opinions.")
    ],
    metrics: Metrics = None,
    params: Params = None,
    side: Annotated[int, typer.Option(help="Shorter side to which images are resized; 0 leaves them.")] = 64,
    limit: Annotated[int | None, typer.Option(help="Trials of each subset, evenly spaced. All by default.")] = None,
    versus: Annotated[str | None, typer.Option(metavar="METRIC", help="Test all others against this one.")] = None,
    level: Annotated[float, typer.Option(help="Of the confidence intervals.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a row for each metric and subset.")] = False,
    plot: Annotated[str | None, typer.Option(metavar="BARS.png", help="Draw the scores as bars.")] = None,
) -> None:
    """Score every metric by what people said: two-alternative choices, just noticeable differences, or opinions.

    A folder is searched for subsets in the layout of BAPPS; those to train with are left out, unless there are no
    others. A CSV file has the columns reference, image and opinion, which is higher for better images; its images keep
    their size. Intervals are of the bootstrap; the best metric of each column is marked with a star.
    """
    from .. import evaluate, images as pictures

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other. Choose one.")
    _check(side, limit, level)
    if plot is not None:
        pictures.check_destination(plot, [dataset] if os.path.isfile(dataset) else [])
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    own = [evaluate.metric_from_file(path) for path in params or []]
    chosen, notes = evaluate.metrics_at_hand(names)
    options: dict[str, Any] = {"metrics": [*chosen, *own], "versus": versus, "level": level}
    keep_compiled_programs()
    with working("Reading") as status:
        options["report"] = lambda words: status.update(f"{words} ...")
        if os.path.isfile(dataset):
            verdicts, more = evaluate.judge_opinions(dataset, **options)
        else:
            sets, left_out = _to_be_judged(dataset)
            verdicts, more = evaluate.judge(sets, side=side or None, limit=limit, **options)
            more = [*left_out, *more]
        picture = None if plot is None else evaluate.plot_verdicts(verdicts)
    note([*notes, *more])
    if plot is not None and picture is not None:
        pictures.save_picture(picture, plot)
    if as_json or as_csv:
        typer.echo(verdict_json(verdicts) if as_json else verdict_csv(verdicts))
    else:
        show(*verdict_tables(verdicts, versus))
        if plot is not None:
            typer.echo(f"Wrote {plot}.")


def _check(side: int, limit: int | None, level: float) -> None:
    if side < 0:
        raise InputError(f"--side is {side}; it has to be 1 or more, or 0 for images as they are.")
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}; it has to be 1 or more.")
    if not 0 < level < 1:
        raise InputError(f"--level is {level:g}; it has to lie between 0 and 1, as 0.95 does.")


def _to_be_judged(folder: str) -> "tuple[list[TrialSet], list[str]]":
    """Subsets, and notes on those to train with, which are many times larger."""
    from ..datasets import find_trials
    from ..datasets._layout import leave_out

    kept, others = leave_out("train", find_trials(folder))
    return kept, [f"{name} is left out: it is to train with. Name its own folder to judge by it." for name in others]
