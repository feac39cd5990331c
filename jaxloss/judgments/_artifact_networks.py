"""Encoder-decoders after a spec, and their discriminators: tables of convolutions, and what runs them."""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import error_text
from .._types import Array, Params
from ..ops._convolution import convolution
from ._artifact_specs import ArtifactSpec


CHANNELS = 3
GRAY = 0.5
EPSILON = 1e-5  # of the normalizations
DISCRIMINATOR_WIDTH = 16


class Layer(NamedTuple):
    """A convolution `side` x `side`."""

    side: int
    inputs: int
    outputs: int


Table = dict[str, Layer]


def generator_table(spec: ArtifactSpec) -> Table:
    """The convolutions by name, in the order in which they run."""
    widths = [spec.width * min(2**stage, 4) for stage in range(spec.depth + 1)]
    table = {"first": Layer(5, CHANNELS, widths[0])}
    for stage in range(1, spec.depth + 1):
        table[f"down{stage}"] = Layer(3, widths[stage - 1], widths[stage])
    for layer in range(1, spec.layers + 1):
        table[f"middle{layer}"] = Layer(3, widths[-1], widths[-1])
    for stage in range(spec.depth, 0, -1):
        side = widths[stage - 1] if spec.skips else 0
        table[f"up{stage}"] = Layer(3, widths[stage] + side, widths[stage - 1])
    return {**table, "last": Layer(3, widths[0], CHANNELS)}


def discriminator_table(spec: ArtifactSpec) -> Table:
    table, inputs = {}, CHANNELS
    for stage in range(1, spec.discriminator_depth + 1):
        outputs = DISCRIMINATOR_WIDTH * 2 ** (stage - 1)
        table[f"down{stage}"] = Layer(4, inputs, outputs)
        inputs = outputs
    return {**table, "last": Layer(3, inputs, 1)}


def init_table(key: Array, table: Table) -> dict[str, Any]:
    """He's initialization; the last convolution starts near zero, so that a training starts from gray or the image."""
    shapes = {name: (side, side, inputs, outputs) for name, (side, inputs, outputs) in table.items()}
    sizes = [math.prod(shape) for shape in shapes.values()]
    # All numbers in one array: generators are most of what there is to compile.
    numbers = jnp.split(jax.random.normal(key, (sum(sizes),), jnp.float32), list(itertools.accumulate(sizes))[:-1])
    params = {}
    for (name, shape), drawn in zip(shapes.items(), numbers, strict=True):
        deviation = 0.01 if name == "last" else (2 / math.prod(shape[:-1])) ** 0.5
        params[name] = {"kernel": deviation * drawn.reshape(shape), "bias": jnp.zeros(shape[-1], jnp.float32)}
    return params


def check_generator(name: str, params: Params, spec: ArtifactSpec) -> None:
    """The parameters must be those of a network after the spec."""
    for layer, (side, inputs, outputs) in generator_table(spec).items():
        shapes = {"kernel": (side, side, inputs, outputs), "bias": (outputs,)}
        found = {part: jnp.shape(array) for part, array in params.get(layer, {}).items()}
        if found != shapes:
            way_out = "Parameters and spec belong together."
            raise ValueError(error_text(name, f"params of the spec, with {layer} of {shapes}", found, way_out))


def run_generator(params: Params, images: Array, spec: ArtifactSpec, dropout_key: Array | None = None) -> Array:
    """`[n, H, W, 3]` of any size to the same shape, not clipped; features are dropped if there is a key."""
    height, width = images.shape[1:3]
    stride = spec.first_stride * 2**spec.depth
    padded = _extended(_extended(images, 1, 0, -height % stride), 2, 0, -width % stride)

    def layer(name: str, x: Array, stride: int = 1) -> Array:
        return jax.nn.leaky_relu(_normalized(_convolved(params[name], x, stride), spec.normalization), 0.2)

    x = layer("first", padded - GRAY, spec.first_stride)
    passed = [x]
    for stage in range(1, spec.depth + 1):
        x = layer(f"down{stage}", x, 2)
        passed.append(x)
    for number in range(1, spec.layers + 1):
        x = layer(f"middle{number}", x)
    if dropout_key is not None and spec.dropout > 0:
        kept = jax.random.bernoulli(dropout_key, 1 - spec.dropout, x.shape)
        x = jnp.where(kept, x / (1 - spec.dropout), 0)
    for stage in range(spec.depth, 0, -1):
        x = _doubled(x, spec.upsampling)
        if spec.skips:
            x = jnp.concatenate([x, passed[stage - 1]], axis=-1)
        x = layer(f"up{stage}", x)
    if spec.first_stride == 2:
        x = _doubled(x, spec.upsampling)
    x = _convolved(params["last"], x, 1) + (padded if spec.residual else GRAY)
    return x[:, :height, :width]


def run_discriminator(params: Params, images: Array, spec: ArtifactSpec) -> Array:
    """Logits of overlapping patches, `[n, h, w, 1]`."""
    x = 2 * images - 1
    for stage in range(1, spec.discriminator_depth + 1):
        x = jax.nn.leaky_relu(_convolved(params[f"down{stage}"], x, 2), 0.2)
    return _convolved(params["last"], x, 1)


def _convolved(params: Params, x: Array, stride: int) -> Array:
    kernel, bias = (params[name].astype(x.dtype) for name in ("kernel", "bias"))
    strides = (stride, stride)
    rows, columns = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, "SAME")
    x = _extended(_extended(x, 1, *rows), 2, *columns)
    convolved = convolution(x, kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return convolved + bias.reshape(1, 1, 1, -1)


def _extended(x: Array, axis: int, low: int, high: int) -> Array:
    """Beyond its borders the image goes on as it ends: zeros would leave a frame in what is made of it.

    `jnp.pad` has the same values and a gradient that takes much longer.
    """
    first, last = (lax.slice_in_dim(x, end, end + 1, axis=axis) for end in (0, x.shape[axis] - 1))
    return jnp.concatenate([first] * low + [x] + [last] * high, axis=axis)


def _normalized(x: Array, kind: str) -> Array:
    """Without parameters: the convolution that follows has some."""
    if kind == "none":
        return x
    if kind == "pixel":
        return x * lax.rsqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)
    x = x - x.mean(axis=(1, 2), keepdims=True)
    return x * lax.rsqrt((x * x).mean(axis=(1, 2), keepdims=True) + EPSILON)


def _doubled(x: Array, kind: str) -> Array:
    """At twice the size, for the convolution that follows."""
    n, height, width, channels = x.shape
    if kind == "nearest":
        return x.repeat(2, axis=1).repeat(2, axis=2)
    if kind == "bilinear":
        return jax.image.resize(x, (n, 2 * height, 2 * width, channels), "bilinear")
    # Zeros between the pixels: a convolution of that is a transposed one. Three taps in steps of two overlap unevenly,
    # which leaves the checkerboards such networks are known for. The factor keeps the mean of squares.
    zero = jnp.zeros((), x.dtype)
    return 2 * lax.pad(x, zero, ((0, 0, 0), (0, 1, 1), (0, 1, 1), (0, 0, 0)))
