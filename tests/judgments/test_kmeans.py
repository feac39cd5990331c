"""K-means finds what there is; the kernels' responses have the stated mean and deviation at every layer."""

from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._features import PREPROCESSING
from jaxloss.backbones._layers import Conv, Fire, Pool, Relu, Table
from jaxloss.backbones._lpips_nets import LPIPSNet
from jaxloss.backbones._network import Backbone
from jaxloss.judgments import kmeans_trunk
from jaxloss.judgments._kmeans import Filters, _spherical_kmeans, _whitening
from jaxloss.weights._tensors import flatten
from tests.conftest import CropPhotograph
from tests.networks import random_params


SMALL = (
    Conv("conv1", 6, size=5, stride=2, padding=2, groups=3),
    Relu("relu1"),
    Pool("pool1", 2, 2),
    Conv("conv2", 4),
)


spherical_kmeans = jax.jit(_spherical_kmeans, static_argnames="count")


@pytest.fixture(scope="module")
def images(crop_photograph: CropPhotograph) -> np.ndarray:
    return crop_photograph(3, 24, 28)


@pytest.fixture(scope="module")
def learned(images: np.ndarray) -> dict[str, Any]:
    with small_network():
        return kmeans_trunk(jax.random.key(0), images, net="small")


def small_network(table: Table = SMALL) -> Any:
    return mock.patch.multiple(
        "jaxloss.judgments._kmeans",
        BACKBONES={"small": table},
        LPIPS_NETS={"small": LPIPSNet("small", (table[-1].name,))},
    )


def responses(x: np.ndarray, params: dict[str, Any], stride: int = 1) -> np.ndarray:
    """`[n, features]` at all windows within the images."""
    kernel = np.asarray(params["kernel"], np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], (1, 2))[:, ::stride, ::stride]
    groups = x.shape[-1] // kernel.shape[2]
    towers = zip(np.split(windows, groups, axis=3), np.split(kernel, groups, axis=3), strict=True)
    seen = [np.einsum("nabckl,klcf->nabf", *tower, optimize=True) for tower in towers]
    return np.concatenate(seen, axis=-1) + np.asarray(params["bias"])


def test_responses_have_unit_deviation_around_a_tenth(images: np.ndarray, learned: dict[str, Any]) -> None:
    """So few patches are there that all of them are taken."""
    offset, scale = PREPROCESSING["lpips"]
    first = responses((images - np.array(offset)) / np.array(scale), learned["conv1"], stride=2)
    assert first.shape == (3, 10, 12, 6)
    padded = np.pad((images - np.array(offset)) / np.array(scale), [(0, 0), (2, 2), (2, 2), (0, 0)])
    relu = np.maximum(responses(padded, learned["conv1"], stride=2), 0)
    pooled = relu.reshape(3, 6, 2, 7, 2, 6).max(axis=(2, 4))
    for response in (first, responses(pooled, learned["conv2"])):
        np.testing.assert_allclose(response.mean(axis=(0, 1, 2)), 0.1, atol=2e-3)
        np.testing.assert_allclose(response.std(axis=(0, 1, 2)), 1, rtol=2e-3)


def test_form_and_key(images: np.ndarray, learned: dict[str, Any]) -> None:
    assert jax.tree.map(jnp.shape, learned) == {
        "conv1": {"kernel": (5, 5, 1, 6), "bias": (6,)},
        "conv2": {"kernel": (3, 3, 6, 4), "bias": (4,)},
    }
    with small_network():
        again, other = (kmeans_trunk(jax.random.key(seed), images, net="small") for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, again, learned)
    assert not np.allclose(other["conv2"]["kernel"], learned["conv2"]["kernel"], atol=0.1)


