"""Losses made of features against piq and torch: the same features, and the same network with the same weights."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.backbones._features import BACKBONES
from tests.parity._peers import foreign_code, peer
from tests.parity.test_backbones_parity import torch_state


Load = Callable[..., np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]
LAYERS = ("relu1_2", "relu3_3")


@pytest.fixture
def pair(load: Load, rng: np.random.Generator) -> Pair:
    y = load("chelsea", 64, 80)
    return np.clip(0.9 * y + 0.05 * rng.standard_normal(y.shape, np.float32), 0, 1), y


@pytest.fixture(scope="module")
def params() -> dict[str, Any]:
    return jaxloss.load_params("vgg16")


@pytest.fixture(scope="module")
def features(params: dict[str, Any]) -> Callable[[Any], dict[str, jax.Array]]:
    row = jaxloss.FEATURE_CONVENTIONS["piq"]
    return jax.jit(lambda x: jaxloss.extract_features(x, params=params, layers=LAYERS, data_range=1.0, **row))


def tensor(image: Any) -> Any:
    return peer("torch").from_numpy(np.moveaxis(np.asarray(image), -1, 0)[None].copy())


def piq_loss(kind: str, params: dict[str, Any], layers: dict[str, float], **options: Any) -> Any:
    """piq's loss with our VGG16, for piq would download torchvision's."""
    torch, torchvision, piq = peer("torch"), peer("torchvision"), peer("piq")
    table = BACKBONES["vgg16"]
    last = max(i for i, layer in enumerate(table) if layer.name in layers)
    with foreign_code(), torch.device("meta"):
        modules = torchvision.models.vgg16(weights=None).features[: last + 1]
    numpy_params = jax.tree.map(np.array, params)  # copies, for torch wants to be able to write
    state = {name: z for name, z in torch_state(table, numpy_params).items() if int(name.split(".")[0]) <= last}
    modules.load_state_dict(state, assign=True)
    for module in modules.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False  # which overwrites the layer before
    numbers = [str(i) for i, layer in enumerate(table) if layer.name in layers]
    with foreign_code():
        return getattr(piq, kind)(modules, layers=numbers, weights=list(layers.values()), **options)


def numpy_features(features: Any, pair: Pair) -> Any:
    return [{layer: np.asarray(z) for layer, z in features(image).items()} for image in pair]


@pytest.fixture(scope="module")
def pull_back(params: dict[str, Any]) -> Callable[[np.ndarray, Any], jax.Array]:
    """The gradient with respect to the image, of one with respect to its features: one program for all losses."""
    row = jaxloss.FEATURE_CONVENTIONS["piq"]

    def gradient(x: jax.Array, cotangent: Any) -> jax.Array:
        def extract(x: jax.Array) -> dict[str, jax.Array]:
            return jaxloss.extract_features(x, params=params, layers=LAYERS, data_range=1.0, **row)

        return jax.vjp(extract, x)[1](cotangent)[0]

    return jax.jit(gradient)


def assert_same_value_and_gradient(
    loss: Callable[[Any, Any], jax.Array], theirs: Any, pair: Pair, features: Any, pull_back: Any
) -> None:
    x, y = pair
    value, slope = jax.value_and_grad(loss)(features(x), features(y))
    gradient = pull_back(x, slope)
    variable = tensor(x).requires_grad_()
    with foreign_code():
        expected = theirs(variable, tensor(y))
        expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
    reference = np.moveaxis(variable.grad.numpy()[0], 0, -1)
    assert np.linalg.norm(gradient - reference) < 1e-4 * np.linalg.norm(reference)


def test_piq_with_its_defaults(pair: Pair, params: dict[str, Any], features: Any, pull_back: Any) -> None:
    losses: Any = (
        ("ContentLoss", jaxloss.perceptual_loss, jaxloss.PERCEPTUAL_CONVENTIONS["piq"]),
        ("StyleLoss", jaxloss.style_loss, jaxloss.STYLE_CONVENTIONS["piq"]),
    )
    for kind, loss, row in losses:
        theirs = piq_loss(kind, params, {"relu3_3": 1.0})
        assert_same_value_and_gradient(functools.partial(loss, **row), theirs, pair, features, pull_back)


def test_piq_with_two_layers_and_absolute_values(
    pair: Pair, params: dict[str, Any], features: Any, pull_back: Any
) -> None:
    weights = {"relu1_2": 0.25, "relu3_3": 2.0}
    summed = {"relu1_2": 0.25 * 64, "relu3_3": 2.0 * 256}  # piq sums over the channels of features
    content = piq_loss("ContentLoss", params, weights, distance="mae")
    ours = functools.partial(jaxloss.perceptual_loss, weights=summed, distance="l1")
    assert_same_value_and_gradient(ours, content, pair, features, pull_back)
    style = piq_loss("StyleLoss", params, weights, distance="mae")
    ours = functools.partial(jaxloss.style_loss, weights=weights, normalization="none", distance="l1")
    assert_same_value_and_gradient(ours, style, pair, features, pull_back)


TORCH: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mse": lambda functional, x, y: functional.mse_loss(x, y),
    "l1": lambda functional, x, y: functional.l1_loss(x, y),
    "squared_l2": lambda functional, x, y: functional.mse_loss(x, y, reduction="sum"),
    "l2": lambda functional, x, y: (x - y).norm(p="fro"),
    "cosine": lambda functional, x, y: (1 - functional.cosine_similarity(x, y, dim=1)).mean(),
}


@pytest.mark.parametrize("distance", TORCH)
def test_distances(distance: str, pair: Pair, features: Any) -> None:
    functional = peer("torch.nn.functional")
    x, y = numpy_features(features, pair)
    expected = sum(TORCH[distance](functional, tensor(x[layer]), tensor(y[layer])).item() for layer in LAYERS)
    np.testing.assert_allclose(jaxloss.perceptual_loss(x, y, distance=distance), expected, rtol=1e-5)
    np.testing.assert_allclose(jaxloss.feature_matching_loss(x, y, distance=distance), expected, rtol=1e-5)


GRAM_DISTANCES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "l1": TORCH["l1"],
    "mse": TORCH["mse"],
    "squared_frobenius": TORCH["squared_l2"],
    "frobenius": TORCH["l2"],
}


@pytest.mark.parametrize("normalization", ["none", "hw", "chw"])
@pytest.mark.parametrize("distance", GRAM_DISTANCES)
def test_gram_distances(distance: str, normalization: str, pair: Pair, features: Any) -> None:
    """Products of torch in double precision: theirs of single precision are 1e-4 off where the styles are alike."""
    torch, functional = peer("torch"), peer("torch.nn.functional")
    x, y = numpy_features(features, pair)
    expected = 0.0
    for layer in LAYERS:
        grams = []
        for z in (x, y):
            flat = tensor(z[layer]).double().flatten(2)
            n = {"none": 1, "hw": flat.shape[2], "chw": flat.shape[1] * flat.shape[2]}[normalization]
            grams.append(torch.bmm(flat, flat.transpose(1, 2)) / n)
        expected += GRAM_DISTANCES[distance](functional, *grams).item()
    value = jaxloss.style_loss(x, y, normalization=normalization, distance=distance)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
