"""Contextual and ID-MRF losses: the equations of the paper in NumPy, their laws and their gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss._types import Features
from jaxloss.backbones._features import BACKBONES


EPSILON = 1e-5
# Compiled whole: operation by operation the many shapes and options would take minutes.
contextual_loss = jax.jit(jaxloss.contextual_loss, static_argnames="center")
mrf_loss = jax.jit(jaxloss.mrf_loss, static_argnames="center")


def contextual(x: np.ndarray, y: np.ndarray, bandwidth: float = 0.5, center: str = "channel") -> float:
    """Equations 2 to 5 of Mechrez et al. 2018 for features `[h, w, c]`, pair by pair, with their constant b = 1."""
    if center == "channel":
        mean = y.mean(axis=(0, 1))
    else:
        mean = y.mean(axis=-1, keepdims=True) if center == "position" else 0.0
    x, y = ((z - mean).reshape(-1, z.shape[-1]) for z in (x, y))
    similarity = np.zeros((len(x), len(y)))
    for i, a in enumerate(x):
        cosines = np.array([a @ b / np.sqrt((a @ a) * (b @ b)) for b in y])
        distances = (1 - cosines) / 2
        weights = np.exp((1 - distances / (distances.min() + EPSILON)) / bandwidth)
        similarity[i] = weights / weights.sum()
    return -np.log(np.mean([similarity[:, j].max() for j in range(len(y))]))


def features(rng: np.random.Generator, *leading: int, side: int = 5) -> Features:
    """Positive ones, as behind a ReLU, of two layers."""
    shapes = {"first": (side + 1, side, 7), "second": (4, side, 6)}
    return {layer: rng.random((*leading, *shape)).astype(np.float32) for layer, shape in shapes.items()}


def in_float64(features: Features) -> dict[str, np.ndarray]:
    return {layer: np.asarray(z, np.float64) for layer, z in features.items()}


def test_value_equals_the_paper(rng: np.random.Generator) -> None:
    x, y = features(rng), features(rng)
    a, b = in_float64(x), in_float64(y)
    options: list[dict[str, Any]] = [
        {},
        {"bandwidth": 0.1},
        {"center": "position"},
        {"center": "none", "bandwidth": 1.0},
    ]
    for option in options:
        terms = {layer: contextual(a[layer], b[layer], **option) for layer in a}
        np.testing.assert_allclose(contextual_loss(x, y, **option), sum(terms.values()), rtol=1e-5)
        value = mrf_loss(x, y, weights={"second": 3.0}, **option)
        np.testing.assert_allclose(value, 3 * terms["second"], rtol=1e-5)


def test_images_may_differ_in_size(rng: np.random.Generator) -> None:
    x, y = features(rng, side=4), features(rng, side=6)
    a, b = in_float64(x), in_float64(y)
    expected = sum(contextual(a[layer], b[layer]) for layer in a)
    np.testing.assert_allclose(contextual_loss(x, y), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"mrf_loss: expected features of equal shape to center by position, got"):
        mrf_loss(x, y, center="position")


def test_centered_by_the_batch(rng: np.random.Generator) -> None:
    """As the authors do: the caller subtracts the mean, and the batch's loss is the mean of those of its images."""
    x, y = features(rng, 3), features(rng, 3)
    mean = {layer: z.mean(axis=(0, 1, 2), keepdims=True) for layer, z in y.items()}
    x, y = ({layer: z - mean[layer] for layer, z in side.items()} for side in (x, y))
    a, b = in_float64(x), in_float64(y)
    expected = [sum(contextual(a[layer][n], b[layer][n], center="none") for layer in a) for n in range(3)]
    np.testing.assert_allclose(contextual_loss(x, y, center="none"), expected, rtol=1e-5)


def test_where_a_feature_is_does_not_matter(rng: np.random.Generator) -> None:
    y = features(rng)
    turned = {layer: z[::-1, ::-1] for layer, z in y.items()}
    other = features(rng)
    assert abs(contextual_loss(turned, y)) < 1e-5 < 0.1 < contextual_loss(other, y)


def test_range(rng: np.random.Generator) -> None:
    """From 0 to the logarithm of the number of positions of the reference, which a flat one reaches."""
    y = {"only": features(rng)["first"]}
    flat = {"only": np.ones((6, 5, 7), np.float32)}
    np.testing.assert_allclose(contextual_loss(flat, flat), np.log(30), rtol=1e-6)
    assert 0 <= contextual_loss(y, y) < 1e-5
    one = {"only": y["only"][:1, :1]}
    assert contextual_loss(y, one, center="none") == 0


@pytest.mark.parametrize("center", ["channel", "position", "none"])
def test_gradients_are_finite_at_the_hard_points(rng: np.random.Generator, center: str) -> None:
    """Equal features, none, flat ones, doubled ones; of one image of a batch, which do not spoil the other."""
    random = rng.random((4, 5, 6))
    flat = np.full_like(random, 0.3)
    doubled = np.concatenate([random[:2], random[:2]])
    pairs = [(random, random), (0 * random, 0 * random), (random, 0 * random), (0 * random, random), (flat, flat)]
    pairs += [(flat, random), (random, flat), (doubled, doubled), (1e-20 * random, random), (1e4 * random, random)]
    x, y = (np.stack(side).astype(np.float32) for side in zip(*pairs, strict=True))

    @jax.jit
    def evaluate(x: jax.Array, y: jax.Array) -> jax.Array:
        return contextual_loss({"a": x}, {"a": y}, center=center).sum()

    value, gradients = jax.jit(jax.value_and_grad(evaluate, argnums=(0, 1)))(x, y)
    assert np.isfinite(value)
    for side in gradients:
        assert np.isfinite(side).all()


