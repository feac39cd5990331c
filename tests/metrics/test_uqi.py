import functools

import jax
import numpy as np
import pytest

import jaxloss


def truth(x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
    """The authors' MATLAB code in float64, window by window, of one channel."""
    windows = [np.lib.stride_tricks.sliding_window_view(z, (side, side)).reshape(-1, side * side) for z in (x, y)]
    found = []
    for a, b in zip(*windows, strict=True):
        means, variances = 2 * a.mean() * b.mean(), a.var() + b.var()
        squares = a.mean() ** 2 + b.mean() ** 2
        covariance = 2 * ((a - a.mean()) * (b - b.mean())).mean()
        if squares * variances != 0:
            found.append(means * covariance / (squares * variances))
        else:
            found.append(means / squares if squares else 1.0)
    return np.array(found).reshape(np.array(x.shape) - side + 1)


@functools.partial(jax.jit, static_argnames="window_size")
def score_and_map(x, y, mask=None, window_size=8):
    options = {"mask": mask, "window_size": window_size}
    return jaxloss.uqi(x, y, **options), jaxloss.uqi_map(x, y, **options)


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """Where windows of both images are flat or black, too."""
    y = crop_photograph(1, 26, 30)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    x[:10, :12], y[:10, :12] = 0.25, 0.75
    x[:10, 16:], y[:10, 16:] = 0, 0
    expected = np.stack([truth(x[..., i], y[..., i], 8) for i in range(3)], axis=-1)
    score, field = score_and_map(x, y)
    np.testing.assert_allclose(field, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(score, expected.mean(), rtol=1e-10)


def test_flat_windows_count_as_flat_in_single_precision(rng):
    """Whatever the rounding of their means: what is left of the index is that of the means."""
    for gray in rng.random(20, np.float32):
        x, y = (np.full((16, 16, 1), value, np.float32) for value in (gray, gray / 2))
        np.testing.assert_allclose(score_and_map(x, y)[0], 0.8, rtol=1e-5)


def test_single_precision_sees_little_contrast(crop_photograph, rng):
    """A hundredth of the mean: no digit of it is left in a mean of squares less the square of the mean."""
    y = (0.9 + 0.01 * crop_photograph(1, 20, 22)[0, ..., :1]).astype(np.float32)
    x = (y + 0.002 * rng.standard_normal(y.shape)).astype(np.float32)
    expected = truth(x[..., 0].astype(np.float64), y[..., 0].astype(np.float64), 8)
    np.testing.assert_allclose(score_and_map(x, y)[1][..., 0], expected, atol=1e-3)


def test_mask_weighs_pixels_of_windows_and_their_centers(crop_photograph):
    x, y = crop_photograph(2, 20, 22)
    mask = np.ones(y.shape[:2], np.float32)
    mask[:, 14:] = 0
    score, _ = score_and_map(x, y, mask)
    inside, _ = score_and_map(x[:, :14], y[:, :14])
    assert abs(score - inside) < 0.1 and score != inside
