import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from jaxloss.metrics._fsim import power_difference, shrink
from tests.ops.test_fourier import congruency


YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def pool(z: np.ndarray, f: int) -> np.ndarray:
    """MATLAB's `conv2(z, ones(f) / f^2, "same")` at every f-th pixel."""
    before = (f - 1) // 2
    padded = np.pad(z, (before, f))
    rows, columns = (range(0, side, f) for side in z.shape)
    return np.array([[padded[i : i + f, j : j + f].mean() for j in columns] for i in rows])


def scharr(z: np.ndarray) -> np.ndarray:
    kernel = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(z, 1), (3, 3))
    return np.hypot((windows * kernel).sum((2, 3)), (windows * kernel.T).sum((2, 3)))


def similarity(a: np.ndarray, b: np.ndarray, c: float) -> np.ndarray:
    return (2 * a * b + c) / (a * a + b * b + c)


def truth(x: np.ndarray, y: np.ndarray, f: int = 1) -> dict[str, np.ndarray]:
    """The authors' MATLAB code in float64, of images `[H, W, 3]` in [0, 255]."""
    x_yiq, y_yiq = ([pool(channel, f) for channel in np.moveaxis(z @ YIQ.T, -1, 0)] for z in (x, y))
    pc_x, pc_y = congruency(x_yiq[0], 1e-4), congruency(y_yiq[0], 1e-4)
    gray = similarity(pc_x, pc_y, 0.85) * similarity(scharr(x_yiq[0]), scharr(y_yiq[0]), 160)
    chroma = np.prod([similarity(x_yiq[i], y_yiq[i], 200) for i in (1, 2)], axis=0)
    color = gray * np.real(chroma.astype(complex) ** 0.03)
    weight = np.maximum(pc_x, pc_y)
    means = {name: (s * weight).sum() / weight.sum() for name, s in (("fsim", gray), ("fsimc", color))}
    return {**means, "fsim_map": gray, "fsimc_map": color}


@functools.partial(jax.jit, static_argnames="names")
def scores(x, y, data_range, names=("fsim", "fsimc", "fsim_map", "fsimc_map")):
    return {name: getattr(jaxloss, name)(x, y, data_range=data_range) for name in names}


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """With the maps, and with chroma that is opposite in places."""
    y = crop_photograph(1, 24, 27)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    x[:, :9] = x[:, :9, ::-1]
    expected, results = truth(255 * x, 255 * y), scores(x, y, 1.0)
    for name, result in results.items():
        np.testing.assert_allclose(np.squeeze(result), expected[name], rtol=1e-9)


@pytest.mark.parametrize("shape", [(384, 390), (640, 641), (383, 500)])
def test_shrinks_as_the_authors_code(rng, shape):
    """Rounded half up, with cells around every f-th pixel; piq rounds to even and leaves the rest out."""
    image = jnp.asarray(rng.random((*shape, 1), np.float32))
    factor = int(min(shape) / 256 + 0.5)
    shrunk, dropped = jax.jit(lambda z: (shrink(z, "matlab"), shrink(z, "average")))(image)
    np.testing.assert_allclose(shrunk[..., 0], pool(np.asarray(image)[..., 0], factor), rtol=1e-5)
    assert dropped.shape[:2] == tuple(side // round(min(shape) / 256) for side in shape)
    assert shrink(image, "none") is image


def test_power_of_a_negative_number():
    """Its real part; with a finite slope where it has none."""
    d = np.asarray([0.0, 0.5, 1.0, 1.5, 2.0], np.float32)
    for exponent in (0.03, 0.4, 1.0):
        expected = 1 - np.real((1 - d).astype(complex) ** exponent)
        value, slope = jax.jit(jax.vmap(jax.value_and_grad(lambda z, p=exponent: power_difference(z, p))))(d)
        np.testing.assert_allclose(value, expected, atol=1e-7)
        assert np.isfinite(slope).all()


GOLDENS = {
    "goldhill_jpeg.gif goldhill.gif": {"fsim": 0.89691},
    "i01_01_5.bmp I01.BMP": {"fsim": 0.93674, "fsimc": 0.92587},
}


@pytest.mark.parametrize("names", GOLDENS)
def test_published_values(shared_data: Path, names: str) -> None:
    """MATLAB's, as piq's tests have them."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    results = scores(x, y, 255.0, names=tuple(GOLDENS[names]))
    for name, expected in GOLDENS[names].items():
        np.testing.assert_allclose(results[name], expected, atol=1e-5)