@pytest.mark.usefixtures("float64")
def test_gradient_is_that_of_finite_differences(rng: np.random.Generator) -> None:
    x, y, u, v = rng.random((4, 4, 3, 5))

    def loss(t: Any) -> jax.Array:
        x_features, y_features = {"a": jnp.asarray(x) + t * u}, {"a": jnp.asarray(y) + t * v}
        return contextual_loss(x_features, y_features, bandwidth=0.5 + t)

    slope, value = jax.jit(jax.grad(loss))(0.0), jax.jit(loss)
    np.testing.assert_allclose(slope, (value(1e-6) - value(-1e-6)) / 2e-6, rtol=1e-6)
    assert jnp.isfinite(jax.jit(jax.grad(jax.grad(loss)))(0.0))


def test_batches_and_transformations(rng: np.random.Generator) -> None:
    x, y = features(rng, 2, 3), features(rng, 2, 3)
    values = contextual_loss(x, y)
    assert values.shape == (2, 3)
    one = [{layer: z[1, 2] for layer, z in side.items()} for side in (x, y)]
    np.testing.assert_allclose(values[1, 2], contextual_loss(*one), rtol=1e-5)
    mapped = jax.jit(jax.vmap(jax.vmap(contextual_loss)))(x, y)
    np.testing.assert_allclose(mapped, values, rtol=1e-5)
    half = {layer: z.astype(jnp.bfloat16) for layer, z in x.items()}
    assert contextual_loss(half, y).dtype == jnp.float32
    weights, a, b = {"first": 2.0}, in_float64(x), in_float64(y)
    expected = [[contextual(a["first"][i, j], b["first"][i, j], 0.25) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(mrf_loss(x, y, weights=weights, bandwidth=0.25), 2 * np.array(expected), rtol=1e-5)


def test_training_brings_the_features_of_the_reference(rng: np.random.Generator) -> None:
    """With a wrong sign or direction it would not get there: at the end each feature of y has one near it in x."""
    x, y = (jnp.asarray(z, jnp.float32) for z in rng.normal(size=(2, 5, 5, 8)))
    step = jax.jit(jax.value_and_grad(lambda x: contextual_loss({"a": x}, {"a": y}, center="none")))
    before, _ = step(x)
    for _ in range(300):
        x = x - 3 * step(x)[1]
    after, _ = step(x)
    assert after < 0.3 * before


@pytest.mark.parametrize("name", ["mechrez", "mechrez_content", "gmcnn", "gmcnn_pytorch"])
def test_conventions_name_layers_of_the_network(rng: np.random.Generator, name: str) -> None:
    mrf = name.startswith("gmcnn")
    table = jaxloss.MRF_CONVENTIONS if mrf else jaxloss.CONTEXTUAL_CONVENTIONS
    options: dict[str, Any] = dict(table[name])
    shapes = {layer: (3, 4, 5) for layer in options["weights"]}
    x, y = ({layer: jnp.asarray(rng.random(shape), jnp.float32) for layer, shape in shapes.items()} for _ in range(2))
    a, b = in_float64(x), in_float64(y)
    expected = sum(
        weight * contextual(a[layer], b[layer], 0.5, options["center"]) for layer, weight in options["weights"].items()
    )
    loss = mrf_loss if mrf else contextual_loss
    np.testing.assert_allclose(loss(x, y, **options), expected, rtol=1e-5)
    assert set(options["weights"]) <= {layer.name for layer in BACKBONES["vgg19"]}


def test_sampled_positions(rng: np.random.Generator) -> None:
    """One key takes the same positions of both images, each at most once, and gradients come back to them alone."""
    x = features(rng, 2)
    y = {layer: 2 * z for layer, z in x.items()}
    key = jax.random.key(0)
    sample_positions = jax.jit(jaxloss.sample_positions, static_argnames="count")
    chosen, doubled = (sample_positions(key, side, count=25) for side in (x, y))
    assert chosen["first"].shape == (2, 25, 1, 7)
    np.testing.assert_array_equal(chosen["second"], x["second"])
    assert jax.eval_shape(lambda: jaxloss.sample_positions(key, x, count=20))["second"].shape == x["second"].shape
    np.testing.assert_array_equal(doubled["first"], 2 * chosen["first"])
    for image, sampled in zip(x["first"].reshape(2, 30, 7), chosen["first"][:, :, 0], strict=True):
        rows = {tuple(row) for row in np.asarray(sampled).tolist()}
        assert len(rows) == 25 and rows <= {tuple(row) for row in np.asarray(image).tolist()}
    other = sample_positions(jax.random.key(1), x, count=25)
    assert (other["first"] != chosen["first"]).any()
    gradient = jax.grad(lambda z: sample_positions(key, {"a": z}, count=25)["a"].sum())(x["first"])
    assert gradient.sum() == 2 * 25 * 7 and set(np.unique(gradient)) == {0, 1}
    assert jnp.isfinite(contextual_loss(chosen, doubled)).all()


def test_errors(rng: np.random.Generator) -> None:
    x = features(rng)
    with pytest.raises(ValueError, match="contextual_loss: expected bandwidth > 0, got 0"):
        jaxloss.contextual_loss(x, x, bandwidth=0.0)
    with pytest.raises(ValueError, match=r"mrf_loss: expected center one of \['channel', .*\], got 'y'"):
        jaxloss.mrf_loss(x, x, center="y")
    with pytest.raises(ValueError, match="contextual_loss: expected features of layer 'first' of equal shape"):
        jaxloss.contextual_loss(x, {**x, "first": x["second"]})
    with pytest.raises(ValueError, match="sample_positions: expected count >= 1, got 0"):
        jaxloss.sample_positions(jax.random.key(0), x, count=0)
