import functools

import jax
import numpy as np
import pytest

import jaxloss


def spectral_angle(x: np.ndarray, y: np.ndarray) -> float:
    angles = []
    for a, b in zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True):
        if a.any() and b.any():
            angles.append(np.arccos(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1)))
    return float(np.mean(angles))


def relative_error(x: np.ndarray, y: np.ndarray, ratio: float) -> float:
    bands = [np.mean((x[..., k] - y[..., k]) ** 2) / y[..., k].mean() ** 2 for k in range(x.shape[-1])]
    return float(100 * ratio * np.sqrt(np.mean(bands)))


def details(band: np.ndarray) -> np.ndarray:
    padded = np.pad(band, 1, "symmetric")
    return 9 * band - np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).sum((2, 3))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    bands = [(details(x[..., k]).ravel(), details(y[..., k]).ravel()) for k in range(x.shape[-1])]
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in bands]))


def local_correlation(x: np.ndarray, y: np.ndarray, size: int) -> float:
    height, width, channels = x.shape
    values = []
    for k in range(channels):
        padded = [np.pad(details(z[..., k]), (size // 2, (size - 1) // 2)) for z in (x, y)]
        for i in range(height):
            for j in range(width):
                a, b = (z[i : i + size, j : j + size].ravel() for z in padded)
                values.append(np.corrcoef(a, b)[0, 1])
    return float(np.mean(values))


@functools.partial(jax.jit, static_argnames="ratio")
def scores(x, y, ratio=0.25):
    local = [jaxloss.scc(x, y, window_size=size) for size in (3, 4)]
    return jaxloss.sam(x, y), jaxloss.ergas(x, y, ratio=ratio), jaxloss.scc(x, y), *local, jaxloss.sam_map(x, y)


@pytest.mark.usefixtures("float64")
def test_equal_their_definitions(rng):
    """Of nine bands, with a black pixel in either image; spectra twice as bright have the same angle."""
    y = rng.random((9, 12, 9))
    x = np.abs(y + 0.2 * rng.standard_normal(y.shape))
    x[2, 3] = y[4, 5] = 0
    angle, error, whole, of_three, of_four, field = scores(x, y, ratio=0.5)
    np.testing.assert_allclose(angle, spectral_angle(x, y), rtol=1e-12)
    np.testing.assert_allclose(error, relative_error(x, y, 0.5), rtol=1e-12)
    np.testing.assert_allclose(whole, correlation(x, y), rtol=1e-12)
    np.testing.assert_allclose(of_three, local_correlation(x, y, 3), rtol=1e-10)
    np.testing.assert_allclose(of_four, local_correlation(x, y, 4), rtol=1e-10)
    np.testing.assert_allclose(field.sum() / (9 * 12 - 2), angle, rtol=1e-12)
    assert field[2, 3] == field[4, 5] == 0
    np.testing.assert_allclose(scores(2 * x, y, ratio=0.5)[0], angle, rtol=1e-12)


def test_small_angles_are_exact():
    """To the rounding of spectra of length 1; the arc cosine of float32 has no value between 0 and 0.0003."""
    y = np.full((4, 4, 2), 0.5, np.float32)
    x = y + np.array([1e-5, -1e-5], np.float32)
    expected = spectral_angle(x.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(jax.jit(jaxloss.sam)(x, y), expected, atol=1e-7)


def test_errors_of_bands_without_light_are_infinite():
    x, y = np.zeros((2, 4, 4, 3), np.float32)
    x[0, 0, 1] = 0.5
    y[..., 0] = 1
    value, gradient = jax.jit(jax.value_and_grad(jaxloss.ergas))(x, y)
    assert value == np.inf
    np.testing.assert_array_equal(gradient, 0)


def test_correlation_of_images_without_details():
    """1 of both, or what is asked for; 0 of one alone."""
    flat, texture = np.full((6, 6, 1), 0.3, np.float32), np.eye(6, dtype=np.float32)[..., None]
    correlate = jax.jit(jaxloss.scc, static_argnames=("window_size", "flat"))
    assert [correlate(a, b) for a, b in ((flat, flat), (flat, texture), (texture, flat))] == [1, 0, 0]
    assert correlate(flat, flat, flat=0.0) == 0
    assert correlate(flat, flat, window_size=4, flat=0.25) == 0.25


def test_errors():
    gray = np.zeros((8, 8, 1), np.float32)
    for function in (jaxloss.sam, jaxloss.sam_map):
        with pytest.raises(ValueError, match=rf"^{function.__name__}: expected 2 channels or more, got \(8, 8, 1\)"):
            function(gray, gray)
    with pytest.raises(ValueError, match="window_size >= 2, got 1"):
        jaxloss.scc(gray, gray, window_size=1)
    with pytest.raises(ValueError, match="ratio > 0, got 0"):
        jaxloss.ergas(gray, gray, ratio=0)
