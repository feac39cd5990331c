"""Trials written in the layout that `find_trials` reads: all of a subset or nothing."""

import contextlib
import functools
import itertools
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .._checks import error_text
from .._files import InputError
from ..images._pictures import picture_of
from ..judgments import Choices, Comparisons
from ._layout import LAYOUTS, Layout, threads


def write_choices(folder: str | os.PathLike[str], choices: Choices | Iterable[Choices]) -> None:
    """Write two-alternative choices as a subset of judgments: images as PNG of 8 bits, a `.npy` file for each choice.

    Args:
        folder: Of the subset, such as `"dataset/2afc/train/mine"`; it must not be there, or be empty. What is above it
            is made.
        choices: Images `[n, H, W, 3]` in [0, 1] and judgments in [0, 1]; or batches of them, which are taken one at a
            time. What has weight 0 is left out.

    Raises:
        InputError: If the folder is taken or cannot be written; then nothing is.
        ValueError: If shapes or values are not those of choices.

    Example:
        >>> import tempfile, numpy as np
        >>> from jaxloss.datasets import find_trials, write_choices
        >>> from jaxloss.judgments import Choices
        >>> gray = np.full((2, 8, 8, 3), 0.5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_choices(f"{folder}/mine", Choices(gray, gray, gray, np.array([0.25, 1.0]), np.ones(2)))
        ...     print(find_trials(folder)[0].judgments)
        [0.25 1.  ]
    """
    write_trials(folder, "2afc", choices)


def write_comparisons(folder: str | os.PathLike[str], comparisons: Comparisons | Iterable[Comparisons]) -> None:
    """Write just noticeable differences as a subset of judgments; all else is as for `write_choices`.

    Args:
        folder: Of the subset, such as `"dataset/jnd/val/mine"`.
        comparisons: Images `[n, H, W, 3]` in [0, 1] and the shares of people who found them the same; or batches.

    Raises:
        InputError: If the folder is taken or cannot be written; then nothing is.
        ValueError: If shapes or values are not those of comparisons.
    """
    write_trials(folder, "jnd", comparisons)


def write_trials(
    folder: str | os.PathLike[str], kind: str, trials: Choices | Comparisons | Iterable[Choices | Comparisons]
) -> None:
    layout, numbers = LAYOUTS[kind], itertools.count()
    batches = [trials] if isinstance(trials, Choices | Comparisons) else trials
    with part_folder(Path(folder)) as part, ThreadPoolExecutor(threads()) as pool:
        for inner in (*layout.images.values(), layout.judgment):
            (part / inner).mkdir()
        for batch in batches:
            rows = {field: np.asarray(values) for field, values in batch._asdict().items()}
            _check_rows(kind, rows)
            kept = [(int(row), f"{next(numbers):06d}") for row in np.flatnonzero(rows["weight"])]
            list(pool.map(functools.partial(_write_row, part, layout, rows), *zip(*kept, strict=True)))


def _write_row(folder: Path, layout: Layout, rows: dict[str, np.ndarray], row: int, name: str) -> None:
    for field, inner in layout.images.items():
        picture_of(rows[field][row]).save(folder / inner / f"{name}.png")
    np.save(folder / layout.judgment / f"{name}.npy", rows[layout.judgment][row].astype(np.float32)[None])


@contextlib.contextmanager
def part_folder(path: Path) -> Iterator[Path]:
    """A folder beside the destination, to fill; it takes the place of the destination in the end, or is gone.

    What is there already is never replaced.
    """
    check_new_folder(path)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_new_folder(path: Path) -> None:
    """A folder to be written is not there, or is empty."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file. Name a folder.")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path}: is not empty, and judgments are never overwritten. Name another folder.")


def _check_rows(kind: str, rows: dict[str, np.ndarray]) -> None:
    layout = LAYOUTS[kind]
    fields = [*layout.images, layout.judgment, "weight"]
    if list(rows) != fields:
        way_out = "Choices are written by write_choices, Comparisons by write_comparisons."
        raise ValueError(error_text("write", f"the fields {fields}", list(rows), way_out))
    shape = rows["first"].shape
    for field in layout.images:
        image = rows[field]
        if image.shape != shape or image.ndim != 4 or shape[-1] != 3 or image.dtype.kind != "f":
            way_out, got = "8 bits: jaxloss.ops.to_float(image).", f"{image.dtype} of shape {image.shape}"
            raise ValueError(error_text("write", f"{field} floating, of one shape [n, H, W, 3]", got, way_out))
        if not ((image > -0.01) & (image < 1.01)).all():
            expected, way_out = f"{field} with values in [0, 1]", "Divide by the data range."
            raise ValueError(error_text("write", expected, _ends(image), way_out))
    for field in (layout.judgment, "weight"):
        values = rows[field]
        if values.shape != shape[:1] or not ((values >= 0) & (values <= 1)).all():
            expected, got = f"{field} of shape {shape[:1]} in [0, 1]", f"shape {values.shape}, {_ends(values)}"
            raise ValueError(error_text("write", expected, got, "A judgment is a share of people."))


def _ends(values: np.ndarray) -> str:
    return f"values from {values.min():g} to {values.max():g}" if values.size else "no values"
