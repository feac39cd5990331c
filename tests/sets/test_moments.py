"""Streamed moments against float64 NumPy: many shards, batches, devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jaxloss.sets import (
    Statistics,
    Sums,
    host_statistics,
    init_moments,
    merge,
    statistics,
    sum_over_devices,
    update_moments,
)
from tests.devices import mesh
from tests.sets._numpy import features


COUNT, DIMENSION, ROWS = 1000, 6, 40
DATA = features(0, COUNT, DIMENSION, shift=8.0)
EXPECTED = Statistics(DATA.astype(np.float64).mean(0), np.cov(DATA.astype(np.float64), rowvar=False))


def assert_same(found: Statistics, expected: Statistics, tolerance: float) -> None:
    np.testing.assert_allclose(found.mean, expected.mean, rtol=tolerance)
    scale = float(np.max(expected.covariance))
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=0, atol=tolerance * scale)


def padded(data: np.ndarray, size: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """A batch of one shape, whose last rows are not to be looked at."""
    filled = np.full((size, data.shape[1]), np.nan, np.float32)
    filled[: len(data)] = data
    return filled, np.arange(size) < len(data)


def test_64_uneven_shards_give_the_moments_of_float64(rng: np.random.Generator) -> None:
    """Each of several batches, the last one padded, merged as a tree: one program for all."""
    update, join = jax.jit(lambda s, x, m: update_moments(s, x, mask=m)), jax.jit(merge)
    cuts = np.sort(rng.choice(np.arange(1, COUNT), 63, replace=False))
    shards, empty = np.split(DATA, cuts), init_moments(DIMENSION)
    assert min(map(len, shards)) < 3 and max(map(len, shards)) > ROWS
    states = []
    for shard in shards:
        state = empty
        for start in range(0, len(shard), ROWS):
            state = update(state, *padded(shard[start : start + ROWS]))
        states.append(state)
    while len(states) > 1:
        states = [join(a, b) for a, b in zip(states[::2], states[1::2], strict=True)]
    found = host_statistics(states[0])
    assert found.covariance.dtype == np.float64
    assert_same(found, EXPECTED, 1e-11)
    assert_same(jax.jit(statistics)(states[0]), EXPECTED, 3e-7)
    naive = (DATA.T @ DATA - COUNT * np.outer(DATA.mean(0), DATA.mean(0))) / np.float32(COUNT - 1)
    assert np.abs(naive - EXPECTED.covariance).max() > 1e-6 * EXPECTED.covariance.max()


def test_devices_and_scan_give_the_same() -> None:
    """Blocks of rows in one batch, batches in `scan`, shares of eight devices."""

    def share(x: jax.Array) -> Sums:
        empty = jax.tree.map(lambda z: jax.lax.pcast(z, "batch", to="varying"), init_moments(DIMENSION))
        state, _ = jax.lax.scan(lambda state, batch: (update_moments(state, batch), None), empty, x)
        return sum_over_devices(state, "batch")

    spread = jax.shard_map(share, mesh=mesh(), in_specs=PartitionSpec(None, "batch"), out_specs=PartitionSpec())
    data = np.tile(DATA, (4, 1))[:3264]  # two batches of 204 rows on each device, above the 192 of a block
    expected = Statistics(data.astype(np.float64).mean(0), np.cov(data.astype(np.float64), rowvar=False))
    assert_same(host_statistics(jax.jit(spread)(data.reshape(2, -1, DIMENSION))), expected, 1e-11)


def test_doubles(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        doubles = rng.normal(size=(50, DIMENSION))
        state = jax.jit(update_moments)(init_moments(DIMENSION), doubles)
        assert state.high.dtype == jnp.float64
        assert_same(host_statistics(state), Statistics(doubles.mean(0), np.cov(doubles, rowvar=False)), 1e-13)


def test_errors() -> None:
    empty = init_moments(3)
    with pytest.raises(ValueError, match="dimension >= 1, got 0"):
        init_moments(0)
    with pytest.raises(ValueError, match=r"a state of shape \[1 \+ d, 1 \+ d\], got \(4, 4\) and x of shape \(5, 2\)"):
        jax.eval_shape(update_moments, empty, jnp.ones((5, 2)))
    with pytest.raises(ValueError, match=r"mask of shape \(5,\), got \(4,\)"):
        jax.eval_shape(lambda x: update_moments(empty, x, mask=jnp.ones(4, bool)), jnp.ones((5, 3)))
    with pytest.raises(ValueError, match="at least 2 rows, got 0"):
        host_statistics(empty)
