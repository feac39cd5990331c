"""Adapters of frameworks: a batch of images as each of them has it, and its functions as contestants of a race."""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._timing import Contestant


Score = Callable[..., Any]  # batches x and y -> scores, whose mean counts, or that mean
Pair = tuple[Any, Any]

CHANNELS_LAST = " (channels last)"


class Entrant(NamedTuple):
    """A way to call a peer: for the metric, and for the mean score and its gradient with respect to x."""

    value: Contestant
    value_and_grad: Contestant | None = None


class Framework(NamedTuple):
    """What the peers of one framework share.

    Attributes:
        pairs: `pairs(x, y, dtype)` of NumPy batches `[N, H, W, C]`: its own arrays, by memory layout.
        enter: `enter(score, x, y)` with those.
    """

    pairs: Callable[[np.ndarray, np.ndarray, str], dict[str, Pair]]
    enter: Callable[..., Entrant]


def _torch_pairs(x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Pair]:
    """In both memory layouts: as the libraries document it, and as convolutions on the CPU are several times faster."""
    import torch

    device = _torch_device()
    last = [torch.from_numpy(z).to(device, getattr(torch, dtype)).permute(0, 3, 1, 2) for z in (x, y)]
    first = [z.contiguous() for z in last]
    return {"": (first[0], first[1]), CHANNELS_LAST: (last[0], last[1])}


def _torch_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() and jax.default_backend() == "gpu" else "cpu"


def _torch_entrant(score: Score, x: Any, y: Any) -> Entrant:
    import torch

    def value(x: Any, y: Any) -> Any:
        with torch.no_grad():
            return score(x, y)

    def value_and_grad(x: Any, y: Any) -> tuple[Any, Any]:
        x = x.detach().requires_grad_()
        mean = score(x, y).mean()
        mean.backward()
        return mean.detach(), x.grad

    def wait(_: Any) -> None:
        if _torch_device() == "cuda":
            torch.cuda.synchronize()

    return Entrant(*(Contestant(run, (x, y), wait) for run in (value, value_and_grad)))


def _jax_pairs(x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Pair]:
    return {"": (jnp.asarray(x, dtype), jnp.asarray(y, dtype))}


def jax_entrant(score: Score, *arguments: Any) -> Entrant:
    """A JAX function as all of them are called here, ours and others'."""
    return Entrant(*(Contestant(function, arguments) for function in _jitted(score)))


@cache
def _jitted(score: Score) -> tuple[Score, Score]:
    return jax.jit(score), jax.jit(jax.value_and_grad(lambda *arguments: score(*arguments).mean()))


def _numpy_pairs(x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Pair]:
    return {"": (x.astype(dtype), y.astype(dtype))}


def _numpy_entrant(score: Score, x: np.ndarray, y: np.ndarray) -> Entrant:
    return Entrant(Contestant(score, (x, y)))


def _tensorflow_pairs(x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Pair]:
    tensorflow = importlib.import_module("tensorflow")
    return {"": (tensorflow.constant(x, dtype), tensorflow.constant(y, dtype))}


def _tensorflow_entrant(score: Score, x: Any, y: Any) -> Entrant:
    tensorflow = importlib.import_module("tensorflow")

    def value_and_grad(x: Any, y: Any) -> tuple[Any, Any]:
        with tensorflow.GradientTape() as tape:
            tape.watch(x)
            mean = tensorflow.reduce_mean(score(x, y))
        return mean, tape.gradient(mean, x)

    return Entrant(*(Contestant(run, (x, y)) for run in (score, value_and_grad)))


FRAMEWORKS = {
    "torch": Framework(_torch_pairs, _torch_entrant),
    "jax": Framework(_jax_pairs, jax_entrant),
    "numpy": Framework(_numpy_pairs, _numpy_entrant),
    "tensorflow": Framework(_tensorflow_pairs, _tensorflow_entrant),
}
