"""Features under JAX: what is computed and in which precision, jit, vmap, pmap, derivatives, lazy Flax."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxloss.backbones._features import BACKBONES, extract_features
from jaxloss.backbones._layers import used_layers
from tests.backbones._reference import activations, random_params


ROOT = Path(__file__).parents[2]
Extract = Callable[[Any, Any], jax.Array]  # (params, x) -> features of one layer


def extractor(net: str, layer: str, **options: Any) -> tuple[Extract, dict[str, Any]]:
    """The function, and just the parameters that it needs."""

    def extract(params: Any, x: Any) -> jax.Array:
        return extract_features(x, net=net, params=params, layers=[layer], data_range=1.0, **options)[layer]

    return extract, random_params(used_layers(BACKBONES[net], (layer,)))


@pytest.fixture
def image(crop_photograph) -> np.ndarray:
    return crop_photograph(1, 33, 38)[0]


@pytest.mark.parametrize(
    ("net", "layer", "count"),
    [
        ("alexnet", "pool1", 1), ("alexnet", "relu5", 5), ("vgg16", "conv1_1", 1), ("vgg16", "relu2_2", 4),
        ("vgg19", "relu3_4", 8), ("squeezenet1_1", "pool1", 1), ("squeezenet1_1", "fire3", 7),
    ],
)  # fmt: skip
def test_nothing_after_the_last_tap(net: str, layer: str, count: int, image: np.ndarray) -> None:
    extract, params = extractor(net, layer)
    program = jax.jit(extract).lower(params, image).as_text()
    assert program.count("stablehlo.convolution") == count
    assert len(jax.tree.leaves(params)) == 2 * count


@pytest.mark.parametrize(("net", "layer"), [("alexnet", "relu3"), ("vgg16", "relu1_2"), ("squeezenet1_1", "fire3")])
def test_jit_vmap_pmap(net: str, layer: str, crop_photograph) -> None:
    x = crop_photograph(2, 33, 38)
    extract, params = extractor(net, layer)
    expected = np.asarray(extract(params, x))
    for transform in (jax.jit(extract), jax.jit(jax.vmap(extract, (None, 0))), jax.pmap(extract, in_axes=(None, 0))):
        np.testing.assert_allclose(transform(params, x), expected, atol=1e-5 * np.abs(expected).max())


def test_vmap_over_parameters(image: np.ndarray) -> None:
    extract, params = extractor("vgg16", "relu1_2")
    both = jax.tree.map(lambda z: np.stack([z, -z]), params)
    features = jax.jit(jax.vmap(extract, (0, None)))(both, image)
    for i in range(2):
        expected = np.asarray(extract(jax.tree.map(lambda z, i=i: z[i], both), image))
        np.testing.assert_allclose(features[i], expected, atol=1e-5 * np.abs(expected).max())


def test_parameters_are_arguments(image: np.ndarray) -> None:
    """Nothing of the network is compiled in: other parameters do not compile anew, and are what is used."""
    extract, params = extractor("alexnet", "relu3")
    traces = []

    @jax.jit
    def compiled(params: Any, x: jax.Array) -> jax.Array:
        traces.append(x.shape)
        return extract(params, x)

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


@pytest.mark.parametrize(("net", "layer"), [("alexnet", "relu5"), ("vgg16", "relu3_3"), ("squeezenet1_1", "fire5")])
def test_reduced_precision(net: str, layer: str, image: np.ndarray) -> None:
    exact, params = extractor(net, layer)
    reduced, _ = extractor(net, layer, dtype=jnp.bfloat16)
    expected, features = jax.jit(exact)(params, image), jax.jit(reduced)(params, image)
    assert features.dtype == expected.dtype == jnp.float32
    error = np.abs(features - expected).max() / np.abs(expected).max()
    assert 1e-4 < error < 3e-2


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_images(dtype: Any, image: np.ndarray) -> None:
    """They are computed with in single precision."""
    extract, params = extractor("alexnet", "pool1")
    half = jnp.asarray(image, dtype)
    features = extract(params, half)
    assert features.dtype == jnp.float32
    np.testing.assert_array_equal(features, extract(params, half.astype(jnp.float32)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("net", "layer"), [("alexnet", "relu3"), ("vgg16", "pool2"), ("squeezenet1_1", "fire3")])
def test_double_precision(net: str, layer: str, image: np.ndarray) -> None:
    """All of the network, with parameters in single precision too; and float32 stays float32."""
    extract, params = extractor(net, layer, preprocess="symmetric")
    doubles = jax.tree.map(np.float64, params)
    x = image.astype(np.float64)
    expected = activations(used_layers(BACKBONES[net], (layer,)), doubles, 2 * x - 1)[layer]
    features = jax.jit(extract)(params, x)
    assert features.dtype == jnp.float64
    np.testing.assert_allclose(features, expected, atol=1e-12)
    for weights in (params, doubles):
        assert jax.eval_shape(extract, weights, image).dtype == jnp.float32


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("net", "layer", "side"), [("alexnet", "pool1", 16), ("squeezenet1_1", "fire2", 8)])
def test_derivatives(net: str, layer: str, side: int, crop_photograph) -> None:
    """First and second, forward and reverse, with respect to image and parameters, against differences.

    The network is linear in pieces: small steps stay in one piece, and the square makes second derivatives nonzero.
    """
    extract, params = extractor(net, layer)
    x = crop_photograph(1, side, side)[0].astype(np.float64)
    params = jax.tree.map(np.float64, params)
    first = next(iter(params))

    @jax.jit
    def energy(x: jax.Array, bias: jax.Array) -> jax.Array:
        changed = {**params, first: {**params[first], "bias": bias}}
        return (extract(changed, x) ** 2).mean()

    check_grads(energy, (x, params[first]["bias"]), order=2, eps=1e-6, rtol=1e-5, atol=1e-5)


def test_gradient_of_a_flat_image() -> None:
    """All pixels equal: every pooling window is a tie, and the gradient is finite."""
    extract, params = extractor("squeezenet1_1", "fire5")
    slope = jax.jit(jax.grad(lambda x: (extract(params, x) ** 2).mean()))
    for level in (0.0, 0.5, 1.0):
        gradient = slope(jnp.full((33, 33, 3), level))
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
