"""`extract_features`: preprocessing, taps, errors, networks of the user's own."""

import functools
import re
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._features import BACKBONES, PREPROCESSING, extract_features
from jaxloss.backbones._layers import Conv, Fire, Pool, Table
from tests.backbones._reference import activations
from tests.networks import random_params


@functools.cache
def params_of(net: str) -> dict[str, Any]:
    """For programs that are traced and never run."""
    return random_params(BACKBONES[net])


@pytest.fixture
def image(crop_photograph) -> np.ndarray:
    return crop_photograph(1, 33, 38)[0]


def identity(params: Any, images: jax.Array) -> dict[str, jax.Array]:
    return {"images": images}


FORMULAS = {
    "imagenet": lambda x: (x - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
    "lpips": lambda x: (2 * x - 1 - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450]),
    "symmetric": lambda x: 2 * x - 1,
    "unit": lambda x: x,
}


@pytest.mark.parametrize("data_range", [1.0, 255.0])
@pytest.mark.parametrize("preprocess", PREPROCESSING)
def test_preprocessing(preprocess: str, data_range: float, image: np.ndarray) -> None:
    x = np.float32(data_range) * image
    features = extract_features(
        x, net=identity, params={}, layers=["images"], data_range=data_range, preprocess=preprocess
    )
    np.testing.assert_allclose(features["images"], FORMULAS[preprocess](image.astype(np.float64)), atol=2e-6)


@pytest.mark.parametrize("preprocess", PREPROCESSING)
def test_data_range_may_be_traced(preprocess: str, image: np.ndarray) -> None:
    options: dict[str, Any] = {"net": identity, "params": {}, "layers": ["images"], "preprocess": preprocess}
    expected = np.asarray(extract_features(image, data_range=1.0, **options)["images"])

    @jax.jit
    def scaled(data_range: jax.Array) -> jax.Array:
        return extract_features(image * data_range, data_range=data_range, **options)["images"]

    np.testing.assert_allclose(scaled(jnp.float32(255)), expected, atol=1e-5 * np.abs(expected).max())


def test_taps_in_the_order_asked_for(image: np.ndarray) -> None:
    layers = ["relu2", "conv1", "pool2", "conv2", "conv1"]
    table = BACKBONES["alexnet"][:6]
    params = random_params(table)
    order = []

    @jax.jit
    def extract(params: Any, image: jax.Array) -> dict[str, jax.Array]:
        features = extract_features(
            image, net="alexnet", params=params, layers=layers, data_range=1.0, preprocess="symmetric"
        )
        order.extend(features)  # jit sorts what it returns
        return features

    features = extract(params, image)
    assert order == ["relu2", "conv1", "pool2", "conv2"]
    expected = activations(table, params, 2 * image - 1)
    for layer, z in features.items():
        np.testing.assert_allclose(z, expected[layer], atol=1e-5 * np.abs(expected[layer]).max(), err_msg=layer)


SMALL: Table = (Conv("conv1", 8, stride=2, padding=0), Pool("pool1", 3, 2, ceil=True), Fire("fire2", 4, 3))


@pytest.mark.parametrize("leading", [(), (1,), (6,), (2, 3), (3, 1, 2)])
def test_leading_axes(leading: tuple[int, ...], crop_photograph) -> None:
    x = crop_photograph(6, 17, 20)[: np.prod(leading, dtype=int)]
    params = random_params(SMALL)
    options: dict[str, Any] = {"net": "small", "layers": ["conv1", "pool1", "fire2"], "preprocess": "unit"}
    with mock.patch.dict(BACKBONES, small=SMALL):
        extract = jax.jit(functools.partial(extract_features, data_range=1.0, **options))
        features = extract(x.reshape(*leading, 17, 20, 3), params=params)
    for i, one in enumerate(x):
        for layer, expected in activations(SMALL, params, one).items():
            assert features[layer].shape == (*leading, *expected.shape)
            part = features[layer].reshape(-1, *expected.shape)[i]
            np.testing.assert_allclose(part, expected, atol=1e-5 * np.abs(expected).max(), err_msg=layer)


def test_own_network(rng: np.random.Generator) -> None:
    """Any channels, any parameters, any names; images come as one batch, features leave as the images came."""
    shapes = []

    def project(params: Any, images: jax.Array) -> dict[str, jax.Array]:
        shapes.append(images.shape)
        return {"unused": images, "half": images[:, ::2, ::2] @ params["matrix"]}

    x, matrix = rng.random((2, 3, 8, 10, 4), np.float32), rng.random((4, 5), np.float32)
    features = extract_features(
        x, net=project, params={"matrix": matrix}, layers=["half"], data_range=2.0, preprocess="symmetric"
    )
    assert shapes == [(6, 8, 10, 4)]
    assert list(features) == ["half"]
    np.testing.assert_allclose(features["half"], (x - 1)[..., ::2, ::2, :] @ matrix, atol=1e-5)


