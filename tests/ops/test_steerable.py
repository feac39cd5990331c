import jax
import numpy as np
import pytest
from scipy.signal import correlate2d

from jaxloss.ops._steerable import BAND, FIRST, LOW, complex_bands, steerable_bands


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
            for band, expected in zip(of_level[:, k], (BAND, BAND.T), strict=True):
                np.testing.assert_allclose(band, mirrored_filter(low, expected), atol=1e-14)
            assert single.dtype == np.float32
            np.testing.assert_allclose(single[:, k], of_level[:, k], atol=1e-6)
            low = mirrored_filter(low, LOW, 2)


def truth(z: np.ndarray, level: int, orientations: int) -> np.ndarray:
    """`buildSCFpyr` of matlabPyrTools, level by level, with its functions instead of tables of them."""

    def transition(log_radius: np.ndarray) -> np.ndarray:
        return np.sin(np.pi / 2 * np.clip(log_radius + 1, 0, 1))  # from 0 at -1 to 1 at 0

    spectrum = np.fft.fftshift(np.fft.fft2(z))
    v, u = (np.arange(n) - n // 2 for n in z.shape)
    v, u = v[:, None] / (z.shape[0] / 2), u[None] / (z.shape[1] / 2)
    radius = np.hypot(v, u)
    radius[z.shape[0] // 2, z.shape[1] // 2] = 2 / z.shape[1]
    log_radius, angle = np.log2(radius), np.arctan2(v, u)
    low = spectrum * np.sqrt(1 - transition(log_radius) ** 2)
    for at in range(1, level + 1):
        if at > 1:
            inner = []
            for n in low.shape:
                half = -(-n // 2)
                start = n // 2 - half // 2
                inner.append(slice(start, start + half))
            low, log_radius, angle = (field[tuple(inner)] for field in (low, log_radius, angle))
            low = low * np.sqrt(1 - transition(log_radius + at - 1) ** 2)
    bands = []
    for k in range(orientations):
        cosine = np.cos(angle - np.pi * k / orientations)
        toward = np.where(cosine > 0, cosine, 0) ** (orientations - 1)
        bands.append(np.fft.ifft2(np.fft.ifftshift(low * toward * transition(log_radius + level))))
    return np.array(bands)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("level", "orientations"), [(1, 3), (3, 4)])
def test_complex_bands(level, orientations, rng):
    """At sides that are even, odd, and odd after halving."""
    planes = rng.random((1, 37, 42))
    bands = jax.jit(lambda z: complex_bands(z, level=level, orientations=orientations))(planes)
    np.testing.assert_allclose(bands[0], truth(planes[0], level, orientations), atol=1e-12)
