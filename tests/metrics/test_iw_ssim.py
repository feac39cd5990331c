import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from jaxloss.metrics._iw_ssim import information_content


SIGMA_SQUARED = 0.4
BINOMIAL = np.sqrt(2) * np.array([1, 4, 6, 4, 1]) / 16
GAUSSIAN = np.exp(-((np.arange(5) - 2) ** 2) / 4.5)
WINDOW = np.outer(GAUSSIAN, GAUSSIAN) / GAUSSIAN.sum() ** 2
BOX = np.full((3, 3), 1 / 9)


def truth(x: np.ndarray, y: np.ndarray, weights: tuple[float, ...]) -> float:
    """The authors' MATLAB code in float64 with a window of 5, of images `[H, W, 3]` in [0, 255]."""
    of_x, of_y = (pyramid(z @ (0.299, 0.587, 0.114), len(weights)) for z in (x, y))
    bits = information(of_x, of_y)
    score = 1.0
    for k, weight in enumerate(weights):
        luminance, contrast = similarity(of_x[k], of_y[k])
        if k == len(weights) - 1:
            term = (luminance * contrast).mean()
        else:
            inner = bits[k][1:-1, 1:-1]
            term = (inner * contrast).sum() / inner.sum()
        score *= term ** (weight / sum(weights))
    return score


def pyramid(image: np.ndarray, levels: int) -> list[np.ndarray]:
    """matlabPyrTools' buildLpyr."""
    details = []
    for _ in range(levels - 1):
        low = mirrored_filter(image)[::2, ::2]
        spread = np.zeros_like(image)
        spread[::2, ::2] = low
        details.append(image - mirrored_filter(spread))
        image = low
    return [*details, image]


def mirrored_filter(image: np.ndarray) -> np.ndarray:
    return local(np.pad(image, 2, "reflect"), np.outer(BINOMIAL, BINOMIAL))


def local(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    return (np.lib.stride_tricks.sliding_window_view(image, window.shape) * window).sum((2, 3))


def similarity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mu_x, mu_y = local(x, WINDOW), local(y, WINDOW)
    variances = local(x * x, WINDOW) - mu_x**2 + local(y * y, WINDOW) - mu_y**2
    contrast = (2 * (local(x * y, WINDOW) - mu_x * mu_y) + c2) / (variances + c2)
    return (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1), contrast


def information(of_x: list[np.ndarray], of_y: list[np.ndarray]) -> list[np.ndarray]:
    maps = []
    for k, (x, y) in enumerate(zip(of_x[:-1], of_y[:-1], strict=True)):
        height, width = y.shape
        blocks = [y[i : height - 2 + i, j : width - 2 + j].ravel() for i in range(3) for j in range(3)]
        if k + 1 < len(of_y) - 1:
            blocks.append(enlarge(of_y[k + 1])[1 : height - 1, 1 : width - 1].ravel())
        neighborhoods = np.array(blocks)
        covariance = neighborhoods @ neighborhoods.T / neighborhoods.shape[1]
        s = (neighborhoods * np.linalg.solve(covariance, neighborhoods)).mean(0).reshape(height - 2, width - 2)

        mean_x, mean_y = local(x, BOX), local(y, BOX)
        variance_y = local(y * y, BOX) - mean_y**2
        product = local(x * y, BOX) - mean_x * mean_y
        g = product / variance_y
        v = local(x * x, BOX) - mean_x**2 - g * product
        signal = (v + (1 + g**2) * SIGMA_SQUARED) * s
        maps.append(
            sum(
                np.log2(1 + (signal * eigenvalue + SIGMA_SQUARED * v) / SIGMA_SQUARED**2)
                for eigenvalue in np.linalg.eigvalsh(covariance)
            )
        )
    return maps


def enlarge(image: np.ndarray) -> np.ndarray:
    """The authors' imenlarge2: bilinear to 4 n - 3, a pixel more on each side, every other one."""
    for _ in range(2):
        n = len(image)
        position = np.clip((np.arange(4 * n - 3) + 0.5) * n / (4 * n - 3) - 0.5, 0, n - 1)
        large = np.array([np.interp(position, np.arange(n), column) for column in image.T])
        large = np.concatenate([2 * large[:, :1] - large[:, 1:2], large, 2 * large[:, -1:] - large[:, -2:-1]], axis=1)
        image = large[:, ::2]  # transposed: the other axis is next
    return image


WEIGHTS = (0.2, 0.3, 0.3)


@jax.jit
def small_score(x, y, data_range=255.0):
    return jaxloss.iw_ssim(x, y, data_range=data_range, weights=WEIGHTS, window_size=5)


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """At odd and even sizes; in another unit; and what is negative, which has no real power there."""
    y = 255 * crop_photograph(1, 37, 34)[0].astype(np.float64)
    x = np.clip(y + 25 * rng.standard_normal(y.shape), 0, 255)
    expected = truth(x, y, WEIGHTS)
    np.testing.assert_allclose(small_score(x, y), expected, rtol=1e-10)
    np.testing.assert_allclose(small_score(x / 255, y / 255, 1.0), expected, rtol=1e-10)
    assert small_score(255 - x, y) == 0


def test_references_that_vary_in_few_directions():
    """Stripes and flat images have covariances without an inverse: information stays finite, and so do its slopes."""
    stripes = np.tile(np.sin(np.arange(16.0, dtype=np.float32)), (2, 1, 16, 1))
    details = [np.concatenate([stripes, 0 * stripes], axis=1)[:, :, :size, :size] for size in (16, 8)]

    @jax.jit
    def total_and_gradient(details):
        def total(details):
            bits = [level.sum(axis=(1, 2)) for level in information_content(details, margin=0)]
            return functools.reduce(jnp.add, bits)

        bits, pull_back = jax.vjp(total, details)
        return bits, pull_back(jnp.ones(2))

    bits, (gradients,) = total_and_gradient(details)
    assert bits[0] > 0 and bits[1] == 0
    for gradient in gradients:
        assert np.isfinite(gradient).all()


ERRORS = {
    "odd window_size >= 3, got 4": {"window_size": 4},
    "halving one of .*piq.*simoncelli": {"halving": "burt_adelson"},
    "negative one of": {"negative": "shift"},
}


@pytest.mark.parametrize("words", ERRORS)
def test_errors(words: str) -> None:
    options: Mapping[str, Any] = ERRORS[words]
    image = np.zeros((64, 64, 1), np.float32)
    with pytest.raises(ValueError, match=words):
        jaxloss.iw_ssim(image, image, data_range=1.0, weights=(1.0, 1.0), **options)


# MATLAB's, as piq's tests have them, which take the undistorted image of the pair in color for the distorted one.
GOLDENS = {"goldhill_jpeg.gif goldhill.gif": 0.886297251092821, "I01.BMP i01_01_5.bmp": 0.946804801436296}


@pytest.mark.parametrize(
    "names", [name if name[0] == "g" else pytest.param(name, marks=pytest.mark.full) for name in GOLDENS]
)
def test_published_values(shared_data: Path, names: str) -> None:
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    score = jax.jit(lambda x, y: jaxloss.iw_ssim(x, y, data_range=255.0))(x, y)
    np.testing.assert_allclose(score, GOLDENS[names], rtol=1e-6)
