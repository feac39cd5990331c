"""The network of Zhao et al., the losses it is trained with, and the steps of a training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

import jaxloss
from jaxloss.backbones._network import convolve  # on all cores of a CPU
from jaxloss.images import Stack

from ..._command import CHANNELS
from .._training import Progress, TrainingSize, advance, first
from ._tasks import TASKS, random_pairs


LOSSES: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "l2": jaxloss.mse,
    "l1": jaxloss.mae,
    "ssim": partial(jaxloss.ssim_loss, data_range=1.0, window_size=33, sigma=5.0),  # the authors' width
    "multi_sigma_ssim": partial(jaxloss.multi_sigma_ssim_loss, data_range=1.0),
    "mix": partial(jaxloss.mix_loss, data_range=1.0),
}


@dataclass(frozen=True, kw_only=True)
class Size(TrainingSize):
    """The network, and how it is trained.

    Attributes:
        width: Channels of the two hidden layers.
        residual: Whether the network's output is added to its input, which it then leaves as it is at first.
        learning_rate: Of Adam at its highest; it rises in the first twentieth of the steps and falls as a cosine.
    """

    width: int
    residual: bool


SIZES = {
    "small": Size(width=24, residual=True, crop=48, batch=8, steps=2400, learning_rate=1e-3, chunk=80),
    # The network is that of the paper, which does not tell batch, steps and learning rate.
    "full": Size(width=64, residual=False, crop=64, batch=64, steps=50_000, learning_rate=5e-4, chunk=100),
}


class RestorationNetwork(nn.Module):
    """Three convolutions, 9 x 9, 5 x 5 and 5 x 5, with PReLU between them."""

    width: int
    residual: bool

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        hidden = image
        for side in (9, 5):
            hidden = nn.PReLU(negative_slope_init=0.25)(convolve(self.width, (side, side))(hidden))
        start = nn.initializers.zeros if self.residual else nn.initializers.lecun_normal()
        output = convolve(CHANNELS, (5, 5), kernel_init=start)(hidden)
        return image + output if self.residual else output


class State(NamedTuple):
    """What a step changes."""

    params: Any
    optimizer: Any


def apply_network(params: Any, images: jax.Array, size: Size) -> Any:
    return network(size).apply(params, images)


def network(size: Size) -> RestorationNetwork:
    return RestorationNetwork(size.width, size.residual)


def optimizer(size: Size) -> optax.GradientTransformation:
    warmup = max(1, size.steps // 20)
    return optax.adam(
        optax.warmup_cosine_decay_schedule(size.learning_rate / 20, size.learning_rate, warmup, size.steps + 1)
    )


def start(size: Size, key: jax.Array) -> Progress[State]:
    return first(_first_state(key, size=size))


@partial(jax.jit, static_argnames="size")
def _first_state(key: jax.Array, *, size: Size) -> State:
    params = network(size).init(key, jnp.zeros((1, size.crop, size.crop, CHANNELS)))
    return State(params, optimizer(size).init(params))


@partial(jax.jit, static_argnames=("task", "loss", "size"), donate_argnames="state")
def train_step(
    state: State, index: jax.Array, key: jax.Array, pairs: Stack, *, task: str, loss: str, size: Size
) -> tuple[State, jax.Array, jax.Array]:
    """One step, all on the device; it takes its crops by key and index, whatever came before."""
    key = jax.random.fold_in(key, index)
    degraded, original = random_pairs(key, pairs, TASKS[task], size.batch, size.crop)

    def objective(params: Any) -> jax.Array:
        return LOSSES[loss](apply_network(params, degraded, size), original).mean()

    value, gradient = jax.value_and_grad(objective)(state.params)
    updates, optimizer_state = optimizer(size).update(gradient, state.optimizer, state.params)
    return State(optax.apply_updates(state.params, updates), optimizer_state), index + 1, value


@partial(jax.jit, static_argnames="size")
def restore(params: Any, degraded: jax.Array, *, size: Size) -> jax.Array:
    """`[H, W, 3]` -> the same shape, in [0, 1]."""
    return apply_network(params, degraded[None], size)[0].clip(0, 1)


class Probe(NamedTuple):
    """A part of a photograph that is never trained on, for the learning curve; nothing is chosen by it."""

    degraded: jax.Array
    original: jax.Array

    def input_psnr(self) -> float:
        return float(jaxloss.psnr(self.degraded.clip(0, 1), self.original, data_range=1.0))

    def psnr(self, params: Any, size: Size) -> float:
        return float(jaxloss.psnr(restore(params, self.degraded, size=size), self.original, data_range=1.0))


def train(
    progress: Progress[State], key: jax.Array, pairs: Stack, probe: Probe, *, task: str, loss: str, size: Size
) -> Iterator[Progress[State]]:
    step = partial(train_step, key=key, pairs=pairs, task=task, loss=loss, size=size)
    return advance(progress, step, lambda state: probe.psnr(state.params, size), steps=size.steps, chunk=size.chunk)
