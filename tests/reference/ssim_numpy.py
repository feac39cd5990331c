"""Slow float64 versions written from the papers: the truth of the tests, independent of the package."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def gaussian(size: int, sigma: float) -> np.ndarray:
    offset = np.arange(size) - (size - 1) / 2
    window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * sigma**2))
    return window / window.sum()


def windows(image: np.ndarray, size: int) -> np.ndarray:
    """[H, W, C] to [H', W', C, size, size]."""
    return sliding_window_view(image, (size, size), axis=(0, 1))


def moments(x: np.ndarray, y: np.ndarray, window: np.ndarray, mask: np.ndarray | None = None):
    """Means, variances and covariance about the window's own means (not E[x²] - µ²), [H', W', C] each."""
    size = len(window)
    weight = window
    if mask is not None:
        weight = window * windows(mask[..., None], size)
        total = weight.sum(axis=(-2, -1), keepdims=True)
        weight = weight / np.where(total > 0, total, 1)
        x, y = (np.where(mask[..., None] > 0, z, 0) for z in (x, y))
    wx, wy = windows(x, size), windows(y, size)

    def mean(z: np.ndarray) -> np.ndarray:
        return (weight * z).sum(axis=(-2, -1))

    mu_x, mu_y = mean(wx), mean(wy)
    dx, dy = wx - mu_x[..., None, None], wy - mu_y[..., None, None]
    return mu_x, mu_y, mean(dx**2), mean(dy**2), mean(dx * dy)


def components(x, y, window, *, data_range=1.0, k1=0.01, k2=0.03, mask=None, unbias=1.0):
    """Equation 6 of Wang et al. 2004 with beta = gamma = 1, as luminance and contrast-structure."""
    mu_x, mu_y, var_x, var_y, cov = moments(x, y, window, mask)
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    contrast = (2 * unbias * cov + c2) / (unbias * (var_x + var_y) + c2)
    return luminance, contrast


def ssim(x, y, window=None, **options):
    window = gaussian(11, 1.5) if window is None else window
    luminance, contrast = components(x, y, window, **options)
    field = luminance * contrast
    mask = options.get("mask")
    if mask is None:
        return field.mean()
    center = mask[len(window) // 2 :][: field.shape[0], len(window) // 2 :][:, : field.shape[1], None]
    return (center * field).sum() / (center.sum() * field.shape[-1])


def halve(image):
    """imfilter(image, ones(2)/4, 'symmetric') followed by (1:2:end, 1:2:end)."""
    padded = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="symmetric")
    mean = (padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]) / 4
    return mean[::2, ::2]


def ms_ssim(x, y, weights, **options):
    """Equation 7 of Wang, Simoncelli, Bovik 2003: per channel, then averaged."""
    score = np.ones(x.shape[-1])
    for j, weight in enumerate(weights):
        luminance, contrast = components(x, y, gaussian(11, 1.5), **options)
        last = j == len(weights) - 1
        term = (luminance * contrast if last else contrast).mean(axis=(0, 1))
        score = score * np.maximum(term, 0) ** weight
        x, y = halve(x), halve(y)
    return score.mean()


def multi_sigma_map(x, y, sigmas=(0.5, 1, 2, 4, 8), size=33, **options):
    """Equation 11 of the supplement of Zhao et al. 2017, at every pixel whose window lies in the image."""
    terms = [components(x, y, gaussian(size, sigma), **options) for sigma in sigmas]
    luminance, _ = terms[-1]
    return luminance * np.prod([contrast for _, contrast in terms], axis=0)


def mix_loss(x, y, alpha=0.84, sigmas=(0.5, 1, 2, 4, 8), size=33, data_range=1.0):
    field = multi_sigma_map(x, y, sigmas, size, data_range=data_range)
    absolute = (gaussian(size, sigmas[-1]) * windows(np.abs(x - y), size)).sum(axis=(-2, -1)) / data_range
    return (alpha * (1 - field) + (1 - alpha) * absolute).mean()
