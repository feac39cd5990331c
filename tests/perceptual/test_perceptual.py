"""The perceptual loss: the published formulas in NumPy, its laws and its gradients; `tests/parity` has its peers."""

import functools
import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.backbones._features import BACKBONES, PREPROCESSING
from tests.derivatives import check_derivatives
from tests.networks import random_params, thinned


Features = dict[str, Any]
WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}
NAMED = ("mse", "l1", "squared_l2", "l2", "cosine")
every_distance = pytest.mark.parametrize("distance", NAMED)


def every_loss(x: Any, y: Any) -> jax.Array:
    """Under all distances: `[..., 5]`; as one function, for compiling takes most of the time."""
    return jnp.stack([jaxloss.perceptual_loss(x, y, distance=distance) for distance in NAMED], axis=-1)


def vgg_features(rng: np.random.Generator) -> Features:
    """Of all layers of VGG16 and VGG19, with their channels, 6 x 5 positions, and many zeros where a ReLU is."""
    names = {layer.name for net in ("vgg16", "vgg19") for layer in BACKBONES[net]}
    values = {name: rng.standard_normal((6, 5, WIDTHS[re.findall(r"\d", name)[0]])) for name in sorted(names)}
    return {name: z if name.startswith("conv") else np.maximum(z, 0) for name, z in values.items()}


def mean_square(x: Features, y: Features, layer: str) -> float:
    return float(np.square(x[layer] - y[layer]).sum() / x[layer].size)


def mean_absolute(x: Features, y: Features, layer: str) -> float:
    return float(np.abs(x[layer] - y[layer]).sum() / x[layer].size)


def absolutes(**weights: float) -> Callable[[Features, Features], float]:
    return lambda x, y: sum(weight * mean_absolute(x, y, layer) for layer, weight in weights.items())


