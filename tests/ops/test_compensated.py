"""Sums of twice the digits: of many parts, in any order, and over devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from jaxloss.sets import Sums, merge, sum_over_devices
from tests.devices import BATCH, mesh


def exact(state: Sums) -> np.ndarray:
    return np.asarray(state.high, np.float64) + np.asarray(state.low, np.float64)


def test_merged_sums_have_twice_the_digits(rng: np.random.Generator) -> None:
    """Of parts of very different size, in `scan`; in the opposite order they are the same."""
    parts = (rng.normal(size=(512, 50)) * 10.0 ** rng.integers(-6, 6, (512, 50))).astype(np.float32)

    @jax.jit
    def total(parts: jax.Array) -> Sums:
        zeros = jnp.zeros(parts.shape[1:], parts.dtype)
        return jax.lax.scan(lambda s, z: (merge(s, Sums(z, jnp.zeros_like(z))), None), Sums(zeros, zeros), parts)[0]

    expected = parts.astype(np.float64).sum(0)
    scale = np.abs(parts).astype(np.float64).sum(0)
    for order in (parts, parts[::-1]):
        assert (np.abs(exact(total(order)) - expected) / scale).max() < 1e-13
    assert (np.abs(parts.sum(0) - expected) / scale).max() > 1e-9


def test_sums_over_devices_are_those_of_all(rng: np.random.Generator) -> None:
    """With the digits of the parts, on each device, whatever the order of the devices."""
    high = (rng.normal(size=(8, 40)) * 10.0 ** rng.integers(-4, 4, (8, 1))).astype(np.float32)
    high[:, 0], high[0, 1], high[:, 2] = 0, 1e-38, [1, -1, 1, -1, 1, -1, 1, -1]
    low = (high * rng.normal(size=high.shape) * 2.0**-26).astype(np.float32)
    share = functools.partial(sum_over_devices, axis_name="batch")
    over_devices = jax.jit(jax.shard_map(share, mesh=mesh(), in_specs=BATCH, out_specs=PartitionSpec()))
    states = [Sums(jnp.asarray(a), jnp.asarray(b)) for a, b in ((high, low), (high[::-1], low[::-1]))]
    found, turned = map(over_devices, states)
    everything = high.astype(np.float64) + low
    scale = np.abs(everything).sum(0) + np.finfo(np.float32).tiny
    assert found.high.shape == (1, 40)
    assert (np.abs(exact(found)[0] - everything.sum(0)) / scale).max() < 1e-12
    assert (np.abs(exact(turned)[0] - exact(found)[0]) / scale).max() < 1e-13
