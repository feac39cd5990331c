"""How often does each metric choose as people do? Scores on judgments, and of distances that others have measured.

Folders are in the layout of BAPPS, or written by `jaxloss dataset`. Stored distances are CSV files without a header:
the path of an image, the distances of the first and the second image to the reference, a score, and the share of
people who found the second one nearer.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxloss import InputError
from jaxloss.cli._judge_tables import verdict_json
from jaxloss.datasets import find_trials
from jaxloss.evaluate import Verdict, judge
from jaxloss.judgments import agreement, bootstrap_interval

from ._command import Parser, positive, print_table
from ._results import Record, append, describe_run, start_file


STORED = "stored distance"
PEOPLE = "people"
NOTES = (
    "Of two-alternative choices (2afc) the share of people who chose as the metric does, of just noticeable "
    "differences (jnd) the mean average precision; percent, with intervals of 95 %. Sets called synthetic were judged "
    "by a rule and by no person. The stored distances are those of the AlexNet metric of ShiftTolerant-LPIPS on "
    "BAPPS: its numbers, not ours."
)


def main() -> None:
    parser = Parser("quality", __doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="of judgments")
    parser.add_argument("--stored", type=Path, metavar="FOLDER", help="of CSV files of distances")
    parser.add_argument("--limit", type=positive, help="trials of each subset (default: all)")
    parser.add_argument("--side", type=positive, help="to which images are resized (default: as they are)")
    parser.add_output("quality.jsonl")
    options = parser.parse_args()
    if not options.folders and options.stored is None:
        parser.error("there is nothing to judge by. Name a folder of judgments, or --stored.")
    try:
        verdicts = [] if options.stored is None else list(stored_verdicts(options.stored))
        for folder in options.folders:
            sets = [trials for trials in find_trials(folder) if "train" not in trials.name.split("/")]
            found, notes = judge(sets, side=options.side, limit=options.limit)
            verdicts += found
            for note in notes:
                print(note)
    except InputError as error:
        parser.error(str(error))
    start_file(options.output, describe_run("quality", {"limit": options.limit, "side": options.side}, ("scipy",)))
    records = json.loads(verdict_json(verdicts))
    for record in records:
        append(options.output, record)
    for headings, rows in tables(records):
        print_table("Percent, with 95 % intervals", headings, rows, words=("set",))


def stored_verdicts(folder: Path) -> Iterator[Verdict]:
    """The score of each file of distances, and that of people."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise InputError(f"{folder}: there are no CSV files.")
    for path in paths:
        first, second, said = stored(path)
        people = bootstrap_interval(np.mean, said**2 + (1 - said) ** 2)
        score = bootstrap_interval(np.mean, agreement(first, second, said))
        yield Verdict(f"BAPPS val {path.stem}", "2afc", len(said), {STORED: score}, 0.5, people)


def stored(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances of the first and second image, and the share of people who found the second nearer."""
    try:
        first, second, _, said = np.loadtxt(path, delimiter=",", usecols=(1, 2, 3, 4), ndmin=2, unpack=True)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not a file of distances: {error}.") from error
    return first, second, said


def tables(records: Sequence[Record]) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Headings and rows of sets with the same metrics, the best one bold; of sets and metrics, the more go down."""
    for names in dict.fromkeys(tuple(record["scores"]) for record in records):
        alike = [record for record in records if tuple(record["scores"]) == names]
        lines = [["set", "trials", *names, PEOPLE], *(_row(record, "**{}**") for record in alike)]
        headings, *rows = lines if len(names) <= len(alike) else map(list, zip(*lines, strict=True))
        yield headings, rows


def _row(record: Record, best: str) -> list[str]:
    scores = record["scores"]
    highest = max(score["value"] for score in scores.values())
    cells = [
        best.format(percent(score)) if len(scores) > 1 and score["value"] == highest else percent(score)
        for score in scores.values()
    ]
    return [record["set"], str(record["trials"]), *cells, percent(record["people"]) if record["people"] else ""]


def percent(interval: Record) -> str:
    value, low, high = (100 * interval[part] for part in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
