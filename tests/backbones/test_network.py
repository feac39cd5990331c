"""The engine that runs a table of layers, against NumPy."""

import functools
import itertools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._types import FeatureArrays, Params
from jaxloss.backbones._features import BACKBONES, PREPROCESSING
from jaxloss.backbones._layers import Blur, Conv, Fire, Lab, Norm, Pool, Relu, Table
from jaxloss.backbones._network import Backbone
from jaxloss.ops import rgb_to_lab
from tests.backbones._reference import activations, max_pool, window_starts
from tests.networks import random_params


TABLES: dict[str, Table] = {
    "strided": (Conv("a", 6, size=5, stride=3, padding=2), Relu("b"), Conv("c", 4, size=2, stride=2, padding=0)),
    "floor": (Conv("a", 5), Pool("b", 3, 2), Relu("c"), Conv("d", 3), Pool("e", 2, 2)),
    "ceil": (Conv("a", 5, stride=2, padding=0), Pool("b", 3, 2, ceil=True), Relu("c"), Pool("d", 2, 2, ceil=True)),
    "towers": (
        Conv("a", 6, size=5, stride=4, padding=0, groups=2), Relu("b", 0.2), Norm("c", alpha=0.5),
        Conv("d", 8, size=2, groups=2), Norm("e", 3, alpha=2.0, beta=0.5),
    ),
    "fire": (Conv("a", 4), Fire("b", 3, 5), Pool("c", 3, 2, ceil=True), Fire("d", 2, 4)),
    "blurred": (Conv("a", 4), Blur("b", norm=True), Pool("c", 3, 1), Blur("d", padding=2, reflect=True)),
    "blurred at once": (Conv("a", 4, size=5, padding=1, blurred=True), Relu("b"), Conv("c", 3, blurred=True)),
}  # fmt: skip


@functools.partial(jax.jit, static_argnums=(0, 1))
def run(table: Table, taps: tuple[str, ...], params: Params, images: Any) -> FeatureArrays:
    return cast(FeatureArrays, Backbone(table, taps).apply({"params": params}, images))


def taps(table: Table) -> tuple[str, ...]:
    return tuple(layer.name for layer in table)


@pytest.mark.parametrize("shape", [(11, 14), (12, 13)])
@pytest.mark.parametrize("name", TABLES)
def test_layers(name: str, shape: tuple[int, int], rng: np.random.Generator) -> None:
    table = TABLES[name]
    params, images = random_params(table, channels=2), rng.standard_normal((3, *shape, 2), np.float32)
    features = run(table, taps(table), params, images)
    assert set(features) == set(taps(table))
    for i, image in enumerate(images):
        for layer, expected in activations(table, params, image).items():
            assert expected.size > 0
            np.testing.assert_allclose(features[layer][i], expected, rtol=1e-4, atol=1e-5, err_msg=layer)


@pytest.mark.parametrize(("net", "shape"), [("alexnet", (63, 70)), ("vgg16", (37, 32)), ("squeezenet1_1", (17, 22))])
def test_networks(net: str, shape: tuple[int, int], rng: np.random.Generator) -> None:
    """All layers at one size; tests/parity holds them against torchvision at many."""
    table = BACKBONES[net]
    params, image = random_params(table), rng.standard_normal((*shape, 3), np.float32)
    features = run(table, taps(table), params, image[None])
    for layer, expected in activations(table, params, image).items():
        largest = np.abs(expected).max()
        assert 0.1 < largest < 100
        np.testing.assert_allclose(features[layer][0], expected, rtol=0, atol=1e-5 * largest, err_msg=layer)


def test_lab_undoes_the_normalization(rng: np.random.Generator) -> None:
    image = rng.uniform(size=(1, 4, 5, 3)).astype(np.float32)
    offset, scale = (np.asarray(numbers, np.float32) for numbers in PREPROCESSING["imagenet"])
    features = run((Lab("lab"),), ("lab",), {}, (image - offset) / scale)
    np.testing.assert_allclose(features["lab"], rgb_to_lab(image), atol=1e-3)


def test_maximum_of_negative_values_at_the_border() -> None:
    """Beyond the border is nothing, not zero."""
    table = (Pool("pool", 3, 2, ceil=True),)
    features = run(table, ("pool",), {}, np.full((1, 6, 6, 1), -1, np.float32))
    np.testing.assert_array_equal(features["pool"], -np.ones((1, 3, 3, 1)))


@pytest.mark.parametrize("pool", [Pool("pool", 3, 2), Pool("pool", 3, 2, ceil=True), Pool("pool", 2, 2)])
def test_gradient_of_equal_values(pool: Pool, rng: np.random.Generator) -> None:
    """It goes to the first of the largest in each window, row by row."""
    image = rng.integers(0, 3, (7, 8)).astype(np.float32)
    gradient = jax.grad(lambda x: run((pool,), ("pool",), {}, x)["pool"].sum())(image[None, :, :, None])
    expected = np.zeros_like(image)
    rows, columns = (window_starts(length, pool.size, pool.stride, pool.ceil) for length in image.shape)
    for i, j in itertools.product(rows, columns):
        window = image[i : i + pool.size, j : j + pool.size]
        row, column = np.unravel_index(window.argmax(), window.shape)
        expected[i + row, j + column] += 1
    np.testing.assert_array_equal(gradient[0, :, :, 0], expected)


@pytest.mark.parametrize("position", [(0, 0), (2, 3), (4, 4), (6, 7)])
def test_nan_is_not_hidden(position: tuple[int, int], rng: np.random.Generator) -> None:
    image = rng.random((7, 8, 1), np.float32)
    image[position] = np.nan
    features = run((Pool("pool", 3, 2, ceil=True),), ("pool",), {}, image[None])
    expected = max_pool(image, 3, 2, ceil=True)
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(features["pool"][0], expected)


def test_taps_in_order_and_no_layer_after_them() -> None:
    table = TABLES["floor"]
    params, image = random_params(table[:3], channels=2), jnp.ones((1, 9, 9, 2))
    features = Backbone(table, ("c", "a")).apply({"params": params}, image)  # a jit would sort them
    assert list(cast(FeatureArrays, features)) == ["c", "a"]
