"""Quantiles from a histogram: as near to those of NumPy as it promises."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss import streaming


PROBABILITIES = (0.0, 0.01, 0.3, 0.5, 0.77, 0.99, 1.0)


def update(state: Any, scores: np.ndarray, weight: np.ndarray | None = None) -> Any:
    return _update(state, scores.astype(np.float32), np.ones(scores.shape, np.float32) if weight is None else weight)


_update = jax.jit(lambda state, scores, weight: streaming.update(state, scores, weight=weight))


@pytest.mark.parametrize("shape", ["uniform", "two far apart", "steps", "one value"])
def test_error_is_at_most_a_bin(shape: str, rng: np.random.Generator) -> None:
    """Of scores of any kind, a prime number of them, so that no probability falls between two."""
    kinds = {
        "uniform": rng.uniform(-1, 3, 997),
        "two far apart": np.where(rng.random(997) < 0.4, rng.normal(-0.9, 0.01, 997), rng.normal(2.9, 0.01, 997)),
        "steps": rng.integers(-1, 4, 997).astype(float),
        "one value": np.full(997, 3.0),
    }
    scores = kinds[shape].astype(np.float32)
    state = update(streaming.init_quantiles(-1, 3, probabilities=PROBABILITIES, bins=50), scores)
    expected = np.quantile(scores, PROBABILITIES, method="inverted_cdf")
    assert np.abs(streaming.compute(state) - expected).max() <= 4 / 50 + 1e-6


def test_parts_weights_and_scans(rng: np.random.Generator) -> None:
    """Whole weights are so many scores, and parts in any order, or one by one, are the whole: to the last bit."""
    scores, weights = rng.uniform(0, 1, 64).astype(np.float32), rng.integers(0, 4, 64).astype(np.float32)
    empty = streaming.init_quantiles(0, 1, probabilities=PROBABILITIES, bins=100)
    whole = update(empty, np.repeat(scores, weights.astype(int)))
    parts = [update(empty, scores[i : i + 8], weights[i : i + 8]) for i in range(0, 64, 8)]
    one_by_one = jax.jit(
        lambda: jax.lax.scan(
            lambda state, pair: (streaming.update(state, pair[0], weight=pair[1]), None), empty, (scores, weights)
        )[0]
    )()
    for state in (functools.reduce(streaming.merge, parts), functools.reduce(streaming.merge, parts[::-1]), one_by_one):
        np.testing.assert_array_equal(streaming.compute(state), streaming.compute(whole))


def test_outside_the_range() -> None:
    """Infinite, because unknown; also where a score is."""
    empty = streaming.init_quantiles(0, 1, probabilities=[0.2, 0.5, 0.9], bins=10)
    found = streaming.compute(update(empty, np.array([-5, 0.5, np.inf])))
    np.testing.assert_array_equal(np.isfinite(found), [False, True, False])
    np.testing.assert_array_equal(found[[0, 2],], [-np.inf, np.inf])
    assert np.isnan(streaming.compute(empty)).all()
    padded = update(empty, np.array([np.nan, 0.5, 0.5]), np.array([False, True, True]))
    np.testing.assert_allclose(streaming.compute(padded), 0.55, atol=0.05)
    assert np.isnan(streaming.compute(update(padded, np.array([np.nan, 0.5, 0.5])))).all()


def test_errors() -> None:
    with pytest.raises(ValueError, match="lowest < highest, both finite, got 0 and inf"):
        streaming.init_quantiles(0, np.inf)
    with pytest.raises(ValueError, match="bins >= 1, got 0"):
        streaming.init_quantiles(0, 1, bins=0)
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\], got \[95\]"):
        streaming.init_quantiles(0, 1, probabilities=[95])
