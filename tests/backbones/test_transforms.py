"""Features under JAX: what is computed and in which precision, jit, vmap, pmap, derivatives, lazy Flax."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._features import BACKBONES, extract_features
from jaxloss.backbones._layers import Conv, Fire, Pool, Relu, Table, used_layers
from tests.backbones._reference import activations
from tests.derivatives import check_derivatives
from tests.networks import random_params
from tests.products import products, products_without_precision


ROOT = Path(__file__).parents[2]

# Small ones with every kind of layer, in steps of four and of two, whose arithmetic is arranged in different ways.
SMALL: dict[str, Table] = {
    "fours": (
        Conv("conv1", 8, size=11, stride=4, padding=2), Relu("relu1"), Pool("pool1", 3, 2), Conv("conv2", 6),
        Relu("end"),
    ),
    "twos": (Conv("conv1", 8, stride=2, padding=0), Relu("relu1"), Pool("pool1", 3, 2, True), Fire("end", 4, 3)),
}  # fmt: skip
every_network = pytest.mark.parametrize("net", SMALL)


@pytest.fixture(autouse=True)
def small_networks() -> Iterator[None]:
    with mock.patch.dict(BACKBONES, SMALL):
        yield


@functools.cache
def params_of(net: str) -> dict[str, Any]:
    return random_params(SMALL[net])


def last(params: Any, x: Any, *, net: str, **options: Any) -> jax.Array:
    return extract_features(x, net=net, params=params, layers=["end"], data_range=1.0, **options)["end"]


compiled = jax.jit(last, static_argnames=("net", "preprocess", "dtype"))


@pytest.fixture
def images(crop_photograph) -> np.ndarray:
    return crop_photograph(2, 23, 27)


def expected_of(net: str, params: Any, images: np.ndarray) -> np.ndarray:
    """In float64, for images in [-1, 1]."""
    doubles = jax.tree.map(np.float64, params)
    return np.stack([activations(SMALL[net], doubles, 2 * x.astype(np.float64) - 1)["end"] for x in images])


COUNTS = [
    ("alexnet", "pool1", 1), ("alexnet", "relu5", 5), ("vgg16", "conv1_1", 1), ("vgg16", "relu2_2", 4),
    ("vgg19", "relu3_4", 8), ("squeezenet1_1", "pool1", 1), ("squeezenet1_1", "fire3", 7),
]  # fmt: skip


@pytest.mark.parametrize(("net", "layer", "count"), COUNTS)
def test_nothing_after_the_last_tap(net: str, layer: str, count: int) -> None:
    """And on accelerators nothing is rounded in silence."""
    params = random_params(used_layers(BACKBONES[net], (layer,)))
    extract = functools.partial(extract_features, net=net, layers=[layer], data_range=1.0)
    image = jax.ShapeDtypeStruct((33, 38, 3), jnp.float32)
    assert len(products(lambda params, x: extract(x, params=params), params, image, platforms=["tpu"])) == count
    assert len(jax.tree.leaves(params)) == 2 * count


@every_network
def test_products_are_in_full_precision(net: str) -> None:
    """With all derivatives; but for those who ask for less."""

    def energy(params: Any, x: Any, **options: Any) -> jax.Array:
        return (last(params, x, net=net, **options) ** 2).sum()

    arguments = params_of(net), jax.ShapeDtypeStruct((23, 27, 3), jnp.float32)
    derivatives = jax.grad(energy, argnums=(0, 1))
    convolutions = len(jax.tree.leaves(params_of(net))) // 2  # each has a kernel and a bias
    assert len(products(derivatives, *arguments)) == 2 * 3 * convolutions
    assert products_without_precision(derivatives, *arguments) == []
    for options in ({"dtype": jnp.bfloat16}, {"precision": "high"}, {"precision": "default"}):
        reduced = functools.partial(energy, **options)
        assert len(products_without_precision(reduced, *arguments)) == 2 * convolutions
    high = products(functools.partial(energy, precision="high"), *arguments)
    assert all("precision HIGH>, #stablehlo<precision HIGH>" in line for line in high)


@every_network
def test_jit_vmap_pmap(net: str, images: np.ndarray) -> None:
    params = params_of(net)
    expected = expected_of(net, params, images)
    extract = functools.partial(last, net=net, preprocess="symmetric")
    both = jax.tree.map(lambda z: np.stack([z, -z]), params)
    mapped = jax.jit(jax.vmap(jax.vmap(extract, (None, 0)), (0, None)))(both, images)  # over parameters and images
    batch, single = compiled(params, images, net=net, preprocess="symmetric"), jax.pmap(extract, in_axes=(None, 0))
    for result in (batch, mapped[0], single(params, images)):
        np.testing.assert_allclose(result, expected, atol=1e-5 * np.abs(expected).max())
    other = expected_of(net, jax.tree.map(np.negative, params), images)
    np.testing.assert_allclose(mapped[1], other, atol=1e-5 * np.abs(other).max())


def test_parameters_are_arguments() -> None:
    """Nothing of the network is compiled in: other parameters do not compile anew, and are what is used."""
    table = used_layers(BACKBONES["alexnet"], ("relu2",))
    params, image, traces = random_params(table), np.ones((15, 16, 3), np.float32), []

    @jax.jit
    def compiled(params: Any, x: jax.Array) -> jax.Array:
        traces.append(x.shape)
        return extract_features(x, net="alexnet", params=params, layers=["relu2"], data_range=1.0)["relu2"]

    lowered = compiled.lower(params, image)
    size = sum(z.nbytes for z in jax.tree.leaves(params))
    assert size > 1e6
    assert len(lowered.as_text()) < 1e5
    memory = lowered.compile().memory_analysis()
    assert memory is not None
    assert size < memory.argument_size_in_bytes < size + 2 * image.nbytes
    first = compiled(params, image)
    assert not np.allclose(first, compiled(jax.tree.map(lambda z: 2 * z, params), image))
    assert len(traces) == 1


@every_network
def test_reduced_precision(net: str, images: np.ndarray) -> None:
    params = params_of(net)
    expected = expected_of(net, params, images)
    features = compiled(params, images, net=net, preprocess="symmetric", dtype=jnp.bfloat16)
    assert features.dtype == jnp.float32
    error = np.abs(features - expected).max() / np.abs(expected).max()
    assert 1e-4 < error < 3e-2


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_images(dtype: Any, images: np.ndarray) -> None:
    """They are computed with in single precision."""
    half, params = jnp.asarray(images, dtype), params_of("twos")
    features = compiled(params, half, net="twos")
    assert features.dtype == jnp.float32
    np.testing.assert_array_equal(features, compiled(params, half.astype(jnp.float32), net="twos"))


@pytest.mark.usefixtures("float64")
@every_network
def test_double_precision(net: str, images: np.ndarray) -> None:
    """All of the network, with parameters in single precision too; and float32 stays float32."""
    params = params_of(net)
    doubles = jax.tree.map(np.float64, params)
    features = compiled(params, images.astype(np.float64), net=net, preprocess="symmetric")
    assert features.dtype == jnp.float64
    np.testing.assert_allclose(features, expected_of(net, params, images), atol=1e-12)
    for given in (params, doubles):
        assert jax.eval_shape(functools.partial(last, net=net), given, images).dtype == jnp.float32


@pytest.mark.usefixtures("float64")
@every_network
def test_derivatives(net: str, crop_photograph, rng: np.random.Generator) -> None:
    """First and second, forward and reverse, with respect to image and parameters, against differences.

    The network is linear in pieces: small steps stay in one piece, and the square makes second derivatives nonzero.
    """
    params = jax.tree.map(np.float64, params_of(net))

    def energy(x: jax.Array, bias: jax.Array) -> jax.Array:
        return (last({**params, "conv1": {**params["conv1"], "bias": bias}}, x, net=net) ** 2).mean()

    x = crop_photograph(1, 15, 15)[0].astype(np.float64)
    check_derivatives(energy, x, params["conv1"]["bias"], rng=rng, step=1e-6)


def test_gradient_of_a_flat_image() -> None:
    """All pixels equal: every pooling window is a tie, and the gradient is finite."""
    slope = jax.jit(jax.grad(lambda x, params: (last(params, x, net="twos") ** 2).mean()))
    for level in (0.0, 0.5, 1.0):
        gradient = slope(jnp.full((23, 27, 3), level), params_of("twos"))
        assert jnp.isfinite(gradient).all()
        assert jnp.abs(gradient).max() > 0


IMPORTS = """
import sys
import numpy as np

def report():
    print("flax" in sys.modules)

import jaxloss
report()
from jaxloss.backbones._features import extract_features
report()
image, tap = np.ones((8, 8, 3), np.float32), {"layers": ["conv1"], "data_range": 1.0}
extract_features(image, net=lambda params, images: {"conv1": images}, params={}, **tap)
report()
params = {"conv1": {"kernel": np.ones((11, 11, 3, 64), np.float32), "bias": np.ones(64, np.float32)}}
extract_features(image, net="alexnet", params=params, **tap)
report()
"""


def test_flax_is_imported_when_a_network_runs() -> None:
    output = subprocess.check_output([sys.executable, "-c", IMPORTS], cwd=ROOT, text=True)
    assert output.split() == ["False", "False", "False", "True"]
