"""Feature matching: the published sums in NumPy, what carries a gradient, and what is refused."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


Layers = list[Any]


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[Layers, Layers]:
    """Two discriminators of four layers each, without their outputs, for two images."""
    shapes = [(2, 9 - scale - i, 8 - scale - i, 3 + i) for scale in (0, 4) for i in range(4)]
    x, y = ([rng.standard_normal(shape, np.float32) for shape in shapes] for _ in range(2))
    return x, y


def mean_absolute(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(x.astype(np.float64) - y).mean(axis=(1, 2, 3))


def pix2pixhd(x: Layers, y: Layers) -> np.ndarray:
    """Of networks with three layers: each of the two discriminators by 1/2, each of its layers by 4 / (3 + 1)."""
    total = np.zeros(2)
    for discriminator in (slice(0, 4), slice(4, 8)):
        for a, b in zip(x[discriminator], y[discriminator], strict=True):
            total += (1 / 2) * (4 / (3 + 1)) * mean_absolute(a, b)
    return total


def coordfill(x: Layers, y: Layers) -> np.ndarray:
    return sum((mean_absolute(a, b) for a, b in zip(x, y, strict=True)), np.zeros(2))


def lama(x: Layers, y: Layers) -> np.ndarray:
    squares = [np.square(a.astype(np.float64) - b).mean(axis=(1, 2, 3)) for a, b in zip(x, y, strict=True)]
    return np.mean(squares, axis=0)


PUBLISHED = {"pix2pixhd": pix2pixhd, "coordfill": coordfill, "lama": lama}


@pytest.mark.parametrize("name", jaxloss.FEATURE_MATCHING_CONVENTIONS)
def test_published(name: str, pair: tuple[Layers, Layers]) -> None:
    x, y = pair
    expected, options = PUBLISHED[name](x, y), jaxloss.FEATURE_MATCHING_CONVENTIONS[name]

    @jax.jit
    def in_every_form(x: Layers, y: Layers) -> list[jax.Array]:
        loss = functools.partial(jaxloss.feature_matching_loss, **options)
        named = [{f"layer{i}": z for i, z in enumerate(layers)} for layers in (x, y)]
        doubles = jax.tree.map(lambda z: z.astype(jnp.float64), (x, y))
        return [loss(x, y), loss(*named), loss(tuple(x), tuple(y)), loss(*doubles)]

    with jax.enable_x64(True):
        *singles, double = in_every_form(x, y)
        for value in singles:
            assert value.shape == (2,) and value.dtype == jnp.float32
            np.testing.assert_allclose(value, expected, rtol=1e-5)
        np.testing.assert_allclose(double, expected, rtol=1e-12)


def test_weights(pair: tuple[Layers, Layers]) -> None:
    x, y = (layers[:3] for layers in pair)
    loss = jaxloss.feature_matching_loss
    first, second, third = (mean_absolute(a, b) for a, b in zip(x, y, strict=True))
    np.testing.assert_allclose(loss(x, y, weights=[1, 0.5, 2.0]), first + second / 2 + 2 * third, rtol=1e-5)
    np.testing.assert_allclose(loss(x, y, weights=3.0, average=True), first + second + third, rtol=1e-5)
    named = [dict(zip("abc", layers, strict=True)) for layers in (x, y)]
    np.testing.assert_allclose(loss(*named, weights={"c": 2.0, "a": 1.0}), first + 2 * third, rtol=1e-5)
    average = loss(*named, weights={"c": 2.0, "a": 1.0}, average=True)  # of the two that count
    np.testing.assert_allclose(average, (first + 2 * third) / 2, rtol=1e-5)
    traced = jax.jit(lambda weight: loss(x, y, weights=[weight] * 3))(jnp.float32(2))
    np.testing.assert_allclose(traced, 2 * (first + second + third), rtol=1e-5)


@pytest.mark.parametrize("distance", ["l1", "mse", "cosine"])
def test_only_the_generated_image_has_a_gradient(distance: str, pair: tuple[Layers, Layers]) -> None:
    def loss(x: Layers, y: Layers) -> jax.Array:
        return jaxloss.feature_matching_loss(x, y, distance=distance).sum()

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
    x, y = (layers[:2] for layers in pair)
    moving, constant = gradient(x, y)
    assert all((z != 0).any() for z in moving) and all((z == 0).all() for z in constant)

    @jax.jit
    @jax.grad
    def perceptual(x: jax.Array) -> jax.Array:
        return jaxloss.perceptual_loss({"a": x}, {"a": y[0]}, distance=distance).sum()

    np.testing.assert_allclose(moving[0], perceptual(x[0]), rtol=1e-4, atol=1e-7)
    zero = [np.zeros_like(z) for z in x]
    for equal in (x, zero):
        assert all((z == 0).all() for z in jax.tree.leaves(gradient(equal, equal)))
    assert all(jnp.isfinite(z).all() for z in jax.tree.leaves((gradient(x, zero), gradient(zero, x))))


def test_transforms_and_dtypes(pair: tuple[Layers, Layers]) -> None:
    loss = jax.jit(jaxloss.feature_matching_loss)
    expected = np.asarray(loss(*pair))
    np.testing.assert_allclose(expected, coordfill(*pair), rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(loss))(*pair), expected, rtol=1e-6)
    np.testing.assert_allclose(loss(*jax.tree.map(lambda z: z[0], pair)), expected[0], rtol=1e-6)
    np.testing.assert_allclose(loss(*jax.tree.map(lambda z: z[None], pair)), expected[None], rtol=1e-6)
    half = jax.tree.map(lambda z: z.astype(jnp.bfloat16), pair)
    value = loss(*half)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, loss(*jax.tree.map(lambda z: np.asarray(z, np.float32), half)), rtol=1e-6)


ARRAY = np.ones((4, 4, 3), np.float32)
ERRORS: dict[str, tuple[type[Exception], str, Any, Any, dict[str, Any]]] = {
    "distance": (ValueError, "distance one of .*'l1'.*got 'L1'", [ARRAY], [ARRAY], {"distance": "L1"}),
    "fewer layers": (ValueError, r"features_y with the layers \[0, 1\], got \[0\]", [ARRAY, ARRAY], [ARRAY], {}),
    "more weights": (ValueError, r"features_x with the layers \[0, 1\]", [ARRAY], [ARRAY], {"weights": [1, 1]}),
    "no layers": (ValueError, "at least one layer", [], [], {"average": True}),
    "no weights": (ValueError, "at least one layer", [ARRAY], [ARRAY], {"weights": []}),
    "shapes": (ValueError, "layer 0 of equal shape", [ARRAY], [ARRAY[1:]], {}),
    "integers": (TypeError, "layer 0 of a floating dtype", [ARRAY], [ARRAY.astype(np.int32)], {}),
    "array": (TypeError, "features_x by layer.*ndarray", ARRAY, ARRAY, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_error(case: str) -> None:
    error, words, x, y, options = ERRORS[case]
    with pytest.raises(error, match=f"^feature_matching_loss: expected .*{words}.*[.] .+[.]"):
        jaxloss.feature_matching_loss(x, y, **options)
