"""Torch's names and axes become ours; what is of another network is refused; rounding keeps what it promises."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._features import BACKBONES, TORCHVISION
from jaxloss.backbones._network import Backbone
from jaxloss.weights._convert import from_torch, identify, layout
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._tensors import dequantize, digest, nest, quantize
from tests.weights._networks import random_state


every_net = pytest.mark.parametrize("net", list(BACKBONES))


@every_net
def test_params_fit_the_network(net: str) -> None:
    """The same tree of shapes as a fresh initialization."""
    table = BACKBONES[net]
    network = Backbone(table, (table[-1].name,))
    expected = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))["params"]
    params = nest({name: np.zeros(place.shape, np.float32) for name, place in layout(net).items()})
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, expected)


@pytest.mark.parametrize(
    ("net", "numbers"),
    [("alexnet", 2_469_696), ("vgg16", 14_714_688), ("vgg19", 20_024_384), ("squeezenet1_1", 722_496)],
)
def test_count_of_numbers(net: str, numbers: int) -> None:
    """As torchvision counts them in `features`."""
    assert sum(np.prod(place.shape) for place in layout(net).values()) == numbers


def test_names_and_axes(rng: np.random.Generator) -> None:
    state = random_state("squeezenet1_1", rng)
    params = nest(from_torch("squeezenet1_1", state, "file"))
    assert list(params) == ["conv1", *(f"fire{i}" for i in range(2, 10))]
    kernel = params["fire4"]["expand3x3"]["kernel"]
    assert kernel.shape == (3, 3, 32, 128) and kernel.flags.c_contiguous
    assert kernel[0, 2, 7, 100] == state["features.6.expand3x3.weight"][100, 7, 0, 2]
    np.testing.assert_array_equal(params["conv1"]["bias"], state["features.0.bias"])


@pytest.mark.parametrize("net", TORCHVISION)
def test_network_is_identified(net: str, rng: np.random.Generator) -> None:
    state = {name: array for name, array in random_state(net, rng).items() if name.startswith("features.")}
    assert identify(state, "file") == net
    for other in [dict(list(state.items())[1:]), {**state, "features.99.weight": np.zeros(1)}, {}]:
        with pytest.raises(WeightsError, match=r"file: expected the features of one of .*, got .*\. Other networks"):
            identify(other, "file")


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"features.3.weight": None}, "none"),
        ({"features.3.weight": np.zeros((192, 64, 3, 3), np.float32)}, "(192, 64, 3, 3) in float32"),
        ({"features.3.weight": np.zeros((192, 64, 5, 5))}, "(192, 64, 5, 5) in float64"),
    ],
)
def test_other_architecture(change: dict[str, np.ndarray | None], got: str, rng: np.random.Generator) -> None:
    state = {**random_state("alexnet", rng), **change}
    state = {name: array for name, array in state.items() if array is not None}
    expected = (
        "f.pth: expected the weights of alexnet, with features.3.weight of shape (192, 64, 5, 5) in float32, got "
    )
    with pytest.raises(WeightsError, match=re.escape(expected + got)):
        from_torch("alexnet", state, "f.pth")


def test_rounding_is_half_a_scale_at_most(rng: np.random.Generator) -> None:
    kernel = (rng.normal(size=(3, 3, 16, 8)) * 10.0 ** np.arange(-6, 2)).astype(np.float32)
    kernel[..., 2] = 0
    tensors = {"conv1/kernel": kernel, "conv1/bias": rng.normal(size=8).astype(np.float32)}
    rounded = quantize(tensors)
    assert {name: array.dtype.name for name, array in rounded.items()} == {
        "conv1/kernel": "int16",
        "conv1/scale": "float32",
        "conv1/bias": "float32",
    }
    back = dequantize(rounded)
    assert list(back) == list(tensors)
    assert back["conv1/kernel"].dtype == np.float32
    error = np.abs(back["conv1/kernel"] - kernel).max(axis=(0, 1, 2))
    assert np.all(error <= np.abs(kernel).max(axis=(0, 1, 2)) / 65000)
    assert np.any(error > 0)
    np.testing.assert_array_equal(back["conv1/bias"], tensors["conv1/bias"])


def test_digest_sees_everything(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 6)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    first = digest({"a": a, "b": b})
    assert digest({"b": b, "a": a}) == first
    assert digest({"a": np.asfortranarray(a), "b": b}) == first
    changed = a.copy()
    changed[1, 2] = np.nextafter(a[1, 2], 9, dtype=np.float32)
    others = [{"a": changed, "b": b}, {"a": a.reshape(3, 4), "b": b}, {"a": a, "c": b}, {"a": a, "b": b.view(np.int32)}]
    assert first not in {digest(other) for other in [*others, {"a": a}]}
