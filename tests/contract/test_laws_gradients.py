"""Laws of the gradients: finite wherever a user can get to, and the same in every mode."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import Metric
from tests.contract.cases import every_metric, random_pair, small, small_shape


Derivative = Callable[[jax.Array], jax.Array]


def hard_pairs(row: Metric, rng: np.random.Generator) -> tuple[dict[str, bool], np.ndarray, np.ndarray]:
    """Pairs at which careless gradients are not finite, by name; True where the images are equal."""
    texture = rng.random((*small_shape(row), 3), np.float32)
    black, gray, white = (np.full_like(texture, value) for value in (0.0, 0.5, 1.0))
    dot = black.copy()
    dot[5, 6] = 1
    pairs = {
        "identical": (texture, texture),
        "both black": (black, black),
        "both white": (white, white),
        "both gray": (gray, gray),
        "black, white": (black, white),
        "white, black": (white, black),
        "inverted": (1 - texture, texture),
        "texture, gray": (texture, gray),
        "gray, texture": (gray, texture),
        "texture, black": (texture, black),
        "black, texture": (black, texture),
        "dot, black": (dot, black),
        "almost black": (1e-20 * texture, black),
    }
    x, y = (np.stack(side) for side in zip(*pairs.values(), strict=True))
    return {name: a is b for name, (a, b) in pairs.items()}, x, y


@every_metric
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def test_gradients_are_finite_at_the_hard_points(row: Metric, dtype: jnp.dtype, rng: np.random.Generator) -> None:
    names, *images = hard_pairs(row, rng)
    x, y = (jnp.asarray(z).astype(dtype) for z in images)

    @jax.jit
    def evaluate(x: jax.Array, y: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        scores, pull_back = jax.vjp(small(row), x, y)
        return scores, pull_back(jnp.ones_like(scores))

    scores, gradients = evaluate(x, y)
    for gradient in gradients:
        assert gradient.dtype == dtype
        at = dict(zip(names, np.asarray(gradient, np.float32), strict=True))
        assert [name for name in names if not np.isfinite(at[name]).all()] == []
        assert [name for name, equal in names.items() if equal and at[name].any()] == []
    assert not jnp.isnan(scores).any()


@every_metric
def test_gradient_points_the_right_way(row: Metric, rng: np.random.Generator) -> None:
    """A small step along it makes the score of each image better."""
    x, y = (jnp.asarray(z) for z in random_pair(row, rng, 2))
    sign = 1 if row.better == "higher" else -1
    value_and_gradient = jax.jit(jax.value_and_grad(lambda x: sign * small(row)(x, y).sum()))
    before, gradient = value_and_gradient(x)
    after, _ = value_and_gradient(x + 1e-3 * gradient / jnp.abs(gradient).max())
    assert after > before


@every_metric
def test_images_of_a_batch_do_not_mix(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    gradient = jax.jit(jax.grad(lambda x: small(row)(x, y)[0]))(x)
    assert gradient[0].any()
    np.testing.assert_array_equal(gradient[1], 0)


@every_metric
def test_forward_mode_is_the_transpose_of_reverse_mode(row: Metric, rng: np.random.Generator) -> None:
    images = random_pair(row, rng, 2)
    tangents = tuple(rng.normal(size=z.shape).astype(np.float32) for z in images)
    cotangent = rng.normal(size=2).astype(np.float32)

    @jax.jit
    def both_modes(*images: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        _, forward = jax.jvp(small(row), images, tangents)
        return forward, jax.vjp(small(row), *images)[1](jnp.asarray(cotangent))

    forward, backward = both_modes(*images)
    pairing = sum(jnp.vdot(g, t) for g, t in zip(backward, tangents, strict=True))
    np.testing.assert_allclose(jnp.vdot(cotangent, forward), pairing, rtol=1e-4)


@every_metric
@pytest.mark.usefixtures("float64")
def test_derivatives_are_those_of_finite_differences(row: Metric, rng: np.random.Generator) -> None:
    """First and second order, in both modes and their mixtures, along a random direction of both images at once."""
    x, y = (jnp.asarray(z, jnp.float64) for z in random_pair(row, rng))
    # Off the kink of |x - y|, across which no finite difference is a derivative.
    x = jnp.where(jnp.abs(x - y) < 0.01, y + 0.02, x)
    u, v = (jnp.asarray(rng.normal(size=z.shape)) for z in (x, y))

    def score(t: jax.Array) -> jax.Array:
        return small(row)(x + t * u, y + t * v)

    def forward(function: Derivative) -> Derivative:
        return lambda t: jax.jvp(function, (t,), (jnp.ones_like(t),))[1]

    slope, reverse_slope = forward(score), jax.grad(score)

    @jax.jit
    def derivatives(t: jax.Array) -> tuple[jax.Array, ...]:
        return score(t), slope(t), reverse_slope(t), forward(reverse_slope)(t), jax.grad(slope)(t)

    step = 1e-5
    before, here, after = map(derivatives, jnp.array([-step, 0.0, step]))
    first, second = ((after[order] - before[order]) / (2 * step) for order in (0, 1))
    np.testing.assert_allclose(here[1:], [first, first, second, second], rtol=1e-6, atol=1e-6)
