"""Counts of neighbors against all distances in float64."""

import jax
import numpy as np
import pytest

from jaxloss.sets import density_coverage, precision_recall
from tests.sets._numpy import features, neighborhoods


X, Y = features(1, 40, 4), features(2, 30, 4, shift=1.0)


def test_precision_and_recall() -> None:
    radii_x, radii_y, distances = neighborhoods(X, Y, 3)
    found = jax.jit(precision_recall)(X, Y)
    expected = (distances <= radii_y[None]).any(1).mean(), (distances <= radii_x[:, None]).any(0).mean()
    assert 0.2 < min(expected) < max(expected) < 1
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert jax.jit(precision_recall)(X, X) == (1, 1)


def test_density_and_coverage() -> None:
    _, radii, distances = neighborhoods(X, Y, 5)
    inside = distances < radii[None]
    found = jax.jit(density_coverage)(X, Y)
    expected = inside.sum() / (5 * len(X)), inside.any(0).mean()
    assert 0.2 < expected[0] and 0.2 < expected[1] < 1
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_equal_sets_with_images_twice() -> None:
    """Their distances are 0, which rounding must not make larger."""
    twice = np.concatenate([X[:8], X[:8], X[:8], X[:8]])
    assert jax.jit(precision_recall)(twice, twice) == (1, 1)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"at least 4 rows of y, got 3. An image with 3 neighbors is one of more"):
        jax.eval_shape(precision_recall, X, Y[:3])
    with pytest.raises(ValueError, match="at least 6 rows of x, got 5"):
        jax.eval_shape(density_coverage, X[:5], Y)
    with pytest.raises(ValueError, match="neighbors >= 1, got 0"):
        density_coverage(X, Y, neighbors=0)
