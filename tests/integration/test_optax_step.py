"""A loss in a training step with Optax: in five frameworks, on one device and data parallel on eight."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.core import Tracer
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxloss
from jaxloss._types import Params
from tests.integration._frameworks import FRAMEWORKS, OPTIMIZER, Loss, initial_params, predict


Pair = tuple[jax.Array, jax.Array]
State = tuple[Any, optax.OptState]


def mix(x: jax.Array, y: jax.Array) -> jax.Array:
    return jaxloss.mix_loss(x, y, data_range=1.0, sigmas=(0.5, 2.0), window_size=13)


def mix_and_lpips(x: jax.Array, y: jax.Array, lpips_params: Params) -> jax.Array:
    return (mix(x, y) + jaxloss.lpips(x, y, params=lpips_params, data_range=1.0)).mean()


LOSSES: dict[str, Loss] = {
    "mix": lambda x, y, _: mix(x, y).mean(),
    "ssim": lambda x, y, _: jaxloss.ssim_loss(x, y, data_range=1.0).mean(),
    "charbonnier": lambda x, y, _: jaxloss.charbonnier_loss(x, y).mean(),
    "mix_and_lpips": mix_and_lpips,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))


class Outcome(NamedTuple):
    """Of one step, and what led to it."""

    state: State
    value: jax.Array
    gradient: Any
    restored: jax.Array


Step = Callable[[State, Params, jax.Array, jax.Array], Outcome]


def make_step(loss: Loss, over_devices: Callable[[jax.Array], jax.Array] = lambda value: value) -> Step:
    """In plain JAX; `over_devices` averages the loss where each device sees its own images only."""

    def objective(params: Any, lpips_params: Params, noisy: jax.Array, clean: jax.Array) -> Pair:
        restored = predict(params, noisy)
        return over_devices(loss(restored, clean, lpips_params)), restored

    def step(state: State, lpips_params: Params, noisy: jax.Array, clean: jax.Array) -> Outcome:
        params, optimizer_state = state
        with_gradient = jax.value_and_grad(objective, has_aux=True)
        (value, restored), gradient = with_gradient(params, lpips_params, noisy, clean)
        updates, optimizer_state = OPTIMIZER.update(gradient, optimizer_state, params)
        return Outcome((optax.apply_updates(params, updates), optimizer_state), value, gradient, restored)

    return step


@functools.cache
def one_device_step(loss: Loss) -> Step:
    """Compiled once for all tests."""
    return jax.jit(make_step(loss))


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """Leaf by leaf, relative to the largest number of the leaf."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.fixture(scope="session")
def lpips_params() -> Params:
    return jaxloss.load_params("lpips-alex")


@pytest.fixture
def state(rng: np.random.Generator) -> State:
    params = initial_params(rng)
    return params, OPTIMIZER.init(params)


@pytest.fixture
def images(crop_photograph: Callable[..., np.ndarray]) -> Pair:
    """Eight photographs with noise, and without."""
    clean = jnp.asarray(crop_photograph(8, 32, 36))
    return clean + 0.1 * jax.random.normal(jax.random.key(0), clean.shape), clean


@every_loss
def test_training_lowers_the_loss(loss: Loss, state: State, images: Pair, lpips_params: Params) -> None:
    values = []
    for _ in range(40):
        state, value, *_ = one_device_step(loss)(state, lpips_params, *images)
        values.append(value.item())
    assert values[0] > values[20] > values[-1]
    assert values[-1] < 0.9 * values[0]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_framework_takes_the_same_steps(framework: str, images: Pair, lpips_params: Params) -> None:
    """From the same parameters to the same, with LPIPS's own as arguments that nothing trains."""
    before = jax.tree.map(np.array, lpips_params)

    def loss(restored: jax.Array, clean: jax.Array, lpips_params: Params) -> jax.Array:
        assert all(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(lpips_params)), "constants"
        return mix_and_lpips(restored, clean, lpips_params)

    initial = initial_params(np.random.default_rng(0))
    params, values = FRAMEWORKS[framework](initial, loss, (*images, lpips_params), 4)
    assert values == sorted(values, reverse=True) and values[-1] < 0.95 * values[0]
    jax.tree.map(np.testing.assert_array_equal, lpips_params, before)

    expected = initial, OPTIMIZER.init(initial)
    for value in values:
        expected, expected_value, *_ = one_device_step(mix_and_lpips)(expected, lpips_params, *images)
        np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    assert jax.tree.structure(params) == jax.tree.structure(expected[0])
    for leaf, other, start in zip(*map(jax.tree.leaves, (params, expected[0], initial)), strict=True):
        np.testing.assert_allclose(leaf, other, rtol=0, atol=1e-5)
        assert jnp.abs(leaf - start).max() > 1e-3


@pytest.mark.parametrize("name", ["ssim", "charbonnier", "mix_and_lpips"])
@pytest.mark.parametrize("way", ["auto", "explicit", "shard_map"])
def test_data_parallel_step_is_the_step_of_one_device(
    name: str, way: str, state: State, images: Pair, lpips_params: Params
) -> None:
    """Images sharded, parameters on every device; the mean over the batch is the only place where devices meet."""
    loss = LOSSES[name]
    axis_type = AxisType.Explicit if way == "explicit" else AxisType.Auto
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(axis_type,))
    split, everywhere = PartitionSpec("batch"), PartitionSpec()
    parallel_step = make_step(loss)
    if way == "shard_map":
        specs: Any = everywhere, everywhere, everywhere, split
        parallel_step = jax.shard_map(
            make_step(loss, lambda value: jax.lax.pmean(value, "batch")),
            mesh=mesh,
            in_specs=(everywhere, everywhere, split, split),
            out_specs=Outcome(*specs),
        )
    parallel_step = jax.jit(parallel_step)
    replicated, sharded = NamedSharding(mesh, everywhere), NamedSharding(mesh, split)
    initial, parallel, parallel_params = state, *jax.device_put((state, lpips_params), replicated)
    for _ in range(2):
        expected = one_device_step(loss)(state, lpips_params, *images)
        with jax.set_mesh(mesh):
            actual = parallel_step(parallel, parallel_params, *jax.device_put(images, sharded))
        assert actual.restored.sharding.is_equivalent_to(sharded, ndim=4)
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves((actual.state, actual.gradient)))
        assert_close(actual, expected, tolerance=1e-5)
        state, parallel = expected.state, actual.state
    assert jnp.abs(state[0]["first"]["kernel"] - initial[0]["first"]["kernel"]).max() > 1e-3
