"""Thin networks with random parameters in the place of trained ones, where numbers do not matter and time does."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import jax
import numpy as np

from jaxloss.backbones._features import BACKBONES, PREPROCESSING
from jaxloss.backbones._layers import Blur, Conv, Fire, Lab, Norm, Pool, Relu, Table, used_layers
from jaxloss.backbones._lpips_nets import LPIPS_NETS, LPIPSNet
from jaxloss.backbones._vgg import VGG16
from jaxloss.perceptual import _dists
from jaxloss.weights._convert import layout
from jaxloss.weights._load import load_params
from jaxloss.weights._manifest import HEADS, read_manifest
from jaxloss.weights._tensors import nest


WIDTH = 8  # channels of every layer of a thin network


def random_params(table: Table, channels: int = 3, seed: int = 0) -> dict[str, Any]:
    """He's initialization, with which activations neither vanish nor explode from layer to layer."""
    rng = np.random.default_rng(seed)

    def conv_params(size: int, inputs: int, outputs: int) -> dict[str, np.ndarray]:
        kernel = rng.standard_normal((size, size, inputs, outputs), np.float32)
        kernel *= np.sqrt(2 / (size * size * inputs), dtype=np.float32)
        return {"kernel": kernel, "bias": np.float32(0.1) * rng.standard_normal(outputs, np.float32)}

    params = {}
    for layer in table:
        match layer:
            case Conv(name, width, size, groups=groups):
                params[name] = conv_params(size, channels // groups, width)
                channels = width
            case Fire(name, squeeze, expand):
                sides = {f"expand{size}x{size}": conv_params(size, squeeze, expand) for size in (1, 3)}
                params[name] = {"squeeze": conv_params(1, channels, squeeze), **sides}
                channels = 2 * expand
    return params


def thinned(table: Table, layers: tuple[str, ...]) -> Table:
    """The same network up to its last layer, with few channels and without convolutions that no layer comes after."""
    thin = []
    table = used_layers(table, layers)
    for i, layer in enumerate(table):
        after = next((layer.name for layer in table[i + 1 :] if not isinstance(layer, Blur)), None)
        match layer:
            case Conv() if after in layers:
                thin.append(layer._replace(features=WIDTH))
            case Relu(name) if name in layers:
                thin.append(layer)
            case Fire(name) if name in layers:
                thin.append(layer._replace(squeeze=WIDTH // 2, expand=WIDTH // 2))
            case Pool() | Blur() | Norm() | Lab():
                thin.append(layer)
    return tuple(thin)


def _last_of_each_size(table: Table, layers: tuple[str, ...]) -> tuple[str, ...]:
    """Of the layers that are looked at, those after which the features become smaller."""
    pools, last = 0, {}
    for layer in table:
        pools += isinstance(layer, Pool)
        if layer.name in layers:
            last[pools] = layer.name
    return tuple(last.values())


# With these LPIPS looks through fewer layers, at as many sizes of features.
SHORT_NETS = {
    net: row._replace(layers=_last_of_each_size(BACKBONES[row.backbone], row.layers)) for net, row in LPIPS_NETS.items()
}


@contextmanager
def thin_networks(*, short: bool = False) -> Iterator[None]:
    """Those of metrics are thin while their programs are traced; the engine that runs their tables is the same."""
    nets = SHORT_NETS if short else LPIPS_NETS
    looked_at = [*nets.values(), (_dists.NET, _dists.LAYERS)]
    thin = {backbone: thinned(BACKBONES[backbone], layers) for backbone, layers in looked_at}
    with mock.patch.dict(BACKBONES, thin), mock.patch.dict(LPIPS_NETS, nets):
        yield


def through_thin_networks(function: Callable[..., Any], *, short: bool = False) -> Callable[..., Any]:
    """The function with thin networks; jit it afterwards, for it is the tracing that chooses them."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        with thin_networks(short=short):
            return function(*arguments, **options)

    return call


@functools.cache
def tiny_params(name: str, *, short: bool = False) -> dict[str, Any]:
    """For thin networks what `load_params(name)` is for trained ones, `"lpips-alex"` and its like; NumPy, float32."""
    assert BACKBONES["vgg16"] is VGG16  # nobody has thinned it already
    if name in ("cvvdp", "vmaf"):  # which have tables instead of networks
        with jax.ensure_compile_time_eval():  # what is kept must not belong to the program that asks first
            return jax.tree.map(np.asarray, load_params(name))
    is_dists = name == "dists"
    nets = SHORT_NETS if short else LPIPS_NETS
    backbone, layers = (_dists.NET, _dists.LAYERS) if is_dists else nets[name.removeprefix("lpips-")]
    rng = np.random.default_rng(1)
    heads: dict[str, Any] = {layer: rng.uniform(0.5, 1.5, WIDTH).astype(np.float32) for layer in layers}
    if is_dists:
        heads |= {"image": np.ones(3, np.float32)}
        heads = {"alpha": heads, "beta": {layer: 0.2 * weight for layer, weight in heads.items()}}
    offset, scale = (np.asarray(numbers, np.float32) for numbers in PREPROCESSING["imagenet" if is_dists else "lpips"])
    return {
        "trunk": random_params(thinned(BACKBONES[backbone], layers)),
        "heads": heads,
        "preprocessing": {"offset": offset, "scale": scale},
    }


ONE_LAYER = (Conv("conv1", WIDTH), Relu("relu1"), Pool("pool1", 2, 2))


@contextmanager
def one_layer_alexnet() -> Iterator[dict[str, Any]]:
    """AlexNet has one layer, and LPIPS looks through that; its parameters, of which all weights are 2."""
    one_layer = mock.patch.dict(LPIPS_NETS, alex=LPIPSNet("alexnet", ("relu1",)))
    offset, scale = (np.asarray(numbers, np.float32) for numbers in PREPROCESSING["lpips"])
    heads = {"relu1": np.full(WIDTH, 2, np.float32)}
    with mock.patch.dict(BACKBONES, alexnet=ONE_LAYER), one_layer:
        yield {
            "trunk": random_params(ONE_LAYER),
            "heads": heads,
            "preprocessing": {"offset": offset, "scale": scale},
        }


def shapes_of_params(name: str) -> dict[str, Any]:
    """What `load_params(name)` has of LPIPS, for programs that are lowered and never run."""
    net = name.removeprefix("lpips-")
    heads = nest({key: _single(shape) for key, shape in read_manifest().files[HEADS].tensors.items()})
    trunk = nest({key: _single(place.shape) for key, place in layout(LPIPS_NETS[net].backbone).items()})
    return {
        "trunk": trunk,
        "heads": heads[net]["0.1"],
        "preprocessing": {"offset": _single((3,)), "scale": _single((3,))},
    }


def _single(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.float32)