# Each row from its publication or its published code, written out.
PUBLISHED: dict[str, Callable[[Features, Features], float]] = {
    "gatys": lambda x, y: 0.5 * float(np.square(x["relu4_2"] - y["relu4_2"]).sum()),
    "gatys_pytorch": lambda x, y: mean_square(x, y, "relu4_2"),
    "johnson": lambda x, y: float(np.linalg.norm(x["relu3_3"] - y["relu3_3"]) ** 2) / (256 * 6 * 5),
    "johnson_super_resolution": lambda x, y: float(np.linalg.norm(x["relu2_2"] - y["relu2_2"]) ** 2) / (128 * 6 * 5),
    "srgan": lambda x, y: float(np.square(x["relu5_4"] / 12.75 - y["relu5_4"] / 12.75).mean()),
    "esrgan": absolutes(conv5_4=1),
    "pix2pixhd": absolutes(relu1_1=1 / 32, relu2_1=1 / 16, relu3_1=1 / 8, relu4_1=1 / 4, relu5_1=1),
    "pconv": absolutes(pool1=1, pool2=1, pool3=1),
    "ctn": absolutes(relu1_1=1, relu2_1=1, relu3_1=1, relu4_1=1, relu5_1=1),
    "tformer": absolutes(relu1_1=1, relu2_1=1, relu3_1=1, relu4_1=1, relu5_1=1),
    "transcnn_hae": absolutes(relu1_1=0.03125, relu2_1=0.0625, relu3_1=0.125, relu4_1=0.25, relu5_1=1),
    "mat": absolutes(conv4_4=0.25, conv5_4=0.5),
    "lama": lambda x, y: sum(mean_square(x, y, layer) for layer in x),
    "piq": lambda x, y: float(np.square(x["relu3_3"] - y["relu3_3"]).mean(axis=(0, 1)).sum()),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", jaxloss.PERCEPTUAL_CONVENTIONS)
def test_published(name: str, rng: np.random.Generator) -> None:
    x, y = vgg_features(rng), vgg_features(rng)
    expected = PUBLISHED[name](x, y)
    options = jaxloss.PERCEPTUAL_CONVENTIONS[name]
    if isinstance(options["weights"], dict):  # the others would only have to be compiled
        x, y = ({layer: z[layer] for layer in options["weights"]} for z in (x, y))

    @jax.jit
    def in_both_precisions(x: Features, y: Features) -> list[jax.Array]:
        singles = jax.tree.map(lambda z: z.astype(jnp.float32), (x, y))
        return [jaxloss.perceptual_loss(x, y, **options), jaxloss.perceptual_loss(*singles, **options)]

    double, single = in_both_precisions(x, y)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(double, expected, rtol=1e-12)
    np.testing.assert_allclose(single, expected, rtol=1e-5)


def test_networks_have_the_layers() -> None:
    tables = jaxloss.PERCEPTUAL_CONVENTIONS, jaxloss.STYLE_CONVENTIONS
    rows = [(name, row["weights"]) for table in tables for name, row in table.items()]
    named = [(name, weights) for name, weights in rows if isinstance(weights, dict)]
    assert len(named) > 15 and {name for name, _ in named} >= jaxloss.FEATURE_CONVENTIONS.keys()
    for name, weights in named:
        options: dict[str, Any] = {**jaxloss.FEATURE_CONVENTIONS[name.removesuffix("_paper")]}
        assert weights.keys() <= {layer.name for layer in BACKBONES[options["net"]]}, name
        assert options.get("preprocess", "imagenet") in PREPROCESSING


def test_rows_are_usable_as_they_are(crop_photograph: Any) -> None:
    """From images to a loss, for which a worse image is further away."""
    (y,) = crop_photograph(1, 24, 28)
    layers = ("relu3_3", "pool1", "pool2", "pool3")
    thin = thinned(BACKBONES["vgg16"], layers)

    @jax.jit
    def losses(images: jax.Array, params: Any) -> list[jax.Array]:
        options = jaxloss.FEATURE_CONVENTIONS["pconv"]
        features = jaxloss.extract_features(images, params=params, layers=layers, data_range=1.0, **options)
        references = {layer: jnp.broadcast_to(z[0], z.shape) for layer, z in features.items()}
        rows = (jaxloss.PERCEPTUAL_CONVENTIONS[name] for name in ("johnson", "pconv", "piq"))
        return [jaxloss.perceptual_loss(features, references, **row) for row in rows]

    with mock.patch.dict(BACKBONES, vgg16=thin):
        found = losses(np.stack([y, 0.9 * y, 0.5 * y]), random_params(thin))
    for same, near, far in found:
        assert 0 == same < 2 * near < far


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[Features, Features]:
    """Two layers of different sizes, a batch of 2 x 3."""
    shapes = {"a": (2, 3, 6, 5, 4), "b": (2, 3, 3, 2, 7)}
    x, y = ({layer: rng.standard_normal(shape, np.float32) for layer, shape in shapes.items()} for _ in range(2))
    return x, y


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.astype(np.float64), y.astype(np.float64)
    dots, lengths = (x * y).sum(-1), np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    return (1 - dots / lengths).mean(axis=(-2, -1))


FORMULAS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mse": lambda x, y: np.square(np.float64(x) - y).mean(axis=(-3, -2, -1)),
    "l1": lambda x, y: np.abs(np.float64(x) - y).mean(axis=(-3, -2, -1)),
    "squared_l2": lambda x, y: np.square(np.float64(x) - y).sum(axis=(-3, -2, -1)),
    "l2": lambda x, y: np.sqrt(np.square(np.float64(x) - y).sum(axis=(-3, -2, -1))),
    "cosine": cosine,
}


