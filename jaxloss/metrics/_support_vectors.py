"""Regression by support vectors with a Gaussian kernel: how BRISQUE and VMAF make a score of features."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._checks import error_text
from .._types import Array, Params


class Machine(NamedTuple):
    """Of n support vectors of f features."""

    vectors: Array  # [n, f]
    coefficients: Array  # [n]
    offset: Array
    gamma: Array


def regress(features: Array, machine: Machine) -> Array:
    r"""`[..., f]` to `[...]`: $\sum_k c_k \exp(-\gamma \|f - v_k\|^2) - \rho$."""
    leading = (1,) * (features.ndim - 1)
    vectors, coefficients = (z.reshape(leading + z.shape) for z in machine[:2])
    exponents = -machine.gamma * ((features[..., None, :] - vectors) ** 2).sum(axis=-1)
    # The coefficients are large, and their sum is 0: the smaller what they multiply, the fewer digits are lost.
    nearest = lax.stop_gradient(exponents.max(axis=-1, keepdims=True))
    less = (coefficients * jnp.expm1(exponents - nearest)).sum(axis=-1)
    return jnp.exp(nearest[..., 0]) * (less + machine.coefficients.sum()) - machine.offset


def take_parts(name: str, params: Params, parts: tuple[str, ...], dtype: DTypeLike) -> dict[str, Array]:
    """What `load_params(name)` returns, in the dtype of the image."""
    if not params.keys() >= set(parts):
        way_out = f"They are what load_params({name!r}) returns."
        raise ValueError(error_text(name, f"params with {list(parts)}", list(params), way_out))
    return {part: jnp.asarray(params[part], dtype) for part in parts}
