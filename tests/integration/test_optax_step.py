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
from jax.sharding import AxisType

import jaxloss
from jaxloss._types import Params
from tests.devices import BATCH, EVERYWHERE, mesh, place
from tests.integration._frameworks import FRAMEWORKS, OPTIMIZER, Loss, initial_params, predict
from tests.networks import through_thin_networks, tiny_params


Pair = tuple[jax.Array, jax.Array]
State = tuple[Any, optax.OptState]


thin_lpips = through_thin_networks(jaxloss.lpips)


def mix_and_lpips(x: jax.Array, y: jax.Array, lpips_params: Params) -> jax.Array:
    mix = jaxloss.mix_loss(x, y, data_range=1.0, sigmas=(0.5, 1.0), window_size=7)
    return (mix + thin_lpips(x, y, params=lpips_params, data_range=1.0)).mean()


def in_features(x: jax.Array, y: jax.Array, params: Params) -> jax.Array:
    """A loss with parameters of its own, as LPIPS, and quick to compile."""
    heads = params["heads"]["relu1"].reshape(1, 1, 1, -1)
    features = ({"all": z[..., :1] * heads + z[..., 1:2]} for z in (x, y))
    return (jaxloss.charbonnier_loss(x, y) + jaxloss.perceptual_loss(*features, distance="mse")).mean()


LOSSES: dict[str, Loss] = {
    "ssim": lambda x, y, _: jaxloss.ssim_loss(x, y, data_range=1.0).mean(),
    "in_features": in_features,
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
    return jax.tree.map(jnp.asarray, tiny_params("lpips-alex"))


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
        return in_features(restored, clean, lpips_params)

    initial = initial_params(np.random.default_rng(0))
    params, values = FRAMEWORKS[framework](initial, loss, (*images, lpips_params), 4)
    assert values == sorted(values, reverse=True) and values[-1] < 0.95 * values[0]
    jax.tree.map(np.testing.assert_array_equal, lpips_params, before)

    expected = initial, OPTIMIZER.init(initial)
    for value in values:
        expected, expected_value, *_ = one_device_step(in_features)(expected, lpips_params, *images)
        np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    assert jax.tree.structure(params) == jax.tree.structure(expected[0])
    for leaf, other, start in zip(*map(jax.tree.leaves, (params, expected[0], initial)), strict=True):
        np.testing.assert_allclose(leaf, other, rtol=0, atol=1e-5)
        assert jnp.abs(leaf - start).max() > 1e-3


@pytest.mark.parametrize("way", ["auto", "explicit", "shard_map"])
def test_data_parallel_step_is_the_step_of_one_device(
    way: str, state: State, images: Pair, lpips_params: Params
) -> None:
    """Images sharded, parameters on every device; the mean over the batch is the only place where devices meet."""
    axis_type = AxisType.Explicit if way == "explicit" else AxisType.Auto
    parallel_step = make_step(in_features)
    if way == "shard_map":
        specs: Any = EVERYWHERE, EVERYWHERE, EVERYWHERE, BATCH
        parallel_step = jax.shard_map(
            make_step(in_features, lambda value: jax.lax.pmean(value, "batch")),
            mesh=mesh(axis_type),
            in_specs=(EVERYWHERE, EVERYWHERE, BATCH, BATCH),
            out_specs=Outcome(*specs),
        )
    parallel_step = jax.jit(parallel_step)
    sharded = place(images, axis_type)
    initial, (parallel, parallel_params) = state, place((state, lpips_params), axis_type, EVERYWHERE)
    for _ in range(2):
        expected = one_device_step(in_features)(state, lpips_params, *images)
        with jax.set_mesh(mesh(axis_type)):
            actual = parallel_step(parallel, parallel_params, *sharded)
        assert actual.restored.sharding.is_equivalent_to(sharded[0].sharding, ndim=4)
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves((actual.state, actual.gradient)))
        assert_close(actual, expected, tolerance=1e-5)
        state, parallel = expected.state, actual.state
    assert jnp.abs(state[0]["first"]["kernel"] - initial[0]["first"]["kernel"]).max() > 1e-3
