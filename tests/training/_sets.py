"""Small sets of choices on the disk that a tiny network learns from."""

from pathlib import Path

import numpy as np

from jaxloss.datasets import TrialSet, find_trials, write_choices
from jaxloss.judgments import Choices


def learnable(count: int, side: int, seed: int) -> Choices:
    """The image with less noise is found nearer by all people but some."""
    rng = np.random.default_rng(seed)
    reference, noise, other = rng.random((3, count, side, side, 3), np.float32)
    strengths = rng.random((2, count, 1, 1, 1), np.float32)
    first, second = (reference + strengths * (np.stack([noise, other]) - reference)).astype(np.float32)
    judge = np.where(strengths[1] < strengths[0], 0.8, 0.2).astype(np.float32).ravel()
    return Choices(reference, first, second, judge, np.ones(count, np.float32))


def write_sets(folder: Path, training: int, held_out: int, side: int = 8) -> tuple[list[TrialSet], list[TrialSet]]:
    """`train/mine` and `val/mine`, and the subsets they are."""
    for name, count, seed in (("train", training, 0), ("val", held_out, 1)):
        write_choices(folder / name / "mine", learnable(count, side, seed))
    return find_trials(folder / "train"), find_trials(folder / "val")
