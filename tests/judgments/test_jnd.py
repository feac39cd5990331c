"""Scores of just noticeable differences, against loops over the pairs and over thresholds."""

import math

import numpy as np
import pytest

from jaxloss.judgments import jnd_score, jnd_threshold


def pooled(distances: np.ndarray, same: np.ndarray) -> np.ndarray:
    """The mean share of all pairs at the same distance, for each."""
    return np.array([same[distances == distance].mean() for distance in distances])


def average_precision(same: np.ndarray) -> float:
    """Of pairs in ascending order of distance: the area below the highest precision at any recall at least as large."""
    points = []
    for count in range(1, same.size + 1):
        found = same[:count].sum()
        points.append((found / same.sum(), found / count))
    area, before = 0.0, 0.0
    for recall, _ in points:
        area += (recall - before) * max(precision for other, precision in points if other >= recall)
        before = recall
    return area


def test_score_of_distinct_distances(rng: np.random.Generator) -> None:
    for _ in range(5):
        distances, same = rng.random(30), rng.integers(0, 4, 30) / 3
        expected = average_precision(same[np.argsort(distances)])
        assert jnd_score(distances, same) == pytest.approx(expected, abs=1e-14)
        assert jnd_score(np.exp(distances), same) == pytest.approx(expected, abs=1e-14)


def test_pairs_at_one_distance_are_pooled(rng: np.random.Generator) -> None:
    for levels in (1, 2, 5):
        distances, same = rng.integers(0, levels, 30).astype(float), rng.integers(0, 4, 30) / 3
        distances[distances == 4] = math.inf
        expected = average_precision(pooled(distances, same)[np.argsort(distances)])
        order = rng.permutation(30)
        assert jnd_score(distances[order], same[order]) == pytest.approx(expected, abs=1e-14)
    assert jnd_score(np.zeros(30), same) == pytest.approx(same.mean())


def test_perfect_and_worst() -> None:
    assert jnd_score([1, 2, 3, 4], [1, 1, 0, 0]) == 1
    assert jnd_score([4, 3, 2, 1], [1, 1, 0, 0]) == 0.5
    assert jnd_score([1, 2], [0.3, 0]) == pytest.approx(0.3)


def test_threshold_is_the_best_of_all(rng: np.random.Generator) -> None:
    for levels in (3, 1000):
        distances, same = rng.integers(0, levels, 40) / levels, rng.integers(0, 4, 40) / 3
        found = jnd_threshold(distances, same)

        def accuracy(threshold: float, distances: np.ndarray = distances, same: np.ndarray = same) -> float:
            return float(np.where(distances > threshold, 1 - same, same).mean())

        assert found.accuracy == pytest.approx(accuracy(found.threshold))
        assert found.accuracy == pytest.approx(max(map(accuracy, [-1, *np.unique(distances)])))
        assert np.abs(distances - found.threshold).min() > 0


def test_threshold_beyond_all_distances_and_of_equal_ones_the_lowest() -> None:
    assert jnd_threshold([1, 2], [1, 1]) == (math.inf, 1)
    assert jnd_threshold([1, 2], [0, 0]) == (-math.inf, 1)
    assert jnd_threshold([1, 2, 3, 4], [1, 0, 1, 0]) == (1.5, 0.75)


def test_what_has_no_score() -> None:
    with pytest.raises(ValueError, match=r"^jnd_score: expected a pair that somebody found the same, got none\."):
        jnd_score([1, 2], [0, 0])
    with pytest.raises(ValueError, match=r"^jnd_score: expected same in \[0, 1\]"):
        jnd_score([1, 2], [0, 3])
    with pytest.raises(ValueError, match=r"^jnd_threshold: expected finite distances, got inf at 1"):
        jnd_threshold([1, math.inf], [0, 1])
