"""One small denoiser and its training by Optax, written for plain JAX, Flax linen, Flax NNX, Equinox and Haiku.

Each of `FRAMEWORKS` starts at the plain parameters that it is given and returns plain parameters, for comparison.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxloss._types import Params


Array = jax.Array
Loss = Callable[[Array, Array, Params], Array]  # restored, clean, parameters of LPIPS -> the mean over the batch
Predict = Callable[[Any, Array], Any]
Batch = tuple[Array, Array, Params]  # noisy, clean, parameters of LPIPS
Trained = tuple[Params, list[float]]  # parameters, loss before each step

HIDDEN, SIZE = 6, 3
LAYERS = {"first": (3, HIDDEN), "second": (HIDDEN, 3)}


def adam(rate: float) -> optax.GradientTransformation:
    """Optax counts its steps in integers, which the strict promotion of the tests does not mix with numbers."""
    optimizer = optax.adam(rate)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        with jax.numpy_dtype_promotion("standard"):
            return optimizer.update(updates, state, params)

    return optax.GradientTransformation(optimizer.init, update)


OPTIMIZER = adam(3e-3)


def initial_params(rng: np.random.Generator) -> dict[str, dict[str, Array]]:
    """`{layer: {"kernel": [3, 3, in, out], "bias": [out]}}`; the network starts near the identity."""
    return {
        layer: {
            "kernel": jnp.asarray(rng.normal(0, 0.1, (SIZE, SIZE, *channels)), jnp.float32),
            "bias": jnp.asarray(rng.normal(0, 0.02, channels[1]), jnp.float32),
        }
        for layer, channels in LAYERS.items()
    }


def predict(params: Params, noisy: Array) -> Array:
    """Two convolutions, the sum of which and of the image is the restored image."""
    hidden = jax.nn.relu(_convolve(noisy, **params["first"]))
    return noisy + _convolve(hidden, **params["second"])


def _convolve(x: Array, kernel: Array, bias: Array) -> Array:
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + bias.reshape(1, 1, 1, -1)


def train_function(predict: Predict, params: Any, loss: Loss, batch: Batch, steps: int) -> tuple[Any, list[float]]:
    """For every framework in which a network is a function of a tree of parameters."""

    @jax.jit
    def step(params: Any, state: optax.OptState, noisy: Array, clean: Array, lpips_params: Params) -> tuple:
        def objective(params: Any) -> Array:
            return loss(predict(params, noisy), clean, lpips_params)

        value, gradient = jax.value_and_grad(objective)(params)
        updates, state = OPTIMIZER.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    state, values = OPTIMIZER.init(params), []
    for _ in range(steps):
        params, state, value = step(params, state, *batch)
        values.append(value.item())
    return params, values


def train_jax(params: Params, loss: Loss, batch: Batch, steps: int) -> Trained:
    return train_function(predict, params, loss, batch, steps)


class LinenNetwork(nn.Module):
    @nn.compact
    def __call__(self, noisy: Array) -> Array:
        hidden = nn.relu(nn.Conv(HIDDEN, (SIZE, SIZE), name="first")(noisy))
        return noisy + nn.Conv(noisy.shape[-1], (SIZE, SIZE), name="second")(hidden)


def train_linen(params: Params, loss: Loss, batch: Batch, steps: int) -> Trained:
    network = LinenNetwork()
    initial = network.init(jax.random.key(0), batch[0])
    assert jax.tree.map(jnp.shape, initial["params"]) == jax.tree.map(jnp.shape, dict(params))
    variables, values = train_function(network.apply, {"params": params}, loss, batch, steps)
    return variables["params"], values


def haiku_network(noisy: Array) -> Array:
    hidden = jax.nn.relu(hk.Conv2D(HIDDEN, SIZE, name="first")(noisy))
    return noisy + hk.Conv2D(noisy.shape[-1], SIZE, name="second")(hidden)


def train_haiku(params: Params, loss: Loss, batch: Batch, steps: int) -> Trained:
    network = hk.without_apply_rng(hk.transform(haiku_network))
    initial = network.init(jax.random.key(0), batch[0])
    renamed = {layer: {"w": leaves["kernel"], "b": leaves["bias"]} for layer, leaves in params.items()}
    assert jax.tree.map(jnp.shape, initial) == jax.tree.map(jnp.shape, renamed)
    trained, values = train_function(network.apply, renamed, loss, batch, steps)
    return {layer: {"kernel": leaves["w"], "bias": leaves["b"]} for layer, leaves in trained.items()}, values


class NnxNetwork(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first = nnx.Conv(3, HIDDEN, (SIZE, SIZE), rngs=rngs)
        self.second = nnx.Conv(HIDDEN, 3, (SIZE, SIZE), rngs=rngs)

    def __call__(self, noisy: Array) -> Array:
        return noisy + self.second(nnx.relu(self.first(noisy)))


def train_nnx(params: Params, loss: Loss, batch: Batch, steps: int) -> Trained:
    network = NnxNetwork(nnx.Rngs(0))
    nnx.update(network, nnx.State(params))
    optimizer = nnx.Optimizer(network, OPTIMIZER, wrt=nnx.Param)

    @nnx.jit
    def step(network: NnxNetwork, optimizer: nnx.Optimizer, noisy: Array, clean: Array, lpips_params: Params) -> Array:
        def objective(network: NnxNetwork) -> Array:
            return loss(network(noisy), clean, lpips_params)

        value, gradient = nnx.value_and_grad(objective)(network)
        optimizer.update(network, gradient)
        return value

    values = [step(network, optimizer, *batch).item() for _ in range(steps)]
    return nnx.to_pure_dict(nnx.state(network, nnx.Param)), values


class EquinoxNetwork(eqx.Module):
    first: eqx.nn.Conv2d
    second: eqx.nn.Conv2d

    def __init__(self, params: Params) -> None:
        first, second = (
            eqx.nn.Conv2d(*channels, SIZE, padding="SAME", key=jax.random.key(0)) for channels in LAYERS.values()
        )
        self.first, self.second = _filled(first, params["first"]), _filled(second, params["second"])

    def __call__(self, noisy: Array) -> Array:
        """Equinox: one image, channels first."""

        def residual(image: Array) -> Array:
            hidden = jax.nn.relu(self.first(jnp.moveaxis(image, -1, 0)))
            return jnp.moveaxis(self.second(hidden), 0, -1)

        return noisy + jax.vmap(residual)(noisy)


def _filled(layer: eqx.nn.Conv2d, leaves: dict[str, Array]) -> eqx.nn.Conv2d:
    weight, bias = jnp.transpose(leaves["kernel"], (3, 2, 0, 1)), leaves["bias"].reshape(-1, 1, 1)
    return eqx.tree_at(lambda layer: (layer.weight, layer.bias), layer, (weight, bias))


def _emptied(layer: eqx.nn.Conv2d) -> dict[str, Array]:
    assert layer.bias is not None
    return {"kernel": jnp.transpose(layer.weight, (2, 3, 1, 0)), "bias": layer.bias.reshape(-1)}


def train_equinox(params: Params, loss: Loss, batch: Batch, steps: int) -> Trained:
    network = EquinoxNetwork(params)
    state = OPTIMIZER.init(eqx.filter(network, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(
        network: EquinoxNetwork, state: optax.OptState, noisy: Array, clean: Array, lpips_params: Params
    ) -> tuple[EquinoxNetwork, optax.OptState, Array]:
        def objective(network: EquinoxNetwork) -> Array:
            return loss(network(noisy), clean, lpips_params)

        value, gradient = eqx.filter_value_and_grad(objective)(network)
        updates, state = OPTIMIZER.update(gradient, state)
        return eqx.apply_updates(network, updates), state, value

    values = []
    for _ in range(steps):
        network, state, value = step(network, state, *batch)
        values.append(value.item())
    return {"first": _emptied(network.first), "second": _emptied(network.second)}, values


FRAMEWORKS: dict[str, Callable[[Params, Loss, Batch, int], Trained]] = {
    "jax": train_jax,
    "linen": train_linen,
    "nnx": train_nnx,
    "equinox": train_equinox,
    "haiku": train_haiku,
}
