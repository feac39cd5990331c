from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.fft import dctn

import jaxloss
from jaxloss.images import read_image


def truth(x: np.ndarray, y: np.ndarray) -> float:
    """The authors' MATLAB code in float64, of images `[H, W]` in [0, 255]."""
    x_dct, y_dct = transformed(x), transformed(y)
    score = total = 0.0
    for u in range(8):
        for v in range(8):
            weight = np.exp(-((u + 0.5) ** 2 + (v + 0.5) ** 2) / (2 * 1.55**2))
            if weight >= 0.01:
                score += weight * similarity(x_dct[:, :, u, v], y_dct[:, :, u, v], u == v == 0)
                total += weight
    return score / total


def transformed(z: np.ndarray) -> np.ndarray:
    rows, columns = z.shape[0] // 8, z.shape[1] // 8
    blocks = [[z[8 * i : 8 * i + 8, 8 * j : 8 * j + 8] for j in range(columns)] for i in range(rows)]
    return np.asarray(dctn(np.array(blocks), norm="ortho", axes=(2, 3)))


def similarity(x: np.ndarray, y: np.ndarray, first: bool) -> float:
    c = 1000 if first else 300
    var_x, var_y = moment(x, x).clip(0), moment(y, y).clip(0)
    both = np.sqrt(var_x * var_y)
    score = worst((2 * both + c) / (var_x + var_y + c))
    return score * worst((moment(x, y) + c) / (both + c)) if first else score


def moment(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return mean(a * b) - mean(a) * mean(b)


def mean(z: np.ndarray) -> np.ndarray:
    """imfilter(z, fspecial('gaussian', 3, 1.5)): beyond the border all is 0."""
    window = np.exp(-np.array([[2, 1, 2], [1, 0, 1], [2, 1, 2]]) / (2 * 1.5**2))
    padded, out = np.pad(z, 1), np.empty_like(z)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            out[i, j] = (window * padded[i : i + 3, j : j + 3]).sum() / window.sum()
    return out


def worst(values: np.ndarray) -> float:
    count = int(np.floor(0.05 * values.size + 0.5))
    return np.sort(values.ravel())[:count].mean()


dss = jax.jit(jaxloss.dss)


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """5 % of 4 x 4 blocks are one, and of 5 x 6, which MATLAB rounds up, two; with flat parts; in another unit."""
    for shape, unit, flat in (((33, 38), 255.0, 0), ((47, 50), 1.0, 30)):
        y = crop_photograph(1, *shape)[0].astype(np.float64)
        x = np.clip(y + 0.2 * rng.standard_normal(y.shape), 0, 1)
        y[:flat, :flat] = x[:flat, flat:] = 0.9
        expected = truth(*(255 * z @ (0.299, 0.587, 0.114) for z in (x, y)))
        np.testing.assert_allclose(dss(unit * x, unit * y, data_range=unit), expected, rtol=1e-9)


def test_equal_coefficients_have_no_gradient(rng):
    """Of a periodic image, whose blocks are the same: what differs is rounding. Nor have its borders, if both do."""
    y = np.tile(rng.random((8, 8, 1), np.float32), (6, 6, 1))
    gradient = np.asarray(jax.jit(jax.grad(lambda z: jaxloss.dss(z, y, data_range=1.0)))(0.5 * y))
    assert np.isfinite(gradient).all() and gradient.any()
    np.testing.assert_array_equal(gradient[16:-16, 16:-16], 0)


GOLDENS = {"goldhill_jpeg.gif goldhill.gif": 0.45217181, "i01_01_5.bmp I01.BMP": 0.77177436}


@pytest.mark.parametrize("names", GOLDENS)
def test_published_values(shared_data: Path, names: str) -> None:
    """As piq's tests have them."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    np.testing.assert_allclose(dss(x, y, data_range=255.0), GOLDENS[names], atol=2e-4)
