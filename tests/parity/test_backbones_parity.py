"""The networks against torchvision's with the same random weights: every layer, at many sizes."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss.backbones._features import BACKBONES, TORCHVISION, extract_features
from jaxloss.backbones._layers import Pool, Table, smallest_side, used_layers
from jaxloss.backbones._network import Backbone
from tests.networks import random_params
from tests.parity._peers import foreign_code, peer


# Added to the smallest sides that a whole network takes: every remainder of its strides, 16 or 32 in all, and ends.
MARGINS = [
    (0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (3, 2), (2, 5), (4, 4), (5, 3), (6, 9), (7, 7), (8, 1), (9, 14), (11, 8),
    (13, 12), (15, 31), (16, 10), (23, 6), (31, 15), (65, 34),
]  # fmt: skip


def torch_state(table: Table, params: dict[str, Any]) -> dict[str, Any]:
    """Of torchvision's `features`: `"3.weight"`, `"4.squeeze.bias"`, kernels `[out, in, height, width]`."""
    torch, state = peer("torch"), {}
    for i, layer in enumerate(table):
        for path, array in jax.tree.leaves_with_path(params.get(layer.name, {})):
            *module, kind = (key.key for key in path)
            name = ".".join([str(i), *module, "weight" if kind == "kernel" else kind])
            turned = array.transpose(3, 2, 0, 1) if kind == "kernel" else array
            state[name] = torch.from_numpy(np.ascontiguousarray(turned))
    return state


@dataclass(frozen=True)
class Network:
    """One network twice."""

    name: str
    params: dict[str, Any]
    extract: Callable[[Any, np.ndarray], dict[str, jax.Array]]
    modules: Any  # torchvision's `features`
    shapes: Any  # likewise, without numbers

    @property
    def table(self) -> Table:
        return BACKBONES[self.name]

    def torch_activations(self, x: Any, count: int | None = None) -> dict[str, Any]:
        """`[1, C, h, w]` of the first layers, all by default, of an image `[1, 3, H, W]`."""
        found = {}
        for layer, module in list(zip(self.table, self.modules, strict=True))[:count]:
            x = found[layer.name] = module(x)
        return found


def to_torch(image: np.ndarray) -> Any:
    return peer("torch").from_numpy(np.moveaxis(image, -1, 0)[None].copy())


@pytest.fixture(scope="module", params=TORCHVISION)
def network(request: pytest.FixtureRequest) -> Network:
    torch, torchvision, name = peer("torch"), peer("torchvision"), request.param
    params = random_params(BACKBONES[name])
    with foreign_code(), torch.device("meta"):  # without the memory and the time that its classifier would take
        modules = getattr(torchvision.models, name)(weights=None).features
    shapes = copy.deepcopy(modules)
    modules.load_state_dict(torch_state(BACKBONES[name], params), assign=True)
    for module in modules.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False  # which overwrites the layer before
    layers = [layer.name for layer in BACKBONES[name]]
    options: dict[str, Any] = {"net": name, "layers": layers, "data_range": 1.0, "preprocess": "unit"}
    extract = jax.jit(lambda params, x: extract_features(x, params=params, **options))
    return Network(name, params, extract, modules, shapes)


@pytest.mark.parametrize("margins", MARGINS, ids=str)
def test_shapes_of_every_layer(network: Network, margins: tuple[int, int]) -> None:
    torch = peer("torch")
    height, width = (smallest_side(network.table) + margin for margin in margins)
    shapes = jax.eval_shape(network.extract, network.params, jax.ShapeDtypeStruct((height, width, 3), np.float32))
    with torch.no_grad():
        expected = replace(network, modules=network.shapes).torch_activations(
            torch.zeros(1, 3, height, width, device="meta")
        )
    assert {layer: z.shape for layer, z in shapes.items()} == {
        layer: (*z.shape[2:], z.shape[1]) for layer, z in expected.items()
    }


@pytest.mark.parametrize("margins", MARGINS[::3], ids=str)
def test_every_layer(network: Network, margins: tuple[int, int], rng: np.random.Generator) -> None:
    height, width = (smallest_side(network.table) + margin for margin in margins)
    image = rng.standard_normal((height, width, 3), np.float32)
    features = network.extract(network.params, image)
    with peer("torch").no_grad():
        expected = network.torch_activations(to_torch(image))
    assert set(features) == set(expected)  # jit sorts them
    for layer, z in expected.items():
        theirs = np.moveaxis(z.numpy()[0], 0, -1)
        largest = np.abs(theirs).max()
        assert 0.1 < largest < 100
        assert features[layer].shape == theirs.shape
        assert np.abs(features[layer] - theirs).max() < 1e-4 * largest, layer


def test_smallest_side_of_every_layer(network: Network) -> None:
    """torchvision takes images of that size, and none of one pixel less."""
    torch = peer("torch")
    for count, layer in enumerate(network.table, start=1):
        side = smallest_side(used_layers(network.table, (layer.name,)))
        with torch.no_grad():
            assert network.torch_activations(torch.zeros(1, 3, side, side), count)[layer.name].numel() > 0
            for shape in ((side - 1, side + 2), (side + 2, side - 1)) if side > 1 else ():
                with pytest.raises(RuntimeError, match=r"[Kk]ernel size|[Oo]utput size"):
                    network.torch_activations(torch.zeros(1, 3, *shape), count)


@pytest.mark.usefixtures("float64")
def test_gradient(network: Network, rng: np.random.Generator) -> None:
    """Of a random linear function of the last layer; in double precision, where no ReLU is on the edge."""
    last, side = network.table[-1].name, smallest_side(network.table)
    image = rng.standard_normal((side + 5, side + 8, 3))
    variable = to_torch(image).requires_grad_()
    theirs = replace(network, modules=copy.deepcopy(network.modules).double()).torch_activations(variable)[last]
    weights = rng.standard_normal(theirs.shape[1:])
    (theirs * peer("torch").from_numpy(weights)).sum().backward()
    expected = np.moveaxis(variable.grad.numpy()[0], 0, -1)

    _, pull_back = jax.vjp(lambda x: network.extract(network.params, x)[last], image)
    (gradient,) = pull_back(np.moveaxis(weights, 0, -1))
    assert gradient.dtype == np.float64
    assert np.linalg.norm(gradient - expected) < 1e-8 * np.linalg.norm(expected)


@pytest.mark.parametrize("pool", [Pool("pool", 3, 2), Pool("pool", 3, 2, ceil=True), Pool("pool", 2, 2)])
def test_gradient_of_equal_values(pool: Pool, rng: np.random.Generator) -> None:
    """Whole numbers, so that most windows hold their largest one several times."""
    torch = peer("torch")
    image = rng.integers(0, 3, (21, 24, 3)).astype(np.float32)
    variable = to_torch(image).requires_grad_()
    theirs = torch.nn.functional.max_pool2d(variable, pool.size, pool.stride, ceil_mode=pool.ceil)
    weights = rng.integers(1, 9, theirs.shape).astype(np.float32)
    (theirs * torch.from_numpy(weights)).sum().backward()

    _, pull_back = jax.vjp(lambda x: Backbone((pool,), ("pool",)).apply({}, x), image[None])
    (gradient,) = pull_back({"pool": np.moveaxis(weights, 1, -1)})
    np.testing.assert_array_equal(gradient[0], np.moveaxis(variable.grad.numpy()[0], 0, -1))
