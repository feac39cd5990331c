"""The Fréchet distance against the eigenvalues of the product of covariances, and its derivatives."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.sets import Statistics, frechet_distance, frechet_of_statistics
from tests.sets._numpy import features, frechet


X, Y = features(1, 60, 5), features(2, 50, 5, shift=0.5)
FEW_X, FEW_Y = features(3, 4, 5), features(4, 3, 5)


def of_few(x: jax.Array, y: jax.Array) -> jax.Array:
    return frechet_distance(x, y, allow_singular=True)


def normal(x: np.ndarray) -> Statistics:
    return Statistics(x.mean(0), np.cov(x, rowvar=False))


def test_values_in_float32() -> None:
    """Near-equal sets keep their digits, equal ones are at 0, and gradients are finite there."""
    evaluate = jax.jit(jax.value_and_grad(frechet_distance, argnums=(0, 1)))
    value, _ = evaluate(X, Y)
    np.testing.assert_allclose(value, frechet(X, Y), rtol=3e-6)
    near = (1.001 * X).astype(np.float32)
    np.testing.assert_allclose(evaluate(X, near)[0], frechet(X, near), rtol=1e-3)
    value, slopes = evaluate(X, X)
    assert 0 <= value < 1e-9 and max(np.abs(slope).max() for slope in slopes) < 1e-5
    dead = np.where(np.arange(5) == 2, 0, X).astype(np.float32)
    assert all(np.isfinite(slope).all() for slope in evaluate(dead, dead)[1])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("function", "x", "y"), [(frechet_distance, X, Y), (of_few, FEW_X, FEW_Y)], ids=["many", "few"]
)
def test_derivatives_are_finite_differences(
    function: Callable[..., jax.Array], x: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> None:
    """In both modes, and of second order, by both sets."""
    sets = x.astype(np.float64), y.astype(np.float64)
    directions = [rng.normal(size=z.shape) for z in sets]

    @jax.jit
    def evaluate(*moved: jax.Array) -> tuple[jax.Array, jax.Array, Any, Any]:
        value, forward = jax.jvp(function, moved, tuple(map(jnp.asarray, directions)))
        return value, forward, *jax.jvp(jax.grad(function, argnums=(0, 1)), moved, tuple(map(jnp.asarray, directions)))

    value, forward, slopes, changes = evaluate(*map(jnp.asarray, sets))
    np.testing.assert_allclose(value, frechet(*sets), rtol=1e-7)  # of few, the eigenvalues are no better
    after, before = (evaluate(*(z + t * d for z, d in zip(sets, directions, strict=True))) for t in (1e-5, -1e-5))
    reverse = sum((np.asarray(s) * d).sum() for s, d in zip(slopes, directions, strict=True))
    np.testing.assert_allclose([forward, reverse], [(after[0] - before[0]) / 2e-5] * 2, rtol=1e-6)
    for change, a, b in zip(changes, after[2], before[2], strict=True):
        expected = np.asarray(a - b) / 2e-5
        np.testing.assert_allclose(change, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.usefixtures("float64")
def test_derivatives_of_statistics_are_finite_differences(rng: np.random.Generator) -> None:
    """Along a symmetric change."""
    first, second = (normal(z.astype(np.float64)) for z in (X, Y))
    directions = [Statistics(rng.normal(size=5), d + d.T) for d in rng.normal(size=(2, 5, 5))]
    evaluate = jax.jit(lambda *z: (frechet_of_statistics(*z), jax.grad(frechet_of_statistics, argnums=(0, 1))(*z)))
    value, slopes = evaluate(first, second)
    np.testing.assert_allclose(value, frechet(X, Y), rtol=1e-10)

    def moved(t: float) -> Any:
        return jax.tree.map(lambda z, d: z + t * d, (first, second), tuple(directions))

    after, before = (evaluate(*moved(t))[0] for t in (1e-5, -1e-5))
    slope = sum(jax.tree.leaves(jax.tree.map(lambda s, d: (np.asarray(s) * d).sum(), slopes, tuple(directions))))
    np.testing.assert_allclose(slope, (after - before) / 2e-5, rtol=1e-6)


def test_statistics_in_float32() -> None:
    """Of singular covariances, too, with gradients that are finite."""
    evaluate = jax.jit(jax.value_and_grad(frechet_of_statistics))
    for x, y, tolerance in ((X, Y, 1e-5), (FEW_X, FEW_Y, 1e-3)):
        value, slopes = evaluate(*(Statistics(*(z.astype(np.float32) for z in normal(s))) for s in (x, y)))
        np.testing.assert_allclose(value, frechet(x, y), rtol=tolerance)
        assert all(np.isfinite(slope).all() for slope in slopes)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"more than d = 5 rows of y, got 3. Its covariance is singular"):
        jax.eval_shape(frechet_distance, X, FEW_Y)
    with pytest.raises(ValueError, match="at least 2 rows of x, got 1"):
        jax.eval_shape(of_few, FEW_X[:1], FEW_Y)
    with pytest.raises(ValueError, match=r"means of shape \[d\] and covariances of shape \[d, d\], got \(5,\)"):
        jax.eval_shape(frechet_of_statistics, normal(X), normal(X[:, :4]))
