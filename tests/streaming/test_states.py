"""States of all kinds together: in a training step, in `scan`, `vmap`, `shard_map`, in groups, in trees."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

import jaxloss
from jaxloss import streaming
from tests.devices import BATCH, EVERYWHERE, mesh


GROUPS = 3


def empty_states() -> dict[str, Any]:
    one = streaming.init_mean(), streaming.init_quantiles(-3, 3, bins=60), streaming.init_extremes(count=2)
    return {"all": one, "groups": streaming.init_groups(one, groups=GROUPS)}


def assert_same(found: Any, expected: Any, tolerance: float = 2e-6) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), found, expected)


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Scores, weights, indices, groups of 48 examples; one is NaN, some do not count."""
    scores = rng.normal(size=48).astype(np.float32)
    scores[11] = np.nan
    return scores, rng.random(48) < 0.8, rng.permutation(48), rng.integers(0, GROUPS + 1, 48)


def add(states: Any, scores: Any, weight: Any, index: Any, group: Any) -> Any:
    return streaming.update(states, {"all": scores, "groups": scores}, weight=weight, index=index, group=group)


def test_scan_stacks_and_devices_are_one_update(data: tuple[np.ndarray, ...]) -> None:
    """Eight devices with three updates each, as many states of `vmap`; groups are the states of their examples."""
    empty = empty_states()

    def steps(states: Any, batches: Any) -> Any:
        return jax.lax.scan(lambda states, batch: (add(states, *batch), None), states, batches)[0]

    def share(batches: Any) -> Any:
        varying = jax.tree.map(lambda z: jax.lax.pcast(z, "batch", to="varying"), empty)
        return streaming.merge_over_devices(steps(varying, batches), "batch")

    spread = jax.shard_map(share, mesh=mesh(), in_specs=PartitionSpec(None, "batch"), out_specs=EVERYWHERE)

    @jax.jit
    def computed(data: Any) -> Any:
        batches = jax.tree.map(lambda z: z.reshape(3, 16), data)
        stacked = jax.vmap(lambda batch: add(empty, *batch))(batches)
        states = add(empty, *data), spread(batches), streaming.merge_stacked(stacked)
        return [streaming.compute(state) for state in states]

    at_once, over_devices, stacks = jax.tree.map(np.asarray, computed(data))
    assert_same(over_devices, at_once)
    assert_same(stacks, at_once)
    scores, counts, index, group = data
    assert at_once["all"][0].n == counts.sum() and at_once["all"][0].nans == counts[11]
    for number in range(GROUPS):
        here = (group == number) & counts
        mean, quantiles, extremes = jax.tree.map(lambda z, number=number: z[number], at_once["groups"])
        np.testing.assert_allclose(mean.mean, scores[here].mean(), rtol=1e-5)
        assert mean.n == here.sum() and mean.nans == np.isnan(scores[here]).sum()
        assert np.isnan(quantiles).any() == here[11]
        if not here[11]:
            assert extremes.lowest_index[0] == index[here][scores[here].argmin()]
            assert quantiles[2] == pytest.approx(np.quantile(scores[here], 0.5, method="inverted_cdf"), abs=0.1)


def test_sharded_batches_without_shard_map(data: tuple[np.ndarray, ...]) -> None:
    """The compiler adds up over devices by itself: the state is whole on each."""
    placed = jax.device_put(data[:2], jax.NamedSharding(mesh(), BATCH))
    of = jax.jit(lambda scores, weight: streaming.update(streaming.init_mean(), scores, weight=weight))
    assert_same(of(*placed), of(*data[:2]))


def test_a_training_step_with_donated_states(rng: np.random.Generator) -> None:
    """Of metrics in a dictionary, each with states of its own; nothing is differentiated through them."""
    y = rng.random((4, 16, 16, 1)).astype(np.float32)

    def loss(scale: jax.Array, states: Any) -> tuple[jax.Array, Any]:
        x = y * scale
        scores = {"mse": jaxloss.mse(x, y), "ssim": jaxloss.ssim(x, y, data_range=1.0)}
        states = streaming.update(states, scores)
        return scores["mse"].mean() + streaming.compute(states)["ssim"].mean, states

    states = {"ssim": streaming.init_mean(), "mse": (streaming.init_mean(), streaming.init_quantiles(0, 1))}
    shapes = jax.tree.map(lambda z: (z.shape, z.dtype), states)
    step = jax.jit(jax.value_and_grad(loss, has_aux=True), donate_argnums=1)
    (_, states), gradient = step(jnp.float32(0.8), states)
    (_, states), gradient = step(jnp.float32(0.8), states)
    assert jax.tree.map(lambda z: (z.shape, z.dtype), states) == shapes
    found = streaming.compute(states)
    np.testing.assert_allclose(found["mse"][0].mean, (0.04 * y**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, (-0.4 * y**2).mean(), rtol=1e-5)  # that of mse alone
    assert found["ssim"].n == 8


def test_shapes_and_dtypes_of_scores(rng: np.random.Generator) -> None:
    """Any shape, also none; half precision as what it stands for."""
    scores = rng.random((2, 3)).astype(np.float16)
    for batch in (scores, scores.ravel(), jnp.asarray(scores)):
        state = streaming.update(streaming.init_mean(), batch, weight=np.ones(batch.shape, bool))
        np.testing.assert_allclose(streaming.compute(state).mean, scores.astype(np.float64).mean(), rtol=1e-6)
    assert streaming.compute(streaming.update(streaming.init_mean(), jnp.float32(2))).mean == 2


def test_errors() -> None:
    scores, mean = np.ones(4, np.float32), streaming.init_mean()
    with pytest.raises(TypeError, match=r"scores of a floating dtype, got int\w+\. Convert"):
        streaming.update(mean, np.ones(4, int))
    with pytest.raises(ValueError, match=r"weight of the shape of the scores, \(4,\), got \(3,\)"):
        streaming.update(mean, scores, weight=np.ones(3))
    with pytest.raises(ValueError, match="expected index, for init_extremes, got None"):
        streaming.update(streaming.init_extremes(), scores)
    with pytest.raises(ValueError, match="expected group, for init_groups, got None"):
        streaming.update(streaming.init_groups(mean, groups=2), scores)
    with pytest.raises(ValueError, match="groups >= 1, got 0"):
        streaming.init_groups(mean, groups=0)
    with pytest.raises(TypeError, match=r"expected states, got an array of shape \(\)\. Begin with init_mean"):
        streaming.compute({"psnr": 3})
    with pytest.raises(ValueError, match=r"states of the same kinds and sizes, got .*\(13,\).* and .*\(23,\)"):
        streaming.merge(streaming.init_quantiles(0, 1, bins=10), streaming.init_quantiles(0, 1, bins=20))
    with pytest.raises(ValueError, match=r"lowest=0\.0, highest=1\.0.* and .*highest=2\.0"):
        streaming.merge(streaming.init_quantiles(0, 1), streaming.init_quantiles(0, 2))
    with pytest.raises(ValueError, match="same kinds and sizes"):
        streaming.merge(mean, streaming.init_extremes())
