"""Gram matrices and the style loss: the published formulas in NumPy, their laws and their gradients."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.perceptual._style import GRAM_DISTANCES, NORMALIZATIONS
from tests.derivatives import check_derivatives


Features = dict[str, Any]
WIDTHS = (64, 128, 256, 512, 512)
every_distance = pytest.mark.parametrize("distance", GRAM_DISTANCES)


def every_loss(x: Any, y: Any) -> jax.Array:
    """Under all distances: `[..., 4]`; as one function, for compiling takes most of the time."""
    return jnp.stack([jaxloss.style_loss(x, y, distance=distance) for distance in GRAM_DISTANCES], axis=-1)


def matrix(features: np.ndarray) -> np.ndarray:
    """Channels times positions, as the papers write it."""
    return np.moveaxis(features.astype(np.float64), -1, 0).reshape(features.shape[-1], -1)


def gram(features: np.ndarray) -> np.ndarray:
    return matrix(features) @ matrix(features).T


def difference(x: Features, y: Features, layer: str) -> np.ndarray:
    return gram(x[layer]) - gram(y[layer])


def document(x: Features, y: Features) -> float:
    """`1 / (4 N² M²) |G(x) - G(y)|_F²`, summed over the layers."""
    total = 0.0
    for layer in x:
        n, m = matrix(x[layer]).shape
        total += np.square(difference(x, y, layer)).sum() / (4 * n**2 * m**2)
    return total


def authors_notebook(x: Features, y: Features) -> float:
    total = 0.0
    for block, n in enumerate(WIDTHS, start=1):
        layer = f"relu{block}_1"
        total += 1e3 / n**2 * np.square(difference(x, y, layer) / matrix(x[layer]).shape[1]).mean()
    return total


def johnson(x: Features, y: Features, over_channels: bool) -> float:
    total = 0.0
    for layer in ("relu1_2", "relu2_2", "relu3_3", "relu4_3"):
        c, m = matrix(x[layer]).shape
        total += np.square(difference(x, y, layer)).sum() / (c * m) ** 2 / (c**2 if over_channels else 1)
    return total


def absolutes(*layers: str) -> Callable[[Features, Features], float]:
    """`1/C² |G(x) - G(y)|_1 / (C H W)`, summed over the layers, or over all."""

    def loss(x: Features, y: Features) -> float:
        named = layers or tuple(x)
        return sum(np.abs(difference(x, y, z)).sum() / x[z].shape[-1] ** 2 / x[z].size for z in named)

    return loss


PUBLISHED: dict[str, Callable[[Features, Features], float]] = {
    "gatys": document,
    "gatys_pytorch": authors_notebook,
    "johnson": functools.partial(johnson, over_channels=True),
    "johnson_paper": functools.partial(johnson, over_channels=False),
    "pconv": absolutes("pool1", "pool2", "pool3"),
    "ctn": absolutes("relu2_2", "relu3_4", "relu4_4", "relu5_2"),
    "tformer": absolutes("relu2_2", "relu3_4", "relu4_4", "relu5_2"),
    "transcnn_hae": absolutes("relu4_1", "relu5_1"),
    "basicsr_l1": absolutes(),
    "basicsr_l2": lambda x, y: sum(np.square(difference(x, y, z) / x[z].size).mean() for z in x),
    "basicsr_fro": lambda x, y: sum(np.sqrt(np.square(difference(x, y, z) / x[z].size).sum()) for z in x),
    "piq": lambda x, y: np.square(difference(x, y, "relu3_3")).mean(),
}


def vgg_features(rng: np.random.Generator, layers: list[str]) -> Features:
    widths = [WIDTHS[int(layer.removeprefix("relu").removeprefix("pool")[0]) - 1] for layer in layers]
    return {z: np.maximum(rng.standard_normal((4, 5, c)), 0) for z, c in zip(layers, widths, strict=True)}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", jaxloss.STYLE_CONVENTIONS)
def test_published(name: str, rng: np.random.Generator) -> None:
    options = jaxloss.STYLE_CONVENTIONS[name]
    weights = options["weights"]
    layers = [*(weights if isinstance(weights, dict) else ("relu1_1", "relu2_1"))]
    x, y = vgg_features(rng, layers), vgg_features(rng, layers)
    expected = PUBLISHED[name](x, y)

    @jax.jit
    def in_both_precisions(x: Features, y: Features) -> list[jax.Array]:
        singles = jax.tree.map(lambda z: z.astype(jnp.float32), (x, y))
        return [jaxloss.style_loss(x, y, **options), jaxloss.style_loss(*singles, **options)]

    double, single = in_both_precisions(x, y)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(double, expected, rtol=1e-11)
    np.testing.assert_allclose(single, expected, rtol=1e-5)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_gram_matrix(normalization: str, rng: np.random.Generator) -> None:
    features: Any = rng.standard_normal((2, 3, 6, 5, 4), np.float32)
    result = jaxloss.gram_matrix(features, normalization=normalization)
    divisor = {"none": 1, "hw": 30, "chw": 120}[normalization]
    expected = np.stack([[gram(z) for z in row] for row in features]) / divisor
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6 * abs(expected).max())
    np.testing.assert_array_equal(result, result.mT)
    one = jaxloss.gram_matrix(jnp.asarray(features[1, 2], jnp.bfloat16), normalization=normalization)
    assert one.dtype == jnp.float32 and one.shape == (4, 4)
    rounded = np.asarray(jnp.asarray(features[1, 2], jnp.bfloat16), np.float64)
    np.testing.assert_allclose(one, gram(rounded) / divisor, rtol=1e-5, atol=1e-6 * abs(expected).max())
    with jax.enable_x64(True):
        assert jaxloss.gram_matrix(features.astype(np.float64)).dtype == jnp.float64


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[Features, Features]:
    """Two layers of different sizes, a batch of 2 x 3."""
    shapes = {"a": (2, 3, 6, 5, 4), "b": (2, 3, 3, 2, 7)}
    x, y = ({layer: rng.standard_normal(shape, np.float32) for layer, shape in shapes.items()} for _ in range(2))
    return x, y


FORMULAS: dict[str, Callable[[np.ndarray], float]] = {
    "l1": lambda d: np.abs(d).mean(),
    "mse": lambda d: np.square(d).mean(),
    "frobenius": lambda d: float(np.linalg.norm(d)),
    "squared_frobenius": lambda d: float(np.linalg.norm(d) ** 2),
}


def expected_loss(x: Features, y: Features, weights: dict[str, Any], normalization: str, distance: str) -> np.ndarray:
    def normal(features: np.ndarray) -> np.ndarray:
        n = {"none": 1, "hw": features[..., 0].size, "chw": features.size}[normalization]
        return gram(features) / n

    result = np.zeros((2, 3))
    for i in np.ndindex(2, 3):
        for layer, weight in weights.items():
            result[i] += weight * FORMULAS[distance](normal(x[layer][i]) - normal(y[layer][i]))
    return result


@every_distance
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_formula(pair: tuple[Features, Features], normalization: str, distance: str) -> None:
    x, y = pair
    cases: Any = ((None, {"a": 1, "b": 1}), (0.5, {"a": 0.5, "b": 0.5}), ({"b": 3.0}, {"b": 3}))
    other = {layer: np.concatenate([z, 0.5 * z], axis=-2) for layer, z in y.items()}  # a style of another size

    @jax.jit
    def evaluate(x: Features, y: Features, other: Features) -> tuple[list[jax.Array], jax.Array]:
        loss = functools.partial(jaxloss.style_loss, normalization=normalization, distance=distance)
        return [loss(x, y, weights=weights) for weights, _ in cases], loss(x, other)

    values, of_other = evaluate(x, y, other)
    for value, (_, each) in zip(values, cases, strict=True):
        assert value.shape == (2, 3) and value.dtype == jnp.float32
        np.testing.assert_allclose(value, expected_loss(x, y, each, normalization, distance), rtol=1e-5)
    expected = expected_loss(x, other, {"a": 1, "b": 1}, normalization, distance)
    np.testing.assert_allclose(of_other, expected, rtol=1e-5)


@every_distance
def test_near_the_style(distance: str, pair: tuple[Features, Features], rng: np.random.Generator) -> None:
    """Where the difference of two Gram matrices in float32 would have lost all but two digits."""
    y = pair[1]
    x = {layer: z + np.float32(1e-4) * rng.standard_normal(z.shape, np.float32) for layer, z in y.items()}
    value = jax.jit(functools.partial(jaxloss.style_loss, distance=distance))(x, y)
    np.testing.assert_allclose(value, expected_loss(x, y, {"a": 1, "b": 1}, "hw", distance), rtol=1e-5)


def test_transforms(pair: tuple[Features, Features]) -> None:
    loss = jax.jit(every_loss)
    each = {"a": 1, "b": 1}
    expected = np.stack([expected_loss(*pair, each, "hw", distance) for distance in GRAM_DISTANCES], axis=-1)
    np.testing.assert_allclose(loss(*pair), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(jax.vmap(loss))(*pair), expected, rtol=1e-5)
    one = jax.tree.map(lambda z: z[1, 2], pair)
    assert loss(*one).shape == (4,)
    np.testing.assert_allclose(loss(*one), expected[1, 2], rtol=1e-5)
    weighted = jax.jit(lambda weights: jaxloss.style_loss(*pair, weights=weights))
    np.testing.assert_allclose(weighted(jnp.float32(3)), 3 * jax.jit(jaxloss.style_loss)(*pair), rtol=1e-5)


def test_positions_do_not_matter(pair: tuple[Features, Features], rng: np.random.Generator) -> None:
    x, y = pair
    turned: Features = {layer: rng.permutation(z[..., ::-1, :, :], axis=-2) for layer, z in x.items()}
    loss = jax.jit(jaxloss.style_loss)
    np.testing.assert_allclose(loss(turned, y), loss(x, y), rtol=1e-5)
    np.testing.assert_allclose(loss(turned, x), 0, atol=1e-12)
    np.testing.assert_array_equal(loss(y, x), loss(x, y))


def test_dtypes(pair: tuple[Features, Features]) -> None:
    slope = jax.jit(jax.value_and_grad(lambda x, y: jaxloss.style_loss(x, y).sum()))
    for dtype in (jnp.bfloat16, jnp.float16):
        x, y = jax.tree.map(lambda z, dtype=dtype: z.astype(dtype), pair)
        value, gradient = jax.eval_shape(slope, x, y)
        assert value.dtype == jnp.float32 and gradient["a"].dtype == dtype
        rounded, loss = jax.tree.map(lambda z: z.astype(np.float32), (x, y)), jax.jit(jaxloss.style_loss)
        np.testing.assert_allclose(loss(x, y), loss(*rounded), rtol=1e-6)
    with jax.enable_x64(True):
        x = {"a": np.float64(pair[0]["a"]), "b": pair[0]["b"]}
        value = jax.jit(jaxloss.style_loss)(x, pair[1])
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, jax.jit(jaxloss.style_loss)(*pair), rtol=1e-5)


@pytest.mark.parametrize("width", [2, 3], ids=["same size", "other size"])
def test_gradient_is_the_derivative(width: int, rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        x, y = rng.standard_normal((3, 2, 4)), rng.standard_normal((3, width, 4))
        check_derivatives(lambda x, y: every_loss({"a": x}, {"a": y}), x, y, rng=rng)


def test_gradients_are_finite(pair: tuple[Features, Features]) -> None:
    first = jax.jit(jax.jacrev(lambda x, y: every_loss(x, y).sum(axis=(0, 1)), argnums=(0, 1)))
    second = jax.jit(jax.grad(lambda x, y: sum((z * z).sum() + z.sum() for z in jax.tree.leaves(first(x, y)))))
    x = {"a": pair[0]["a"]}
    zero, turned = {"a": np.zeros_like(x["a"])}, {"a": x["a"][..., ::-1, :, :].copy()}  # of the same style as x
    half = {"a": x["a"] / 2}
    doubled = {"a": np.concatenate([half["a"]] * 2, axis=-3)}  # and one of the same as half, but of another size
    for a, b in ((x, x), (zero, zero), (x, zero), (zero, x), (x, turned), (doubled, half)):
        assert all(np.isfinite(z).all() for z in jax.tree.leaves((first(a, b), second(a, b))))
    for a in (x, zero):
        assert (jax.jit(every_loss)(a, jax.tree.map(np.copy, a)) == 0).all()
        assert all((z == 0).all() for z in jax.tree.leaves(first(a, a)))


ARRAY: Any = np.ones((4, 4, 3), np.float32)
A = {"a": ARRAY}
ERRORS: dict[str, tuple[type[Exception], str, Any, Any, dict[str, Any]]] = {
    "distance": (ValueError, "distance one of .*'squared_frobenius'.*got 'cosine'", A, A, {"distance": "cosine"}),
    "normalization": (ValueError, "normalization one of .*'chw'.*got 'c'", A, A, {"normalization": "c"}),
    "channels": (ValueError, r"equal shape.*\(4, 4, 3\) and \(4, 4, 2\)", A, {"a": ARRAY[..., :2]}, {}),
    "batch": (ValueError, "equal shape", A, {"a": ARRAY[None]}, {}),
    "missing layer": (ValueError, "features_y with the layers .*'a'", A, {}, {"weights": {"a": 1}}),
    "empty weights": (ValueError, "at least one layer", A, A, {"weights": {}}),
    "integers": (TypeError, "floating dtype.*uint8", {"a": ARRAY.astype(np.uint8)}, A, {}),
    "arrays": (TypeError, "features_x by layer", ARRAY, ARRAY, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_error(case: str) -> None:
    error, words, x, y, options = ERRORS[case]
    with pytest.raises(error, match=f"^style_loss: expected .*{words}.*[.] .+[.]"):
        jaxloss.style_loss(x, y, **options)


def test_errors_of_the_gram_matrix() -> None:
    with pytest.raises(ValueError, match=r"^gram_matrix: expected normalization one of .*got 'c'"):
        jaxloss.gram_matrix(ARRAY, normalization="c")
    with pytest.raises(ValueError, match=r"^gram_matrix: expected features of shape \[..., h, w, c\].*\(4, 3\)"):
        jaxloss.gram_matrix(ARRAY[0])
    with pytest.raises(TypeError, match=r"^gram_matrix: expected features of a floating dtype, got int32"):
        jaxloss.gram_matrix(ARRAY.astype(np.int32))
