"""Laws of the mask: 1 counts, 0 does not exist, and weights are relative."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import Metric
from tests.contract.cases import Function, every_masked_metric, random_pair, small, small_shape


@functools.cache
def value_and_gradients(name: str, function: Function) -> Function:
    """Scores and the gradients of their sum, compiled once per metric (`name` is the key of the cache)."""

    def total(x: jax.Array, y: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        scores = function(x, y, mask=mask)
        return scores.sum(), scores

    return jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))


def evaluate(row: Metric, x: np.ndarray, y: np.ndarray, mask: np.ndarray) -> tuple[jax.Array, jax.Array, jax.Array]:
    (_, scores), (gradient_x, gradient_y) = compiled(row)(x, y, mask)
    return scores, gradient_x, gradient_y


@functools.cache
def compiled(row: Metric) -> Function:
    return value_and_gradients(row.name, small(row))


def blot(row: Metric) -> np.ndarray:
    """A mask with a hole wider than a window at the border and single missing pixels elsewhere, `[H, W]`."""
    height, width = small_shape(row)
    mask = np.ones((height, width), np.float32)
    mask[: height // 2, width // 2 :] = 0
    mask[-2:, ::5] = 0
    return mask


@every_masked_metric
def test_mask_of_ones_changes_nothing(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    scores = small(row)(x, y)
    ones = np.ones(x.shape[:-1], np.float32)
    for mask in (ones, ones[0], ones.astype(bool), jnp.ones(ones.shape, jnp.bfloat16)):
        np.testing.assert_allclose(small(row)(x, y, mask=mask), scores, rtol=1e-5, atol=1e-6)


@every_masked_metric
def test_mask_changes_something(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    masked = small(row)(x, y, mask=blot(row))
    assert (np.abs(masked - small(row)(x, y)) > 1e-5).all()
    np.testing.assert_array_equal(masked, small(row)(x, y, mask=blot(row) > 0))


@every_masked_metric
def test_one_mask_serves_a_batch(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    both = np.stack([blot(row), blot(row)[:, ::-1]])
    scores = small(row)(x, y, mask=both)
    np.testing.assert_allclose(scores[0], small(row)(x, y, mask=blot(row))[0], rtol=1e-6)
    np.testing.assert_allclose(scores[1], small(row)(x[1], y[1], mask=both[1]), rtol=1e-5, atol=1e-6)


@every_masked_metric
@pytest.mark.parametrize("junk", [0.0, 7.0, np.nan, np.inf], ids=["black", "large", "nan", "inf"])
def test_pixels_outside_have_no_influence(row: Metric, junk: float, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    inside = blot(row)[..., None] > 0
    clean = evaluate(row, x, y, blot(row))
    value = np.float32(junk)
    spoiled = evaluate(row, np.where(inside, x, value), np.where(inside, y, -value), blot(row))
    for expected, result in zip(clean, spoiled, strict=True):
        np.testing.assert_array_equal(result, expected)
    for gradient in spoiled[1:]:
        np.testing.assert_array_equal(np.where(inside, 0, gradient), 0)
        assert np.count_nonzero(gradient) > 0.9 * inside.sum() * 2 * 3


@every_masked_metric
def test_weights_are_relative(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    weights = (blot(row) * rng.random(blot(row).shape)).astype(np.float32)
    results, halved = evaluate(row, x, y, weights), evaluate(row, x, y, 0.5 * weights)
    for result, half in zip(results, halved, strict=True):
        np.testing.assert_allclose(half, result, rtol=1e-5, atol=1e-7)
    assert (np.abs(results[0] - evaluate(row, x, y, blot(row))[0]) > 1e-6).all()


@every_masked_metric
def test_empty_mask_scores_nan_with_a_gradient_of_zero(row: Metric, rng: np.random.Generator) -> None:
    """No pixel has no score; and the image without pixels does not spoil the gradient of the others."""
    x, y = random_pair(row, rng, 2)
    full = np.broadcast_to(blot(row), x.shape[:-1])
    first_empty = full * np.array([0, 1], np.float32)[:, None, None]
    scores, *gradients = evaluate(row, x, y, first_empty)
    expected, *expected_gradients = evaluate(row, x, y, full)
    np.testing.assert_array_equal(scores, [np.nan, expected[1]])
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_array_equal(gradient[0], 0)
        np.testing.assert_array_equal(gradient[1], expected_gradient[1])
