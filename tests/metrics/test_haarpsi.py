import functools
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.special import expit, logit

import jaxloss
from jaxloss.images import read_image
from tests.metrics.test_gmsd import halve


YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def haar(z: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes of the coefficients of a square wavelet, upright and turned, as MATLAB's conv2 has them."""
    kernel = np.ones((side, side)) / side
    kernel[side // 2 :] *= -1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(z, (side // 2 - 1, side // 2)), (side, side))
    return abs((windows * kernel).sum((2, 3))), abs((windows * kernel.T).sum((2, 3)))


def box(z: np.ndarray) -> np.ndarray:
    return abs(np.lib.stride_tricks.sliding_window_view(np.pad(z, (0, 1)), (2, 2)).mean((2, 3)))


def truth(x: np.ndarray, y: np.ndarray, subsample: bool) -> float:
    """The authors' code in float64, of images `[H, W, C]` in [0, 255]."""

    def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (2 * a * b + 30) / (a**2 + b**2 + 30)

    channels = [np.moveaxis(z @ YIQ.T if z.shape[-1] == 3 else z, -1, 0) for z in (x, y)]
    a, b = ([halve(channel) for channel in z] if subsample else list(z) for z in channels)
    waves = [[haar(z[0], side) for side in (2, 4, 8)] for z in (a, b)]
    local, weights = [], []
    for turned in range(2):
        fine = [similarity(waves[0][scale][turned], waves[1][scale][turned]) for scale in range(2)]
        local.append(np.mean(fine, axis=0))
        weights.append(np.maximum(waves[0][2][turned], waves[1][2][turned]))
    if len(a) == 3:
        local.append(np.mean([similarity(box(a[i]), box(b[i])) for i in (1, 2)], axis=0))
        weights.append(np.mean(weights, axis=0))
    mean = (expit(4.2 * np.array(local)) * weights).sum() / np.sum(weights)
    return (logit(mean) / 4.2) ** 2


@functools.partial(jax.jit, static_argnames="subsample")
def score(x, y, data_range=1.0, subsample=True):
    return jaxloss.haarpsi(x, y, data_range=data_range, subsample=subsample)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("subsample", [True, False])
def test_equals_the_authors_code(crop_photograph, rng, subsample):
    """Of gray images in 255 levels and of color, at odd sizes."""
    y = crop_photograph(1, 27, 22)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    np.testing.assert_allclose(score(x, y, 1.0, subsample), truth(255 * x, 255 * y, subsample), rtol=1e-10)
    x, y = 255 * x[..., :1], 255 * y[..., :1]
    np.testing.assert_allclose(score(x, y, 255.0, subsample), truth(x, y, subsample), rtol=1e-10)


def test_published_value(shared_data: Path) -> None:
    """MATLAB's, as piq's tests have it."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in ("i01_01_5.bmp", "I01.BMP"))
    np.testing.assert_allclose(score(x, y, 255.0), 0.71706527, rtol=1e-6)