@every_distance
def test_formula(pair: tuple[Features, Features], distance: str) -> None:
    x, y = pair
    a, b = (FORMULAS[distance](x[layer], y[layer]) for layer in "ab")
    cases: Any = ((None, a + b), (0.5, a / 2 + b / 2), ({"a": 2, "b": 0.25}, 2 * a + b / 4), ({"b": 3.0}, 3 * b))

    @jax.jit
    def values(x: Features, y: Features) -> list[jax.Array]:
        return [jaxloss.perceptual_loss(x, y, weights=weights, distance=distance) for weights, _ in cases]

    for value, (_, expected) in zip(values(x, y), cases, strict=True):
        assert value.shape == (2, 3) and value.dtype == jnp.float32
        np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_own_distance(pair: tuple[Features, Features]) -> None:
    def largest(x: Any, y: Any) -> Any:
        return abs(x - y).max(axis=(-3, -2, -1))

    found = jax.jit(functools.partial(jaxloss.perceptual_loss, distance=largest))(*pair)
    expected = sum(largest(x, y) for x, y in zip(pair[0].values(), pair[1].values(), strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_transforms(pair: tuple[Features, Features]) -> None:
    loss = jax.jit(every_loss)
    x, y = pair
    expected = np.stack([sum(FORMULAS[distance](x[layer], y[layer]) for layer in x) for distance in NAMED], axis=-1)
    np.testing.assert_allclose(loss(*pair), expected, rtol=1e-5)
    expected = np.asarray(loss(*pair))
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.vmap(every_loss)))(*pair), expected, rtol=1e-6)
    one = jax.tree.map(lambda z: z[1, 2], pair)
    assert loss(*one).shape == (5,)
    np.testing.assert_allclose(loss(*one), expected[1, 2], rtol=1e-6)


def test_traced_weights(pair: tuple[Features, Features]) -> None:
    def loss(weights: Any) -> jax.Array:
        return jaxloss.perceptual_loss(*pair, weights=weights).mean()

    @jax.jit
    def found_and_expected(weights: Any, weight: jax.Array) -> tuple[list[Any], list[jax.Array]]:
        found = [*jax.value_and_grad(loss)(weights), loss(weight)]
        return found, [loss({"a": 2.0, "b": 0.25}), loss({"b": 1.0}), 3 * loss(None)]

    (value, slope, one), expected = found_and_expected({"a": np.float32(2), "b": np.float32(0.25)}, np.float32(3))
    np.testing.assert_allclose((value, slope["b"], one), expected, rtol=1e-6)


def test_dtypes(pair: tuple[Features, Features]) -> None:
    loss = jax.jit(every_loss)
    gradients = jax.jit(jax.grad(lambda x, y: jaxloss.perceptual_loss(x, y).sum()))
    for dtype in (jnp.bfloat16, jnp.float16):
        x, y = jax.tree.map(lambda z, dtype=dtype: z.astype(dtype), pair)
        value, gradient = loss(x, y), jax.eval_shape(gradients, x, y)
        assert value.dtype == jnp.float32 and gradient["a"].dtype == dtype
        expected = loss(*jax.tree.map(lambda z: z.astype(np.float32), (x, y)))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
    with jax.enable_x64(True):
        x, y = pair[0] | {"a": pair[0]["a"].astype(np.float64)}, pair[1]
        value = jax.jit(lambda x, y: jaxloss.perceptual_loss(x, y, weights={"a": jnp.float32(1), "b": 1}))(x, y)
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, FORMULAS["mse"](x["a"], y["a"]) + FORMULAS["mse"](x["b"], y["b"]), rtol=1e-10)