def test_parts_of_a_fire_module_see_what_comes_before_them(images: np.ndarray) -> None:
    """The wide convolutions see the narrow one, which has been learned."""
    table, seen = (Conv("conv1", 5), Relu("relu1"), Fire("fire2", 3, 4)), []

    def learn(key: Any, params: Any, images: Any, *, before: Table, conv: Conv) -> Filters:
        shape = (6, 6, 3)
        if before:
            tap = before[-1].name
            features: Any = jax.eval_shape(Backbone(before, (tap,)).apply, {"params": params}, jnp.ones((1, 6, 6, 3)))
            shape = features[tap].shape[1:]
        seen.append((conv.size, conv.features, shape))
        return Filters(jnp.zeros((conv.size, conv.size, shape[2], conv.features)), jnp.zeros(conv.features))

    with small_network(table), mock.patch("jaxloss.judgments._kmeans._learn", learn):
        made = kmeans_trunk(jax.random.key(0), images, net="small")
    assert seen == [(3, 5, (6, 6, 3)), (1, 3, (6, 6, 5)), (1, 4, (6, 6, 3)), (3, 4, (6, 6, 3))]
    assert {name: z.shape for name, z in flatten(made).items()} == {
        name: np.shape(z) for name, z in flatten(random_params(table)).items()
    }


def test_kmeans_finds_the_directions_there_are(rng: np.random.Generator) -> None:
    """Each of them once, though it begins with some twice and some not; what is 0 has no say."""
    axes = np.linalg.qr(rng.normal(size=(7, 7)))[0][:6].astype(np.float32)
    directions = np.concatenate([axes[rng.integers(0, 6, 150)], np.zeros((30, 7), np.float32)])
    for seed in range(3):
        centers = spherical_kmeans(jax.random.key(seed), rng.permutation(directions), count=6)
        assert sorted(np.argmax(centers @ axes.T, axis=1)) == list(range(6))
        np.testing.assert_allclose((centers @ axes.T).max(axis=1), 1, atol=1e-5)


def test_kmeans_centers_are_means_of_their_own(rng: np.random.Generator) -> None:
    """The fixed point: each center is the direction of the sum of those nearest to it."""
    directions = rng.normal(size=(180, 7)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centers = np.asarray(spherical_kmeans(jax.random.key(0), directions, count=6))
    nearest = np.argmax(directions @ centers.T, axis=1)
    for i, center in enumerate(centers):
        total = directions[nearest == i].sum(axis=0)
        np.testing.assert_allclose(center, total / np.linalg.norm(total), atol=0.02)


def test_whitening(rng: np.random.Generator) -> None:
    """Along the principal directions all variances are 1; directions without variance are left out."""
    basis = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    variances = np.concatenate([1.5 ** -np.arange(20), np.zeros(40)])
    covariance = ((basis * variances) @ basis.T).astype(np.float32)
    whitening = np.asarray(_whitening(jax.random.key(0), jnp.asarray(covariance), 30), np.float64)
    expected = np.diag(np.arange(30) < 20).astype(float)
    np.testing.assert_allclose(whitening.T @ covariance @ whitening, expected, atol=1e-3)
    ours = whitening[:, :20] * np.sqrt(variances[:20])
    np.testing.assert_allclose(np.abs((ours * basis[:, :20]).sum(axis=0)), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "net", "message"),
    [
        ((3, 128, 128, 3), "resnet", "expected net one of"),
        ((128, 128, 3), "alex", r"expected images of shape \[n, H, W, 3\], got \(128, 128, 3\)"),
        ((2, 128, 128, 1), "alex", r"expected images of shape \[n, H, W, 3\]"),
        ((2, 20, 128, 3), "alex", "expected images of at least 31 x 31 pixels for relu5 of alex"),
        ((3, 128, 128, 3), "alex", "expected at least 384 patches for conv3, got 75. Give more images, or larger"),
        ((900, 47, 47, 3), "alex", "expected at least 384 patches for conv3, got 0. Give more images, or larger"),
    ],
)
def test_what_cannot_be_learned_from(shape: tuple[int, ...], net: str, message: str) -> None:
    images = np.broadcast_to(np.float32(0.5), shape)
    with pytest.raises(ValueError, match=f"^kmeans_trunk: {message}"):
        kmeans_trunk(jax.random.key(0), images, net=net)
