"""Every subset of a folder looked at whole, where reading them stops at the first mistake."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .._files import InputError
from ..judgments import human_ceiling
from ._batches import read_trial_image
from ._layout import SHOWN, TrialSet, read_subset, subset_folders, subset_name, threads


Size = tuple[int, int]  # height, width


class SubsetCheck(NamedTuple):
    """What is in a subset, and what is wrong with it.

    Attributes:
        name: Path below the folder that was checked.
        trials: The subset, or None if it cannot be read.
        ceiling: `human_ceiling` of choices; None for comparisons.
        sizes: Height and width of the images, the most frequent first; none if they were not looked at.
        problems: A sentence each; none if all is well.
    """

    name: str
    trials: TrialSet | None
    ceiling: float | None
    sizes: tuple[Size, ...]
    problems: tuple[str, ...]


def check_trials(folder: str | os.PathLike[str], *, images: bool = True) -> list[SubsetCheck]:
    """All subsets of a folder with all that is wrong with them.

    Args:
        folder: A subset, or any folder above it.
        images: Whether each image is decoded, too, by several threads.

    Returns:
        A `SubsetCheck` for each subset, in the order of their names.

    Raises:
        InputError: If there is no subset.

    Example:
        >>> import tempfile, numpy as np
        >>> from jaxloss.datasets import check_trials, write_comparisons
        >>> from jaxloss.judgments import Comparisons
        >>> gray = np.full((2, 8, 8, 3), 0.5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_comparisons(f"{folder}/jnd/val/mine", Comparisons(gray, gray, np.ones(2), np.ones(2)))
        ...     (check,) = check_trials(folder)
        >>> print(check.name, check.sizes, check.problems)
        jnd/val/mine ((8, 8),) ()
    """
    root = Path(folder)
    return [_check_subset(path, root, images) for path in subset_folders(root)]


def _check_subset(folder: Path, root: Path, images: bool) -> SubsetCheck:
    try:
        trials = read_subset(folder, root)
    except InputError as error:
        return SubsetCheck(subset_name(folder, root), None, None, (), (str(error),))
    ceiling = human_ceiling(trials.judgments) if trials.kind == "2afc" else None
    sizes, problems = _look_at_images(trials) if images else ((), ())
    return SubsetCheck(trials.name, trials, ceiling, sizes, problems)


def _look_at_images(trials: TrialSet) -> tuple[tuple[Size, ...], tuple[str, ...]]:
    columns = list(trials.images.values())
    with ThreadPoolExecutor(threads()) as pool:
        found = list(zip(*(pool.map(_size_or_problem, files) for files in columns), strict=True))
    problems = [text for row in found for text in row if isinstance(text, str)]
    sizes = Counter(size for row in found for size in row if not isinstance(size, str))
    for files, row in zip(zip(*columns, strict=True), found, strict=True):
        if len({size for size in row if not isinstance(size, str)}) > 1:
            problems.append(f"{files[0]}: the images of this trial differ in size.")
    more = len(problems) - SHOWN
    shown = problems[:SHOWN] + ([f"{trials.name}: there are {more} more problems like these."] if more > 0 else [])
    return tuple(size for size, _ in sizes.most_common()), tuple(shown)


def _size_or_problem(path: Path) -> Size | str:
    try:
        height, width, _ = read_trial_image(path, None).shape
    except InputError as error:
        return str(error)
    return height, width
