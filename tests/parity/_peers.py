"""The other libraries behind one call: images `[H, W, C]` as NumPy arrays in, score and gradient out."""

import functools
import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from benchmarks._peers import import_torchvision


Score = Callable[[Any, Any, Any], Any]  # (library, x, y), both images as arrays of its framework -> its score

NEED_TORCHVISION = ("piq", "torchmetrics", "torchvision")  # which may be there without its binary part


def peer(name: str) -> Any:
    """Import a library. Without it skip the test, or fail it where JAXLOSS_REQUIRE_PEERS=1 says that it is there."""
    try:
        with foreign_code():
            if name.split(".")[0] in NEED_TORCHVISION:
                import_torchvision()
            return importlib.import_module(name)
    except ImportError as error:
        reason = f'{name} cannot be imported ({error}). Install the package with its extra "parity".'
    if os.environ.get("JAXLOSS_REQUIRE_PEERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def foreign_code() -> Iterator[None]:
    """Inside, warnings are not errors and JAX promotes as it does by default: our strictness is not that of others."""
    with warnings.catch_warnings(), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Peer:
    """A score of another library. It computes in the precision of the images, float32 or float64."""

    library: str
    framework: str
    score: Score

    def value(self, x: np.ndarray, y: np.ndarray) -> float:
        return self._call(FRAMEWORKS[self.framework].value, x, y)

    def gradient(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """With respect to `x`, by the automatic differentiation of the framework."""
        return self._call(FRAMEWORKS[self.framework].gradient, x, y)

    def _call(self, function: Callable, x: np.ndarray, y: np.ndarray) -> Any:
        library = peer(self.library)
        with foreign_code(), jax.enable_x64(x.dtype == np.float64):
            return function(bind(self.score, library), x, y)


@functools.cache  # one function object per peer, so that JAX compiles it once per shape
def bind(score: Score, library: Any) -> Callable[[Any, Any], Any]:
    return lambda x, y: score(library, x, y)


class Framework(NamedTuple):
    value: Callable
    gradient: Callable


def _torch_arrays(*images: np.ndarray) -> list[Any]:
    return [peer("torch").from_numpy(np.moveaxis(image, -1, 0)[None].copy()) for image in images]


def _torch_gradient(score: Callable, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    variable, constant = _torch_arrays(x, y)
    score(variable.requires_grad_(), constant).backward()
    return np.moveaxis(variable.grad.numpy()[0], 0, -1)


def _tensorflow_gradient(score: Callable, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    tensorflow = peer("tensorflow")
    variable = tensorflow.Variable(x)
    with tensorflow.GradientTape() as tape:
        result = score(variable, y)
    return tape.gradient(result, variable).numpy()


@functools.cache
def _jax_functions(score: Callable) -> tuple[Callable, Callable]:
    return jax.jit(score), jax.jit(jax.grad(score))


FRAMEWORKS = {
    "jax": Framework(
        lambda score, x, y: float(_jax_functions(score)[0](x, y)),
        lambda score, x, y: np.asarray(_jax_functions(score)[1](x, y)),
    ),
    # What a NumPy library calls its gradient is a score of its own.
    "numpy": Framework(lambda score, x, y: float(score(x, y)), lambda score, x, y: score(x, y)),
    "tensorflow": Framework(lambda score, x, y: float(score(x, y)), _tensorflow_gradient),
    "torch": Framework(lambda score, x, y: float(score(*_torch_arrays(x, y))), _torch_gradient),
}
