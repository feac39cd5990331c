"""The distance on the host, from states and from statistics."""

import jax
import numpy as np
import pytest

from jaxloss.sets import Statistics, frechet_score, host_statistics, init_moments, update_moments
from tests.sets._numpy import features, frechet


def test_score_has_the_digits_of_float64() -> None:
    """Of float32 features; of few, by the eigenvalues of their singular covariances, and only if that is asked for."""
    x, y = features(1, 60, 5), features(2, 60, 5, shift=0.5)
    update = jax.jit(lambda x, mask: update_moments(init_moments(5), x, mask=mask))
    rows = np.arange(60)
    first, second, few, fewer = (update(z, rows < n) for z, n in ((x, 60), (y, 50), (x, 4), (y, 3)))
    expected = frechet(x, y[:50])
    assert frechet_score(first, second) == pytest.approx(expected, rel=1e-10)
    assert frechet_score(first, host_statistics(second)) == pytest.approx(expected, rel=1e-10)
    assert frechet_score(first, first) == pytest.approx(0, abs=1e-10)
    with pytest.raises(ValueError, match="more than d = 5 rows of x, got 4"):
        frechet_score(few, second)
    assert frechet_score(few, fewer, allow_singular=True) == pytest.approx(frechet(x[:4], y[:3]), rel=1e-5)


def test_errors() -> None:
    normal = [Statistics(np.zeros(d), np.eye(d)) for d in (3, 4)]
    with pytest.raises(ValueError, match=r"frechet_score: expected means of shape \[d\].*, got \(3,\), \(3, 3\)"):
        frechet_score(*normal)
