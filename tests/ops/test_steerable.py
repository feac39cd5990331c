import jax
import numpy as np
import pytest
from scipy.signal import correlate2d

from jaxloss.ops._steerable import BAND, FIRST, LOW, complex_bands, steerable_bands
from tests.reference import steerable_numpy


def mirrored_filter(z: np.ndarray, taps: np.ndarray, step: int = 1) -> np.ndarray:
    return correlate2d(np.pad(z, len(taps) // 2, mode="reflect"), taps, mode="valid")[::step, ::step]


def test_filters_are_those_published():
    """Of matlabPyrTools: the sums of each, and that the derivative answers a ramp along rows alone."""
    np.testing.assert_allclose([FIRST.sum(), LOW.sum()], [1, 2], atol=1e-2)
    assert (FIRST.shape, LOW.shape, BAND.shape) == ((5, 5), (9, 9), (7, 7))
    np.testing.assert_allclose(BAND.sum(axis=1), 0, atol=1e-15)
    assert BAND[3, 4] == 0.11732297 and BAND[0, 0] == 0.00277643


@pytest.mark.usefixtures("float64")
def test_bands_of_small_filters(rng):
    """At odd and even sides; and in float32."""
    planes = rng.random((2, 21, 26))
    evaluate = jax.jit(lambda z: steerable_bands(z, levels=2))
    bands, singles = evaluate(planes), evaluate(planes.astype(np.float32))
    for k, plane in enumerate(planes):
        low = mirrored_filter(plane, FIRST)
        for of_level, single in zip(bands, singles, strict=True):
            for band, expected in zip(of_level[k], (BAND, BAND.T), strict=True):
                np.testing.assert_allclose(band, mirrored_filter(low, expected), atol=1e-14)
            assert single.dtype == np.float32
            np.testing.assert_allclose(single[k], of_level[k], atol=1e-6)
            low = mirrored_filter(low, LOW, 2)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("level", "orientations"), [(1, 3), (3, 4)])
def test_complex_bands(level, orientations, rng):
    """At sides that are even, odd, and odd after halving."""
    planes = rng.random((1, 37, 42))
    bands = jax.jit(lambda z: complex_bands(z, level=level, orientations=orientations))(planes)
    np.testing.assert_allclose(bands[0], steerable_numpy.complex_bands(planes[0], level, orientations), atol=1e-12)
