import jax
import numpy as np
import pytest

from jaxloss.ops._neighborhoods import neighborhood_covariance


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("shape", [(2, 10, 6), (1, 9, 13), (1, 4, 12)], ids=str)
def test_covariance(shape, rng):
    """Of whole blocks, with remainders along both axes, and where there is no block."""
    planes = 3 + rng.random(shape)
    covariance, slope = jax.jit(lambda z: jax.jvp(neighborhood_covariance, (z,), (z,)))(planes)
    for plane, found in zip(planes, covariance, strict=True):
        neighborhoods = np.lib.stride_tricks.sliding_window_view(plane, (3, 3)).reshape(-1, 9)
        np.testing.assert_allclose(found, np.cov(neighborhoods.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(slope, 2 * covariance, atol=1e-12)
