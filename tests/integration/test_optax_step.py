"""A loss in a training step with Optax, in plain JAX, on one device and data parallel on eight."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxloss


Pair = tuple[jax.Array, jax.Array]
Params = dict[str, jax.Array]
State = tuple[Params, optax.OptState]
Loss = Callable[[jax.Array, jax.Array], jax.Array]
Step = Callable[[State, jax.Array, jax.Array], tuple[State, jax.Array]]

OPTIMIZER = optax.adam(1e-2)
LOSSES: dict[str, Loss] = {
    "mix": lambda x, y: jaxloss.mix_loss(x, y, data_range=1.0, sigmas=(0.5, 2.0), window_size=13),
    "ssim": lambda x, y: jaxloss.ssim_loss(x, y, data_range=1.0),
    "charbonnier": lambda x, y: jaxloss.charbonnier_loss(x, y),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))


def predict(params: Params, noisy: jax.Array) -> jax.Array:
    """A denoiser of one convolution, which starts as the identity."""
    residual = jax.lax.conv_general_dilated(
        noisy, params["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return noisy + residual + params["bias"].reshape(1, 1, 1, -1)


def make_step(loss: Loss) -> Step:
    def objective(params: Params, noisy: jax.Array, clean: jax.Array) -> jax.Array:
        return loss(predict(params, noisy), clean).mean()

    @jax.jit
    def step(state: State, noisy: jax.Array, clean: jax.Array) -> tuple[State, jax.Array]:
        params, optimizer_state = state
        value, gradient = jax.value_and_grad(objective)(params, noisy, clean)
        with jax.numpy_dtype_promotion("standard"):  # Optax counts its steps in integers
            updates, optimizer_state = OPTIMIZER.update(gradient, optimizer_state, params)
        params = jax.tree.map(jnp.add, params, updates)
        return (params, optimizer_state), value

    return step


@pytest.fixture
def state() -> State:
    params = {"kernel": jnp.zeros((3, 3, 3, 3)), "bias": jnp.zeros(3)}
    return params, OPTIMIZER.init(params)


@pytest.fixture
def images(crop_photograph: Callable[..., np.ndarray]) -> Pair:
    """Eight photographs with noise, and without."""
    clean = jnp.asarray(crop_photograph(8, 32, 36))
    return clean + 0.1 * jax.random.normal(jax.random.key(0), clean.shape), clean


@every_loss
def test_training_lowers_the_loss(loss: Loss, state: State, images: Pair) -> None:
    step, values = make_step(loss), []
    for _ in range(40):
        state, value = step(state, *images)
        values.append(value.item())
    assert values[0] > values[20] > values[-1]
    assert values[-1] < 0.9 * values[0]


@every_loss
@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_data_parallel_step_is_the_step_of_one_device(
    loss: Loss, axis_type: AxisType, state: State, images: Pair
) -> None:
    """Images sharded, parameters on every device; the mean over the batch is the only place where devices meet."""
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(axis_type,))
    split, everywhere = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    step = make_step(loss)
    alone, parallel = state, jax.device_put(state, everywhere)
    for _ in range(2):
        alone, expected = step(alone, *images)
        with jax.set_mesh(mesh):
            parallel, value = step(parallel, *jax.device_put(images, split))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), parallel, alone)
    assert jnp.abs(parallel[0]["kernel"]).max() > 1e-3
