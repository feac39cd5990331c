"""Mean and standard error against NumPy in float64: many updates, parts in any order, weights, what is not finite."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import streaming


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def expected(scores: np.ndarray) -> tuple[float, float, float]:
    doubles = scores.astype(np.float64).ravel()
    deviation = doubles.std(ddof=1)
    return doubles.mean(), deviation / np.sqrt(doubles.size), deviation


def assert_same(found: Any, scores: np.ndarray, tolerance: float = 1e-7) -> None:
    """The mean by the deviation, too, which is what its rounding errors should be small against."""
    mean, error, deviation = expected(scores)
    np.testing.assert_allclose(found.mean, mean, rtol=tolerance)
    np.testing.assert_allclose([found.error, found.deviation], [error, deviation], rtol=3 * tolerance)
    assert (found.n, found.nans) == (scores.size, 0)


def after(scores: jax.Array) -> streaming.MeanState:
    """One update for each row."""
    first = streaming.init_mean()
    return jax.lax.scan(lambda state, row: (streaming.update(state, row), None), first, scores)[0]


def single_scores(rng: np.random.Generator, count: int) -> np.ndarray:
    """As of a good model that improves: close to 1, with little spread."""
    scores = 0.97 + 1e-3 * rng.standard_normal(count) + np.linspace(0, 2e-3, count)
    return scores.astype(np.float32)[:, None]


@pytest.mark.parametrize("count", [200_000, pytest.param(10_000_000, marks=pytest.mark.full)])
def test_many_updates_of_one_score(count: int, rng: np.random.Generator) -> None:
    """Plain float32 is off by much more than a standard error, and in the end adds nothing any more."""
    scores = single_scores(rng, count)

    def welford(moments: tuple[jax.Array, ...], row: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
        n, mean, spread = moments
        distance = row[0] - mean
        return (n + 1, mean + distance / (n + 1), spread + distance**2 * n / (n + 1)), None

    zeros = (jnp.zeros(()),) * 3
    state, (n, _, spread) = jax.jit(lambda z: (after(z), jax.lax.scan(welford, zeros, z)[0]))(scores)
    assert_same(streaming.compute(state), scores)
    exact = expected(scores)
    assert abs(float(state.mean.high) + float(state.mean.low) - exact[0]) < 1e-7 * exact[2]
    assert abs((float(spread) / float(n)) ** 0.5 / exact[2] - 1) > 0.1


def test_parts_in_any_order(rng: np.random.Generator) -> None:
    """Also where a small part is added to a large one, and a large one to a small one; commutes to the last bit."""
    parts = [0.5 + 0.1 * rng.standard_normal(size).astype(np.float32) for size in (1, 5000, 2, 17, 300, 40)]
    parts[1] += 3
    update = jax.jit(streaming.update)
    states = [update(streaming.init_mean(), part) for part in parts]
    together = np.concatenate(parts)
    for order in (states, states[::-1], [states[i] for i in (2, 0, 4, 1, 5, 3)]):
        assert_same(streaming.compute(functools.reduce(streaming.merge, order)), together)
    one, other = (streaming.merge(a, b) for a, b in ((states[0], states[1]), (states[1], states[0])))
    assert jax.tree.all(jax.tree.map(np.array_equal, one, other))
    unchanged = streaming.merge(streaming.init_mean(), states[1])
    assert jax.tree.all(jax.tree.map(np.array_equal, unchanged, states[1]))


def test_weights(rng: np.random.Generator) -> None:
    """0 takes an example out whatever its score; a common factor changes nothing; others make the effective number."""
    scores = rng.normal(size=8).astype(np.float32)
    padded = np.append(scores, [np.nan, np.inf]).astype(np.float32)
    of_batch = jax.jit(lambda z, w: streaming.compute(streaming.update(streaming.init_mean(), z, weight=w)))
    assert_same(of_batch(padded, np.arange(10) < 8), scores)
    assert_same(of_batch(padded, np.where(np.arange(10) < 8, 0.3, 0)), scores, 3e-7)
    weights = rng.uniform(0.1, 2, 10)
    weights[8:] = 0
    found, shares = of_batch(padded, weights), weights[:8] / weights.sum()
    mean = (shares * scores).sum()
    error = np.sqrt((shares * (scores - mean) ** 2).sum() / (1 / (shares**2).sum() - 1))
    np.testing.assert_allclose([found.mean, found.error], [mean, error], rtol=3e-7)
    assert found.n == 8


def test_few_scores_and_what_is_not_finite() -> None:
    of_batch = jax.jit(lambda z, w: streaming.compute(streaming.update(streaming.init_mean(), z, weight=w)))
    some, all_of_them = np.array([1, 0, 0], bool), np.ones(3, bool)
    none = streaming.compute(streaming.init_mean())
    assert np.isnan([none.mean, none.error, none.deviation]).all() and none.n == 0
    one = of_batch(floats(0.3, 7, 8), 0.3 * some)
    assert one.mean == np.float32(0.3) and np.isnan([one.error, one.deviation]).all() and one.n == 1
    equal = of_batch(floats(0.7, 0.7, 0.7), all_of_them)
    assert (equal.mean, equal.error, equal.deviation) == (np.float32(0.7), 0, 0)
    infinite = of_batch(floats(np.inf, 20, np.inf), all_of_them)
    assert infinite.mean == np.inf and np.isnan(infinite.error) and (infinite.n, infinite.nans) == (3, 0)
    assert np.isnan(of_batch(floats(np.inf, 1, -np.inf), all_of_them).mean)
    nan = of_batch(floats(np.nan, 1, np.nan), all_of_them)
    assert np.isnan(nan.mean) and (nan.n, nan.nans) == (3, 2)


def test_nan_stays_visible() -> None:
    """However much comes after it; what the others say is kept beside it."""
    state = streaming.update(streaming.init_mean(), floats(np.nan, 2, 4))
    state = streaming.merge(streaming.update(streaming.init_mean(), floats(6, 8, 5)), state)
    found = streaming.compute(state)
    assert np.isnan(found.mean) and (found.n, found.nans) == (6, 1)
    assert state.mean.high == 5


def test_doubles(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        scores = rng.normal(size=(6, 7))
        state = jax.jit(after)(scores)
        assert state.mean.high.dtype == jnp.float64
        found = streaming.compute(state)
        np.testing.assert_allclose([found.mean, found.error, found.deviation], expected(scores), rtol=1e-13)
