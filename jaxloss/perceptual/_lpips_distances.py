"""What LPIPS compares: activations of a network at unit length, and their weighted distances."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._checks import check_choice, error_text
from .._types import Array, ArrayLike, Params, Scalar
from ..backbones._features import FeatureFunction, extract_features
from ..ops._numerics import safe_sqrt


class Trunk(NamedTuple):
    net: str
    layers: tuple[str, ...]


LPIPS_TRUNKS = {
    "alex": Trunk("alexnet", ("relu1", "relu2", "relu3", "relu4", "relu5")),
    "vgg": Trunk("vgg16", ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")),
    "squeeze": Trunk("squeezenet1_1", ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")),
}


class Activations(NamedTuple):
    """Of one layer at each position: `features * scale` is of unit length, or 0 where nothing is active."""

    features: Array  # [..., h, w, c]
    scale: Array  # [..., h, w, 1]


# The first version of the original fed images in [-1, 1] to networks trained on normalized ones.
PREPROCESSING = {"0.0": "symmetric", "0.1": "lpips"}
WEIGHTINGS = ("learned", "none")
LANES = 8  # numbers that a vector register holds
EPSILON = 1e-10  # of the unit length, as in the original; outside of the root


def activations_of(
    name: str,
    x: Array,
    params: Params,
    net: str | FeatureFunction,
    data_range: Scalar,
    version: str,
    dtype: DTypeLike | None,
) -> dict[str, Activations]:
    check_choice(name, "version", version, PREPROCESSING)
    if callable(net):
        trunk, layers = net, tuple(params["heads"][version])
    else:
        check_choice(name, "net", net, LPIPS_TRUNKS)
        trunk, layers = LPIPS_TRUNKS[net]
    features = extract_features(
        x,
        net=trunk,
        params=params["trunk"],
        layers=layers,
        data_range=data_range,
        preprocess=PREPROCESSING[version],
        dtype=dtype,
    )
    return {layer: Activations(z, _unit_scale(z)) for layer, z in features.items()}


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


def layer_distances(
    name: str, differences: dict[str, Array], params: Params, version: str, weighting: str
) -> dict[str, Array]:
    """`[..., h, w, 1]` for each layer: the weighted squares of differences of features at unit length."""
    check_choice(name, "version", version, PREPROCESSING)
    check_choice(name, "weighting", weighting, WEIGHTINGS)
    if weighting == "none":
        return {layer: _sum_over_channels(d**2) for layer, d in differences.items()}
    heads: Params = params["heads"][version]
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
