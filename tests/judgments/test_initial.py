"""First parameters are drawn from torch's distributions, in the form that `lpips` takes; a given network is kept."""

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxloss import lpips
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import Conv, Fire, Pool, Relu
from jaxloss.backbones._lpips_nets import LPIPS_NETS, PUBLISHED_NETS
from jaxloss.judgments import gaussian_trunk, init_lpips
from jaxloss.weights._tensors import flatten
from tests.networks import shapes_of_params


# Of every kind of layer, and of the same shapes for all networks, so that little is compiled.
TABLE = (Conv("conv1", 16, size=5), Relu("relu1"), Pool("pool1", 2, 2), Fire("fire2", 8, 8))


@functools.cache
def small(net: str) -> dict[str, Any]:
    with small_networks():
        return init_lpips(jax.random.key(3), net=net)


@contextmanager
def small_networks() -> Iterator[None]:
    tables = mock.patch.dict(BACKBONES, {row.backbone: TABLE for row in PUBLISHED_NETS.values()})
    taps = {net: row._replace(layers=("relu1", "fire2")) for net, row in PUBLISHED_NETS.items()}
    with tables, mock.patch.dict(LPIPS_NETS, taps):
        yield


def test_form_is_that_of_the_published_ones() -> None:
    made = jax.eval_shape(functools.partial(init_lpips, net="squeeze"), jax.random.key(0))
    published = flatten(shapes_of_params("lpips-squeeze"))
    assert {name: (array.shape, array.dtype) for name, array in flatten(made).items()} == {
        name: (array.shape, array.dtype) for name, array in published.items()
    }


def test_order_is_that_of_the_layers() -> None:
    made = small("alex")
    assert list(made) == ["trunk", "heads", "preprocessing"] and list(made["heads"]) == ["relu1", "fire2"]
    assert list(made["trunk"]) == ["conv1", "fire2"] and list(made["trunk"]["conv1"]) == ["kernel", "bias"]


def in_units(trunk: dict[str, Any], part: str, of: Callable[[tuple[int, ...]], float]) -> np.ndarray:
    """The numbers of all layers, each divided by a number that the shape of the layer's kernel gives."""
    tensors = flatten(trunk)
    kernels = {name.removesuffix("/kernel"): z.shape for name, z in tensors.items() if name.endswith("/kernel")}
    return np.concatenate([np.ravel(tensors[f"{name}/{part}"]) / of(shape) for name, shape in kernels.items()])


def inputs(shape: tuple[int, ...]) -> int:
    return math.prod(shape[:3])


def is_uniform(values: np.ndarray) -> bool:
    """Between -1 and 1."""
    return bool(0.9 < np.abs(values).max() <= 1 + 1e-6 and scipy.stats.kstest(values, "uniform", (-1, 2)).pvalue > 1e-3)


def test_numbers_are_drawn_as_torchvision_draws_them() -> None:
    alex, vgg, squeeze = (small(net)["trunk"] for net in ("alex", "vgg", "squeeze"))
    assert is_uniform(in_units(alex, "kernel", lambda shape: 1 / math.sqrt(inputs(shape))))
    assert is_uniform(in_units(alex, "bias", lambda shape: 1 / math.sqrt(inputs(shape))))
    assert is_uniform(in_units(squeeze, "kernel", lambda shape: math.sqrt(6 / inputs(shape))))
    fan_out = in_units(vgg, "kernel", lambda shape: math.sqrt(2 / (shape[0] * shape[1] * shape[3])))
    assert scipy.stats.kstest(fan_out, "norm").pvalue > 1e-3
    assert not in_units(vgg, "bias", lambda _: 1).any() and not in_units(squeeze, "bias", lambda _: 1).any()


def test_heads_are_torchs_without_what_is_negative() -> None:
    heads = np.stack([head for net in PUBLISHED_NETS for head in small(net)["heads"].values()]) * 4
    assert heads.min() == 0 and 0.3 < (heads == 0).mean() < 0.7
    assert is_uniform(2 * heads[heads > 0] - 1)


def test_gaussian_network() -> None:
    with small_networks():
        trunk = gaussian_trunk(jax.random.key(1), net="alex")
    values = in_units(trunk, "kernel", lambda shape: math.sqrt(2 / inputs(shape)))
    assert scipy.stats.kstest(values, "norm").pvalue > 1e-3
    assert not in_units(trunk, "bias", lambda _: 1).any()


def test_key_decides() -> None:
    with small_networks():
        again, other = init_lpips(jax.random.key(3)), init_lpips(jax.random.key(4))
    first, again, other = (flatten(params) for params in (small("alex"), again, other))
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, again[name])
        assert name.startswith("preprocessing") or not np.array_equal(tensor, other[name])
    inner = [np.ravel(tensor)[:8] for name, tensor in first.items() if name.endswith("1x1/bias")]
    assert not np.array_equal(inner[0], first["trunk/fire2/squeeze/bias"]), "each tensor has randomness of its own"


def test_given_network_is_kept() -> None:
    trunk = small("alex")["trunk"]
    with small_networks():
        made = init_lpips(jax.random.key(3), trunk=trunk)
    assert made["trunk"] is trunk
    np.testing.assert_array_equal(made["heads"]["fire2"], small("alex")["heads"]["fire2"])
    with pytest.raises(
        ValueError, match=r"^init_lpips: expected a trunk of vgg16, with conv1_1/kernel of shape .*none"
    ):
        init_lpips(jax.random.key(0), net="vgg", trunk=trunk)
    with pytest.raises(ValueError, match=r"^init_lpips: expected net one of .*, got 'resnet'"):
        init_lpips(jax.random.key(0), net="resnet")


def test_network_of_ones_own() -> None:
    def net(params: Any, images: jax.Array) -> dict[str, jax.Array]:
        return {"half": images[:, ::2, ::2] * params["factor"], "sum": images.sum(axis=-1, keepdims=True)}

    made = init_lpips(jax.random.key(0), net=net, trunk={"factor": jnp.float32(3)})
    assert {layer: head.shape for layer, head in made["heads"].items()} == {"half": (3,), "sum": (1,)}
    image = jax.ShapeDtypeStruct((8, 8, 3), jnp.float32)
    assert jax.eval_shape(functools.partial(lpips, data_range=1.0, net=net), image, image, params=made).shape == ()
    with pytest.raises(ValueError, match=r"^init_lpips: expected a trunk for a network of your own, got none"):
        init_lpips(jax.random.key(0), net=net)
