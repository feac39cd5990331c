"""The tables against what is published of the networks: parameters, and sizes of feature maps."""

import math

import jax
import numpy as np
import pytest

from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import Blur, Conv, Fire, Pool, Relu, smallest_side, used_layers
from jaxloss.backbones._network import Backbone
from tests.backbones._reference import window_starts
from tests.networks import random_params


@pytest.mark.parametrize(
    ("net", "count"), [("alexnet", 2469696), ("vgg16", 14714688), ("vgg19", 20024384), ("squeezenet1_1", 722496)]
)
def test_number_of_parameters(net: str, count: int) -> None:
    """All of torchvision's less those of the classifier."""
    table = BACKBONES[net]
    x = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    variables = jax.eval_shape(Backbone(table, (table[-1].name,)).init, jax.random.key(0), x)
    shapes = jax.tree.map(lambda array: array.shape, variables["params"])
    assert sum(map(math.prod, jax.tree.leaves(shapes, is_leaf=lambda node: isinstance(node, tuple)))) == count
    assert shapes == jax.tree.map(np.shape, random_params(table))


@pytest.mark.parametrize(
    ("net", "layer", "shape"),
    [
        ("alexnet", "conv1", (55, 55, 64)),
        ("alexnet", "relu2", (27, 27, 192)),
        ("alexnet", "pool5", (6, 6, 256)),
        ("vgg16", "conv5_3", (14, 14, 512)),
        ("vgg16", "pool5", (7, 7, 512)),
        ("vgg19", "relu4_4", (28, 28, 512)),
        ("squeezenet1_1", "relu1", (111, 111, 64)),
        ("squeezenet1_1", "pool1", (55, 55, 64)),
        ("squeezenet1_1", "fire9", (13, 13, 512)),
    ],
)
def test_shapes_of_the_standard_image(net: str, layer: str, shape: tuple[int, ...]) -> None:
    table = BACKBONES[net]
    size = 224
    for one in used_layers(table, (layer,)):
        size = one.output_size(size)
    assert size == shape[0]
    backbone, x = Backbone(table, (layer,)), jax.ShapeDtypeStruct((1, 224, 224, 3), np.float32)
    params = random_params(used_layers(table, (layer,)))
    features = jax.eval_shape(lambda x: backbone.apply({"params": params}, x), x)
    assert features[layer].shape == (1, *shape)


@pytest.mark.parametrize("net", BACKBONES)
def test_names_are_unique(net: str) -> None:
    names = [layer.name for layer in BACKBONES[net]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 3)])
def test_number_of_pooling_windows(size: int, stride: int, ceil: bool) -> None:
    pool = Pool("pool", size, stride, ceil)
    lengths = range(1 if not ceil else size - stride + 1, 20)
    assert [max(0, pool.output_size(n)) for n in lengths] == [
        len(window_starts(n, size, stride, ceil)) for n in lengths
    ]


def test_used_layers_end_with_the_last_tap() -> None:
    conv, relu, pool, fire = table = (Conv("a", 4), Relu("b"), Pool("c", 2, 2), Fire("d", 2, 4))
    assert used_layers(table, ("a",)) == (conv,)
    assert used_layers(table, ("c", "a")) == (conv, relu, pool)
    assert used_layers(table, ("b", "d")) == (conv, relu, pool, fire)


def test_smallest_side() -> None:
    assert smallest_side((Conv("a", 4),)) == 1
    assert smallest_side((Conv("a", 4, size=7, stride=3, padding=1),)) == 5
    assert smallest_side((Conv("a", 4, padding=0), Pool("b", 3, 2))) == 5
    assert smallest_side((Conv("a", 4, padding=0), Pool("b", 3, 2, ceil=True))) == 4
    assert smallest_side((Blur("a"),)) == 1
    assert smallest_side((Blur("a", padding=2, reflect=True),)) == 3  # what is mirrored has to be there
