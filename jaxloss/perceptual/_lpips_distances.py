"""What LPIPS compares: activations of a network at unit length, and their weighted distances."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._checks import error_text
from .._types import Array, ArrayLike, FeatureArrays, Params, Scalar
from ..backbones._features import PREPROCESSING, FeatureFunction, Look, Preprocessing, look_at
from ..backbones._lpips_nets import LPIPS_NETS
from ..ops._numerics import safe_sqrt


class Activations(NamedTuple):
    """Of one layer at each position: `features * scale` is of unit length, or 0 where nothing is active."""

    features: Array  # [..., h, w, c]
    scale: Array  # [..., h, w, 1]


LANES = 8  # numbers that a vector register holds
EPSILON = 1e-10  # of the unit length, as in the original; outside of the root


def activations_of(
    name: str,
    x: Array,
    *,
    params: Params,
    data_range: Scalar,
    net: str | FeatureFunction,
    dtype: DTypeLike | None,
) -> dict[str, Activations]:
    features = look_at(name, x, params=params["trunk"], data_range=data_range, look=look_of(name, params, net, dtype))
    return activations(features)


def activations(features: FeatureArrays) -> dict[str, Activations]:
    return {layer: Activations(z, _unit_scale(z)) for layer, z in features.items()}


def look_of(
    name: str,
    params: Params,
    net: str | FeatureFunction,
    dtype: DTypeLike | None = None,
    precision: str = "highest",
    strip_rows: int | None = None,
) -> Look:
    backbone, layers = (net, tuple(_heads(name, params))) if callable(net) else LPIPS_NETS[net]
    return Look(backbone, layers, _preprocessing(name, params, net), dtype, precision, strip_rows)


def _preprocessing(name: str, params: Params, net: str | FeatureFunction) -> Preprocessing:
    """That which belongs to the parameters. A function may do without, and sees images in [0, 1]."""
    if "preprocessing" in params:
        given = params["preprocessing"]
        # Constants of the network, whatever else of the parameters is trained.
        return Preprocessing(lax.stop_gradient(given["offset"]), lax.stop_gradient(given["scale"]))
    if callable(net):
        return PREPROCESSING["unit"]
    way_out = f"They are what load_params('lpips-{net}') returns; your own heads: {{**params, 'heads': heads}}."
    raise ValueError(error_text(name, "params with 'trunk', 'heads' and 'preprocessing'", list(params), way_out))


def _heads(name: str, params: Params) -> Params:
    heads: Params = params["heads"]
    if any(isinstance(head, Mapping) for head in heads.values()):
        way_out = "load_params('lpips-alex') returns those of one version; another: version='0.0'."
        raise ValueError(error_text(name, "heads of one version, {layer: [C]}", f"those of {list(heads)}", way_out))
    return heads


def _unit_scale(features: Array) -> Array:
    length = safe_sqrt(_sum_over_channels(features * features))
    return jnp.where(length > 0, 1 / (length + EPSILON), jnp.zeros_like(length))


def _sum_over_channels(values: Array) -> Array:
    """`[..., c]` to `[..., 1]` by way of a few lanes, for XLA does not vectorize a sum over the innermost axis.

    A matrix product would write its operand down, and fresh memory costs more than the arithmetic.
    """
    channels = values.shape[-1]
    lanes = math.gcd(channels, LANES)
    return values.reshape(*values.shape[:-1], channels // lanes, lanes).sum(axis=-2).sum(axis=-1, keepdims=True)


def weighted_squares(name: str, differences: dict[str, Array], params: Params, weighting: str) -> dict[str, Array]:
    """`[..., h, w, 1]` for each layer, of differences of features at unit length."""
    if weighting == "none":
        return {layer: _sum_over_channels(d**2) for layer, d in differences.items()}
    heads = _heads(name, params)
    fits = all(layer in heads and jnp.shape(heads[layer]) == d.shape[-1:] for layer, d in differences.items())
    if not fits:
        way_out = "Parameters and net belong together: load_params('lpips-vgg') with net='vgg'."
        wanted = {layer: d.shape[-1:] for layer, d in differences.items()}
        got = {layer: jnp.shape(head) for layer, head in heads.items()}
        raise ValueError(error_text(name, f"heads of shapes {wanted}", f"heads of shapes {got}", way_out))
    return {layer: _sum_over_channels(_channel_weights(heads[layer], d) * d**2) for layer, d in differences.items()}


def _channel_weights(head: ArrayLike, features: Array) -> Array:
    return jnp.asarray(head, features.dtype).reshape((1,) * (features.ndim - 1) + (-1,))


def unit_difference(x: Activations, y: Activations) -> Array:
    """Of the features at unit length, exactly 0 for equal features and exactly opposite for exchanged ones.

    Compilers fuse one product of `x.features * x.scale - y.features * y.scale` into the subtraction, unrounded. Here
    the smaller scale is taken out: its derivative is 0, and of what remains one term is 0.
    """
    common = lax.stop_gradient(jnp.minimum(x.scale, y.scale))
    rest = x.features * (x.scale - common) - y.features * (y.scale - common)
    return (x.features - y.features) * common + rest
