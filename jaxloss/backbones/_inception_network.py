"""The Flax module of Inception v3: it runs a chain of its rows."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from .._types import Array
from ._inception import Branches, Chain, MaxPool, MeanPool, Row, Unit
from ._layers import Pool
from ._network import convolve, max_pool


Convolve = Callable[..., Callable[[Array], Array]]


class Inception(nn.Module):
    """The output of a chain, `[n, height, width, channels]`; the parameters bear the names of its rows."""

    chain: Chain
    dtype: DTypeLike | None = None
    precision: str | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return _run(self.chain, x, functools.partial(convolve, dtype=self.dtype, precision=self.precision))


class Mixed(nn.Module):
    chains: tuple[Chain, ...]
    convolve: Convolve

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return _side_by_side(self.chains, x, self.convolve)


def _run(chain: Chain, x: Array, convolve: Convolve) -> Array:
    for row in chain:
        x = _step(row, x, convolve)
    return x


def _side_by_side(chains: tuple[Chain, ...], x: Array, convolve: Convolve) -> Array:
    return jnp.concatenate([_run(chain, x, convolve) for chain in chains], axis=-1)


def _step(row: Row, x: Array, convolve: Convolve) -> Array:
    match row:
        case Unit(name, features, size, stride, same):
            return nn.relu(convolve(features, size, stride, "SAME" if same else "VALID", name=name)(x))
        case MaxPool(stride=stride):
            around = 1 if stride == 1 else 0
            widths = [(0, 0), (around, around), (around, around), (0, 0)]
            return max_pool(jnp.pad(x, widths, constant_values=-jnp.inf), Pool("", 3, stride))
        case MeanPool():
            return nn.avg_pool(x, (3, 3), strides=(1, 1), padding="SAME", count_include_pad=False)
        case Branches(name, chains):
            return Mixed(chains, convolve, name=name)(x) if name else _side_by_side(chains, x, convolve)
