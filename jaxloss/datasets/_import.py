"""Judgments of one's own: a CSV file that names images, written in the layout that is read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._files import CSVRow, InputError, read_csv, read_csv_columns
from ..images import ImageFile, read_image
from ..judgments import Choices, Comparisons
from ._layout import LAYOUTS, Layout, TrialSet, read_subset
from ._write import check_new_folder, write_trials


class _Answers(NamedTuple):
    where: str  # the first row about these images
    judgments: list[float]


# Paths of the images of a trial to what people said.
_Trials = dict[tuple[str, ...], _Answers]


def import_triplets(csv: str | os.PathLike[str], folder: str | os.PathLike[str]) -> tuple[TrialSet, list[str]]:
    """Write two-alternative choices of your own as a subset that `find_trials` reads.

    Args:
        csv: With the columns reference, first, second (files, relative to the CSV file) and judge: 1 if the second
            image was found nearer to the reference, 0 if the first was, or the share of people. Several rows on the
            same images are several people, also where first and second are exchanged, and their mean counts.
        folder: Of the subset, such as `"dataset/2afc/train/mine"`; it must not be there, or be empty.

    Returns:
        The subset, and notes on what was done to images, which are kept with 8 bits.

    Raises:
        InputError: If a row is not as it should be, or an image, with the line; or if the folder is taken. Then nothing
            is written.

    Example:
        >>> import pathlib, tempfile, PIL.Image
        >>> from jaxloss.datasets import import_triplets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in "abc":
        ...         PIL.Image.new("RGB", (8, 8), "gray").save(f"{folder}/{name}.png")
        ...     rows = "reference,first,second,judge\\na.png,b.png,c.png,1\\na.png,c.png,b.png,1\\n"
        ...     size = pathlib.Path(folder, "answers.csv").write_text(rows)
        ...     trials, notes = import_triplets(f"{folder}/answers.csv", f"{folder}/dataset")
        >>> print(len(trials), trials.judgments)
        1 [0.5]
    """
    return import_trials(csv, folder, "2afc")


def import_pairs(csv: str | os.PathLike[str], folder: str | os.PathLike[str]) -> tuple[TrialSet, list[str]]:
    """Write just noticeable differences of your own as a subset; all else is as for `import_triplets`.

    Args:
        csv: With the columns first, second (files) and same: 1 if the two were found the same, 0 if not, or the share
            of people.
        folder: Of the subset, such as `"dataset/jnd/val/mine"`.

    Returns:
        The subset, and notes on what was done to images.

    Raises:
        InputError: As for `import_triplets`.
    """
    return import_trials(csv, folder, "jnd")


def kind_of_csv(csv: str | os.PathLike[str]) -> str:
    """Whether there are choices or comparisons in the file."""
    present = read_csv_columns(csv)
    kinds = [kind for kind, layout in LAYOUTS.items() if layout.judgment in present]
    if len(kinds) != 1:
        wanted = " or ".join(",".join(_columns(layout)) for layout in LAYOUTS.values())
        raise InputError(f"{csv}: expected a column judge, or a column same. The first line is {wanted}.")
    return kinds[0]


def import_trials(csv: str | os.PathLike[str], folder: str | os.PathLike[str], kind: str) -> tuple[TrialSet, list[str]]:
    folder, notes = Path(folder), []
    check_new_folder(folder)
    trials = _read(csv, LAYOUTS[kind])
    write_trials(folder, kind, _with_images(trials, LAYOUTS[kind], Path(csv).parent, notes))
    return read_subset(folder, folder), list(dict.fromkeys(notes))


def _columns(layout: Layout) -> list[str]:
    return [*layout.images, layout.judgment]


def _read(csv: str | os.PathLike[str], layout: Layout) -> _Trials:
    trials: _Trials = {}
    for row in read_csv(csv, _columns(layout), "judgments"):
        *reference, first, second = (row.text(field) for field in layout.images)
        names, exchanged, share = (*reference, first, second), (*reference, second, first), _share(row, layout)
        if exchanged in trials and first != second:
            names, share = exchanged, 1 - share if reference else share
        trials.setdefault(names, _Answers(row.where, [])).judgments.append(share)
    return trials


def _share(row: CSVRow, layout: Layout) -> float:
    share = row.number(layout.judgment)
    if not 0 <= share <= 1:
        raise InputError(f"{row.where}: {layout.judgment} is {share:g}; it is a share of people in [0, 1].")
    return share


def _with_images(trials: _Trials, layout: Layout, beside: Path, notes: list[str]) -> Iterator[Choices | Comparisons]:
    for names, (where, judgments) in trials.items():
        try:
            files = [read_image(beside / name) for name in names]
            _check_sizes(files)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        notes += [note for file in files for note in file.notes]
        pixels = [np.broadcast_to(file.pixels, (*file.pixels.shape[:2], 3))[None] for file in files]  # gray, too
        yield layout.trial(*pixels, np.array([np.mean(judgments)]), np.ones(1))


def _check_sizes(files: list[ImageFile]) -> None:
    model = files[0]
    for file in files[1:]:
        if file.pixels.shape[:2] != model.pixels.shape[:2]:
            (height, width), (rows, columns) = model.pixels.shape[:2], file.pixels.shape[:2]
            raise InputError(
                f"{file.name} is {columns} x {rows} and {model.name} is {width} x {height} pixels. "
                "What is compared has one size."
            )
