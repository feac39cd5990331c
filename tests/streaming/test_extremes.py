"""Lowest and highest scores with their indices: as NumPy sorts them, whatever the batches and their order."""

import functools

import jax
import numpy as np
import pytest

from jaxloss import streaming


BATCH, COUNT = 8, 3


def test_whatever_the_batches_and_their_order(rng: np.random.Generator) -> None:
    """Of rounded scores, many of which are equal; NaN comes first, padding never."""
    scores = rng.integers(0, 12, 30).astype(np.float32) / 4
    scores[[5, 21]] = np.nan
    padded, index = np.append(scores, [-9, 99]).astype(np.float32), np.append(np.arange(30), [0, 0])
    update = jax.jit(lambda z, i, w: streaming.update(streaming.init_extremes(count=COUNT), z, index=i, weight=w))
    parts = [slice(start, start + BATCH) for start in range(0, 32, BATCH)]
    states = [update(padded[part], index[part], np.arange(32)[part] < 30) for part in parts]
    rank = np.where(np.isnan(scores), 0, 1)
    lowest, highest = (np.lexsort((np.arange(30), sign * np.nan_to_num(scores), rank))[:COUNT] for sign in (1, -1))
    assert set(lowest[:2]) == {5, 21} == set(highest[:2])
    for order in (states, states[::-1], [states[i] for i in (2, 0, 3, 1)]):
        found = streaming.compute(functools.reduce(streaming.merge, order))
        np.testing.assert_array_equal(found.lowest_index, lowest)
        np.testing.assert_array_equal(found.highest_index, highest)
        np.testing.assert_array_equal(found.lowest, scores[lowest])
        np.testing.assert_array_equal(found.highest, scores[highest])


def test_fewer_scores_than_asked_for() -> None:
    state = streaming.init_extremes(count=3)
    state = streaming.update(state, np.array([np.inf, -np.inf]), index=np.array([7, 4]))
    np.testing.assert_array_equal(state.lowest, [-np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(state.lowest_index, [4, 7, -1])
    np.testing.assert_array_equal(state.highest_index, [7, 4, -1])


def test_errors() -> None:
    with pytest.raises(ValueError, match="count >= 1, got 0"):
        streaming.init_extremes(count=0)
