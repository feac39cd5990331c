"""`jaxloss report`: the report of a run, written again."""

from typing import Annotated

import typer

from ._cache import keep_compiled_programs
from ._terminal import working


def report(
    output: Annotated[str, typer.Argument(metavar="FOLDER", help="What jaxloss evaluate wrote its scores to.")],
) -> None:
    """Write the report of an evaluation again: a table, a summary, and a page with the worst and best pairs.

    Nothing is scored: the numbers are those of scores.jsonl. Where the images still lie where they were, the page shows
    them.
    """
    from .. import evaluate

    keep_compiled_programs()
    with working("Writing the report"):
        table, summary, page = evaluate.write_report(output)
    typer.echo(f"Wrote {page}, {summary.name} and {table.name}.")
