"""Scores of judgments against the trainer of the authors of LPIPS."""

from typing import Any

import numpy as np
import pytest

from jaxloss.judgments import agreement, jnd_score, two_afc_score
from tests.parity._peers import foreign_code, peer


class Loader:
    """In place of images, batches of the distances that a metric would find between them."""

    def __init__(self, **columns: np.ndarray) -> None:
        torch = peer("torch")
        self.batches = [{name: torch.tensor(column[part]) for name, column in columns.items()} for part in PARTS]

    def load_data(self) -> list[dict[str, Any]]:
        return self.batches


PARTS = (slice(0, 50), slice(50, 120))


@pytest.fixture
def trainer() -> Any:
    peer("torchvision")  # which lpips imports, and which has to be prepared
    return peer("lpips").trainer


def test_two_afc_score(trainer: Any, rng: np.random.Generator) -> None:
    d0, d1 = rng.integers(0, 9, (2, 120)).astype(float)
    judge = rng.integers(0, 6, 120) / 5
    with foreign_code():
        loader = Loader(ref=np.zeros(120), p0=d0, p1=d1, judge=judge)
        score, details = trainer.score_2afc_dataset(loader, lambda reference, image: reference + image)
    assert (d0 == d1).any()
    np.testing.assert_array_equal(agreement(d0, d1, judge), details["scores"])
    assert two_afc_score(d0, d1, judge) == score


@pytest.mark.parametrize("levels", [7, 10**6])
def test_jnd_score(trainer: Any, levels: int, rng: np.random.Generator) -> None:
    """Theirs depends on the order of pairs at one distance; ours gives each of them the mean share of all."""
    distances, same = rng.integers(0, levels, 120) / levels, rng.integers(0, 4, 120) / 3
    pooled = np.array([same[distances == distance].mean() for distance in distances])
    assert (levels == 7) == (np.unique(distances).size < 120)
    with foreign_code():
        loader = Loader(p0=np.zeros(120), p1=distances, same=pooled)
        score, _ = trainer.score_jnd_dataset(loader, lambda first, second: first + second)
    assert jnd_score(distances, same) == pytest.approx(score, abs=1e-13)
