"""The one Flax module: it runs any table of layers."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._types import Array
from ..ops._color import rgb_to_lab
from ..ops._convolution import convolution
from ._blurring import blur, blurred_convolution
from ._layers import Blur, Conv, Fire, Lab, Norm, Pool, Relu, Table, used_layers


convolve = functools.partial(nn.Conv, conv_general_dilated=convolution)
convolve_blurred = functools.partial(nn.Conv, conv_general_dilated=blurred_convolution)


class Backbone(nn.Module):
    """Runs a table of layers up to the last tap, and returns the taps by name.

    Images and features are `[n, height, width, channels]`; the parameters bear the names of the layers.
    """

    layers: Table
    taps: tuple[str, ...]
    dtype: DTypeLike | None = None
    precision: str | None = None

    @nn.compact
    def __call__(self, x: Array) -> dict[str, Array]:
        features = {}
        options: dict[str, Any] = {"dtype": self.dtype, "precision": self.precision}
        for layer in used_layers(self.layers, self.taps):
            match layer:
                case Conv(name, width, size, stride, padding, groups, blurred):
                    kind = convolve_blurred if blurred else convolve
                    conv = kind(width, (size, size), stride, padding, feature_group_count=groups, name=name, **options)
                    x = conv(x)
                case Relu(name, slope):
                    x = nn.leaky_relu(x, slope) if slope else nn.relu(x)
                case Pool(name):
                    x = max_pool(x, layer)
                case Blur(name):
                    x = blur(x, layer)
                case Fire(name, squeeze, expand):
                    x = FireModule(squeeze, expand, functools.partial(convolve, **options), name=name)(x)
                case Norm(name):
                    x = _normalize_locally(x, layer)
                case Lab(name, offset, scale):
                    offset, scale = (jnp.asarray(numbers, x.dtype).reshape(1, 1, 1, 3) for numbers in (offset, scale))
                    x = rgb_to_lab(x * scale + offset)
            features[name] = x
        return {name: features[name] for name in self.taps}


class FireModule(nn.Module):
    squeeze: int
    expand: int
    convolve: Callable[..., Callable[[Array], Array]]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        narrow = nn.relu(self.convolve(self.squeeze, (1, 1), padding=0, name="squeeze")(x))
        wide = [self.convolve(self.expand, (k, k), padding=k // 2, name=f"expand{k}x{k}")(narrow) for k in (1, 3)]
        return nn.relu(jnp.concatenate(wide, axis=-1))


def max_pool(x: Array, pool: Pool) -> Array:
    """Maximum over columns, then rows: for XLA's windowed maximum has a gradient that is many times slower."""
    return _max_along(_max_along(x, pool, 2), pool, 1)


def _max_along(x: Array, pool: Pool, axis: int) -> Array:
    reach = (pool.output_size(x.shape[axis]) - 1) * pool.stride + 1
    # A window that reaches beyond the border sees nothing there; a remainder that no window covers is left out.
    beyond = max(0, reach + pool.size - 1 - x.shape[axis])
    x = jnp.pad(x, [(0, beyond if i == axis else 0) for i in range(x.ndim)], constant_values=-jnp.inf)
    shifted = (lax.slice_in_dim(x, i, i + reach, pool.stride, axis) for i in range(pool.size))
    return functools.reduce(_first_maximum, shifted)


def _first_maximum(a: Array, b: Array) -> Array:
    """The maximum, whose gradient goes to the first of equal values, as in torch."""
    return jnp.where((a >= b) | jnp.isnan(a), a, b)


def _normalize_locally(x: Array, norm: Norm) -> Array:
    around = norm.channels // 2
    squares = jnp.pad(x * x, [(0, 0)] * (x.ndim - 1) + [(around, around)])
    shifted = (lax.slice_in_dim(squares, i, i + x.shape[-1], axis=-1) for i in range(norm.channels))
    return x * (1 + norm.alpha / norm.channels * functools.reduce(jnp.add, shifted)) ** -norm.beta
