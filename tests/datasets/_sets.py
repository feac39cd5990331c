"""Subsets of tiny images that tell which trial they belong to."""

from pathlib import Path

import numpy as np

from jaxloss.datasets import TrialSet, find_trials, write_choices, write_comparisons
from jaxloss.judgments import Choices, Comparisons


SIDE = 8


def images(numbers: np.ndarray) -> np.ndarray:
    """`[n, 8, 8, 3]`: image k has the value k / 255 everywhere, so that 8 bits keep it."""
    return np.broadcast_to((numbers / 255).astype(np.float32)[:, None, None, None], (len(numbers), SIDE, SIDE, 3))


def choices(count: int, first: int = 0) -> Choices:
    """Trial k has the images 4k, 4k + 1, 4k + 2 and the judgment (k mod 5) / 4."""
    numbers = np.arange(first, first + count)
    reference, one, other = (images(4 * numbers + part) for part in range(3))
    return Choices(reference, one, other, (numbers % 5 / 4).astype(np.float32), np.ones(count, np.float32))


def comparisons(count: int) -> Comparisons:
    trials = choices(count)
    return Comparisons(trials.reference, trials.first, trials.judge, trials.weight)


def choice_sets(folder: Path, *counts: int) -> list[TrialSet]:
    """Subsets `2afc/a`, `2afc/b`, ... with that many trials, numbered through."""
    for number, count in enumerate(counts):
        write_choices(folder / "2afc" / "abc"[number], choices(count, sum(counts[:number])))
    return find_trials(folder)


def comparison_sets(folder: Path, count: int) -> list[TrialSet]:
    write_comparisons(folder / "jnd", comparisons(count))
    return find_trials(folder)
