"""The losses of Zhao et al. against a NumPy version of their loss layers."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxloss
from tests.parity._pairs import add_noise, blur, reduce_contrast


Load = Callable[..., np.ndarray]


class Layer(NamedTuple):
    """Value of a loss over patches [N, K, K, C] and its gradient with respect to them, in float64."""

    value: float
    gradient: np.ndarray


SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)


def patch_windows(size: int) -> np.ndarray:
    """Gaussians as large as the patch, [scales, K, K, 1]."""
    square = (np.arange(size) - size // 2) ** 2
    windows = np.stack([np.exp(-(square[:, None] + square) / (2 * sigma**2)) for sigma in SIGMAS])[..., None]
    return windows / windows.sum(axis=(1, 2, 3), keepdims=True)


def ms_ssim_layer(x: np.ndarray, y: np.ndarray) -> Layer:
    """One minus l of the widest Gaussian times cs of all, at the center of each patch, averaged over N and C.

    The gradient divides by each cs, as the layer does.
    """
    windows, c1, c2 = patch_windows(x.shape[1]), 0.01**2, 0.03**2

    def mean(z: np.ndarray) -> np.ndarray:  # [scales, N, 1, 1, C]
        return np.stack([(window * z).sum(axis=(1, 2), keepdims=True) for window in windows])

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2, mean(x * y) - mu_x * mu_y
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    contrast = (2 * cov + c2) / (var_x + var_y + c2)
    score = luminance[-1] * contrast.prod(axis=0)

    w = windows[:, None]
    d_luminance = 2 * w * (mu_y - mu_x * luminance) / (mu_x**2 + mu_y**2 + c1)
    d_contrast = 2 * w * ((y - mu_y) - contrast * (x - mu_x)) / (var_x + var_y + c2)
    slope = (d_luminance[-1] + luminance[-1] * (d_contrast / contrast).sum(axis=0)) * contrast.prod(axis=0)
    return Layer(1 - score.mean(), -slope / score.size)


def ms_ssim_l1_layer(x: np.ndarray, y: np.ndarray, alpha: float) -> Layer:
    """alpha of that, and 1 - alpha of the absolute differences summed under the widest Gaussian."""
    structural, widest = ms_ssim_layer(x, y), patch_windows(x.shape[1])[-1]
    count = x.shape[0] * x.shape[-1]
    absolute = (widest * np.abs(x - y)).sum() / count
    slope = widest * np.sign(x - y) / count
    return Layer(
        alpha * structural.value + (1 - alpha) * absolute,
        alpha * structural.gradient + (1 - alpha) * slope,
    )


PATCH = 31  # pixels, as in the paper


def patches(image: np.ndarray) -> np.ndarray:
    starts = [(0, 0), (20, 50), (66, 100), (40, 7)]
    return np.stack([image[i : i + PATCH, j : j + PATCH] for i, j in starts])


@jax.jit
@jax.value_and_grad
def multi_sigma_ssim(x: jax.Array, y: jax.Array) -> jax.Array:
    return jaxloss.multi_sigma_ssim_loss(x, y, data_range=1.0, window_size=PATCH).mean()


@jax.jit
@jax.value_and_grad
def mix(x: jax.Array, y: jax.Array, alpha: float) -> jax.Array:
    return jaxloss.mix_loss(x, y, data_range=1.0, alpha=alpha, window_size=PATCH).mean()


@pytest.mark.parametrize("distort", [add_noise, blur, reduce_contrast])
@pytest.mark.parametrize("alpha", [None, 0.025, 0.84])
def test_loss_layers_of_zhao(alpha: float | None, distort: Callable, load: Load) -> None:
    """0.025 is the share of the structural term in the authors' code, 0.84 in their paper; None: that term only."""
    image = load("kodim08", 97, 131)
    y, x = patches(image), patches(distort(image))
    doubles = x.astype(np.float64), y.astype(np.float64)
    expected = ms_ssim_layer(*doubles) if alpha is None else ms_ssim_l1_layer(*doubles, alpha)

    value, gradient = multi_sigma_ssim(x, y) if alpha is None else mix(x, y, alpha)
    assert value == pytest.approx(expected.value, abs=1e-5)
    assert np.linalg.norm(gradient - expected.gradient) < 1e-4 * np.linalg.norm(expected.gradient)