SMALLEST = [
    ("alexnet", "relu1", 7), ("alexnet", "pool1", 15), ("alexnet", "relu2", 15), ("alexnet", "relu5", 31),
    ("alexnet", "pool5", 63), ("vgg16", "pool1", 2), ("vgg16", "relu3_3", 4), ("vgg16", "relu5_3", 16),
    ("vgg16", "pool5", 32), ("vgg19", "conv5_4", 16), ("squeezenet1_1", "conv1", 3), ("squeezenet1_1", "fire3", 5),
    ("squeezenet1_1", "fire5", 9), ("squeezenet1_1", "fire9", 17),
]  # fmt: skip


@pytest.mark.parametrize(("net", "layer", "side"), SMALLEST)
def test_smallest_image(net: str, layer: str, side: int) -> None:
    def shape(height: int, width: int) -> tuple[int, ...]:
        extract = functools.partial(extract_features, net=net, params=params_of(net), layers=[layer], data_range=1.0)
        return jax.eval_shape(extract, jax.ShapeDtypeStruct((height, width, 3), np.float32))[layer].shape

    assert min(shape(side, side)) == 1
    for height, width in ((side - 1, side + 3), (side + 3, side - 1)):
        with pytest.raises(ValueError, match=f"at least {side} x {side} pixels for {layer} of {net}, got"):
            shape(height, width)


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_2"])
def test_one_pixel(layer: str) -> None:
    params, image = random_params(BACKBONES["vgg16"][:4]), np.full((1, 1, 3), 0.5, np.float32)
    options: dict[str, Any] = {"net": "vgg16", "layers": [layer], "data_range": 1, "preprocess": "unit"}
    features = jax.jit(functools.partial(extract_features, **options))(image, params=params)
    np.testing.assert_allclose(features[layer], activations(BACKBONES["vgg16"][:4], params, image)[layer], atol=1e-5)


BAD_ARGUMENTS = {
    "net": ({"net": "vgg11"}, "'vgg19'], got 'vgg11'"),
    "layer": ({"layers": ["relu1", "relu1_1"]}, "layer of alexnet one of ['conv1', "),
    "no layer": ({"layers": []}, "a list of one layer or more, got []"),
    "text for layers": ({"layers": "relu1"}, "a list of one layer or more, got 'relu1'"),
    "preprocess": (
        {"preprocess": "caffe"},
        "preprocess one of ['imagenet', 'lpips', 'symmetric', 'unit'], got 'caffe'",
    ),
    "data range": ({"data_range": 0.0}, "data_range > 0, got 0.0"),
    "missing feature": ({"net": identity, "layers": ["relu1"]}, "layers out of ['images'], got ['relu1']"),
    "other params": ({"params": {"conv1_1": {}}}, "params of alexnet, with ['conv1'], got ['conv1_1']"),
    "gray": ({"x": np.zeros((33, 38, 1), np.float32)}, "Gray images: jnp.repeat(x, 3, axis=-1)"),
    "gray and own network": ({"x": np.zeros((33, 38, 1), np.float32), "net": identity}, "[..., H, W, 3], got (33, 38,"),
    "no channel axis": ({"x": np.zeros((33, 38), np.float32)}, "Give gray images a channel axis"),
    "channels first": ({"x": np.zeros((3, 33, 38), np.float32)}, "Channels go last: jnp.moveaxis(x, -3, -1)"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_argument(name: str, image: np.ndarray) -> None:
    change, message = BAD_ARGUMENTS[name]
    arguments: dict[str, Any] = {"x": image, "net": "alexnet", "params": params_of("alexnet"), "layers": ["relu1"]}
    arguments |= {"data_range": 1.0} | change
    with pytest.raises(ValueError, match=f"^extract_features: expected .*{re.escape(message)}"):
        extract_features(arguments.pop("x"), **arguments)


def test_integer_images() -> None:
    x = np.zeros((33, 38, 3), np.uint8)
    with pytest.raises(TypeError, match=r"^extract_features: .* floating dtype, got uint8\. .*jaxloss\.ops\.to_float"):
        extract_features(x, net="alexnet", params=params_of("alexnet"), layers=["relu1"], data_range=255.0)
