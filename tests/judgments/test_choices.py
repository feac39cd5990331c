"""Scores of two-alternative choices: the rule, trial by trial, and the stored scores of BAPPS."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from jaxloss.judgments import agreement, best_two_afc_score, human_ceiling, two_afc_score


# Subset of BAPPS to its number of choices, and the agreement of people with each other on them.
CEILINGS = {
    "traditional": (4720, 0.8084), "cnn": (4720, 0.8435), "superres": (10856, 0.7360), "deblur": (9440, 0.6609),
    "color": (4720, 0.6883), "frameinterp": (1888, 0.6861),
}  # fmt: skip


def test_agreement_trial_by_trial(rng: np.random.Generator) -> None:
    d0, d1 = rng.integers(0, 4, (2, 50)).astype(float)
    d0[:3] = math.inf, -math.inf, math.inf
    d1[2] = math.inf
    judge = rng.integers(0, 6, 50) / 5
    expected = []
    for first, second, share in zip(d0, d1, judge, strict=True):
        expected.append((first < second) * (1 - share) + (second < first) * share + (first == second) / 2)
    assert 0.5 in expected
    np.testing.assert_array_equal(agreement(d0, d1, judge), expected)
    np.testing.assert_allclose(agreement(d1, d0, 1 - judge), expected, atol=1e-15)
    assert two_afc_score(d0, d1, judge) == pytest.approx(np.mean(expected))
    assert best_two_afc_score(judge) == two_afc_score(judge, np.full(50, 0.5), judge)


def test_people_agree_with_each_other() -> None:
    assert human_ceiling([0, 1, 1]) == best_two_afc_score([0, 1, 1]) == 1
    assert human_ceiling([0.5, 0.5]) == best_two_afc_score([0.5, 0.5]) == 0.5
    # All ordered pairs of 5 people, each with himself, too, on one trial on which two chose the second image.
    said = np.array([0, 1, 0, 1, 0])
    assert human_ceiling([0.4]) == pytest.approx(np.mean(said[:, None] == said))


@pytest.mark.parametrize("name", CEILINGS)
def test_stored_scores_of_bapps(name: str, shared_data: Path) -> None:
    with open(shared_data / "bapps_val_2afc" / f"{name}.csv", newline="") as file:
        rows = np.array([list(map(float, row[1:])) for row in csv.reader(file)])
    d0, d1, score, judge = rows.T
    count, ceiling = CEILINGS[name]
    assert score.size == count
    np.testing.assert_array_equal(agreement(d0, d1, judge), score)
    assert two_afc_score(d0, d1, judge) == score.mean()
    assert round(human_ceiling(judge), 4) == ceiling < best_two_afc_score(judge)


def test_judgments_are_shares() -> None:
    message = r"^agreement: expected judge in \[0, 1\], got values from -1 to 1"
    with pytest.raises(ValueError, match=message):
        two_afc_score([1, 2], [2, 1], [-1, 1])
    with pytest.raises(ValueError, match=r"^human_ceiling: expected judge in \[0, 1\]"):
        human_ceiling([2])
    with pytest.raises(ValueError, match=r"^best_two_afc_score: expected at least 1 trial, got 0"):
        best_two_afc_score([])
    with pytest.raises(ValueError, match=r"^agreement: expected d0 and d1 and judge of one shape"):
        agreement([1, 2], [1, 2], [1])