def test_gradient_is_the_derivative(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        x, y = rng.standard_normal((2, 3, 2, 4))
        check_derivatives(lambda x, y: every_loss({"a": x}, {"a": y}), x, y, rng=rng)


def test_equal_and_zero_features(pair: tuple[Features, Features]) -> None:
    """Compiled, for what is fused rounds otherwise."""
    first = jax.jit(jax.jacrev(lambda x, y: every_loss(x, y).sum(axis=(0, 1)), argnums=(0, 1)))
    second = jax.jit(jax.grad(lambda x, y: sum((z * z).sum() + z.sum() for z in jax.tree.leaves(first(x, y)))))
    x, zero = pair[0], jax.tree.map(np.zeros_like, pair[0])
    for equal in (x, zero):
        assert (jax.jit(every_loss)(equal, jax.tree.map(np.copy, equal)) == 0).all()
        assert all((z == 0).all() for z in jax.tree.leaves(first(equal, jax.tree.map(np.copy, equal))))
    half = jax.tree.map(lambda z: np.where(z[..., :1] > 0, z, 0), x)  # some positions without activation
    for a, b in ((x, zero), (zero, x), (half, x), (x, x), (zero, zero)):
        assert all(np.isfinite(z).all() for z in jax.tree.leaves((first(a, b), second(a, b))))


def test_cosine_of_nothing(rng: np.random.Generator) -> None:
    x: Any = rng.standard_normal((4, 4, 3), np.float32)
    zero: Any = np.zeros_like(x)
    loss = jax.jit(functools.partial(jaxloss.perceptual_loss, distance="cosine"))
    assert loss({"a": zero}, {"a": zero}) == 0
    assert loss({"a": x}, {"a": zero}) == loss({"a": zero}, {"a": x}) == 1
    np.testing.assert_allclose(loss({"a": x}, {"a": -3 * x}), 2, rtol=1e-6)
    np.testing.assert_allclose(loss({"a": x}, {"a": 3 * x}), 0, atol=1e-12)


def test_cosine_does_not_cancel(rng: np.random.Generator) -> None:
    y: Any = rng.standard_normal((4, 4, 8), np.float32)
    x: Any = y + np.float32(1e-3) * rng.standard_normal(y.shape, np.float32)
    value = jax.jit(functools.partial(jaxloss.perceptual_loss, distance="cosine"))({"a": x}, {"a": y})
    np.testing.assert_allclose(value, cosine(x, y), rtol=1e-3)  # 1 - cos in float32 is off by 5e-2


ARRAY: Any = np.ones((4, 4, 3), np.float32)
A, AB = {"a": ARRAY}, {"a": ARRAY, "b": ARRAY}
ERRORS: dict[str, tuple[type[Exception], str, Any, Any, dict[str, Any]]] = {
    "unknown distance": (ValueError, "distance one of .*'cosine'.*got 'ssim'", A, A, {"distance": "ssim"}),
    "missing layer": (ValueError, "features_y with the layers .*'b'", AB, A, {}),
    "one layer too many": (ValueError, "features_x with the layers .*'b'", A, AB, {}),
    "unknown layer": (ValueError, "features_x with the layers .*'c'", A, A, {"weights": {"c": 1}}),
    "empty weights": (ValueError, "at least one layer", A, A, {"weights": {}}),
    "no features": (ValueError, "at least one layer", {}, {}, {}),
    "shapes": (ValueError, r"'a' of equal shape.*\(4, 4, 3\) and \(3, 4, 3\)", A, {"a": ARRAY[1:]}, {}),
    "broadcasting": (ValueError, "equal shape", {"a": ARRAY[None]}, A, {}),
    "vectors": (ValueError, r"\[..., h, w, c\]", {"a": ARRAY[0]}, {"a": ARRAY[0]}, {}),
    "nothing": (ValueError, "none empty", {"a": ARRAY[:0]}, {"a": ARRAY[:0]}, {}),
    "integers": (TypeError, "'a' of a floating dtype.*int32", A, {"a": ARRAY.astype(np.int32)}, {}),
    "arrays": (TypeError, "features_x by layer.*ndarray", ARRAY, ARRAY, {}),
    "mean of a batch": (
        ValueError, r"a distance of shape \(2,\), got \(\)",
        {"a": np.stack([ARRAY] * 2)}, {"a": np.stack([ARRAY] * 2)}, {"distance": lambda x, y: (x - y).mean()},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_error(case: str) -> None:
    error, words, x, y, options = ERRORS[case]
    with pytest.raises(error, match=f"^perceptual_loss: expected .*{words}.*[.] .+[.]"):
        jaxloss.perceptual_loss(x, y, **options)


def test_errors_come_at_trace_time() -> None:
    shapes = {"a": jax.ShapeDtypeStruct((4, 4, 3), jnp.float32)}, {"a": jax.ShapeDtypeStruct((4, 5, 3), jnp.float32)}
    with pytest.raises(ValueError, match="equal shape"):
        jax.eval_shape(jaxloss.perceptual_loss, *shapes)
