"""BRISQUE and NIQE in slow float64 NumPy, written from the papers and the authors' MATLAB code."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import gamma


SHAPES = np.arange(0.2, 10.0005, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def gray(image: np.ndarray, *, rounded: bool = True) -> np.ndarray:
    """Of values in [0, 255], as MATLAB's rgb2gray of 8-bit images."""
    if image.shape[-1] == 1:
        return image[..., 0].astype(np.float64)
    luma = image.astype(np.float64) @ (0.298936021293775, 0.587043074451121, 0.114020904255103)
    return np.floor(luma + 0.5) if rounded else luma


def normalize(z: np.ndarray, border: Any) -> np.ndarray:
    tap = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    window = np.outer(tap, tap) / tap.sum() ** 2
    padded = np.pad(z, 3, mode=border)
    mean, squares = ((sliding_window_view(p, (7, 7)) * window).sum((2, 3)) for p in (padded, padded**2))
    return (z - mean) / (np.sqrt(np.abs(squares - mean**2)) + 1)


def halve(z: np.ndarray) -> np.ndarray:
    """`imresize(z, 0.5)`: at each output pixel, along columns and rows, the weights of its neighbors one by one."""
    for _ in range(2):
        n, rows = len(z), []
        for i in range(-(-n // 2)):
            center = 2 * i + 0.5
            near = range(int(center) - 5, int(center) + 7)
            weights = np.array([cubic((j - center) / 2) for j in near])
            mirrored = [j if 0 <= j < n else -1 - j if j < 0 else 2 * n - 1 - j for j in near]
            rows.append(weights @ z[mirrored] / weights.sum())
        z = np.array(rows).T
    return z


def cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def asymmetric(v: np.ndarray) -> tuple[float, float, float]:
    """Shape, and deviations to the left and to the right."""
    left, right = (np.sqrt((v[side] ** 2).mean()) for side in (v < 0, v > 0))
    g = left / right
    ratio = np.abs(v).mean() ** 2 / (v**2).mean() * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    return SHAPES[np.argmin((RATIOS - ratio) ** 2)], left, right


def products(z: np.ndarray) -> list[np.ndarray]:
    return [z * np.roll(z, shift, (0, 1)) for shift in ((0, 1), (1, 0), (1, 1), (-1, 1))]


def brisque(image: np.ndarray, params: Any) -> float:
    z, features = gray(image), []
    for _ in range(2):
        pixels = normalize(z, "constant")
        variance = (pixels**2).mean()
        shape = SHAPES[np.argmin(np.abs(variance / np.abs(pixels).mean() ** 2 - 1 / RATIOS))]
        features += [shape, variance]
        for pair in products(pixels):
            a, left, right = asymmetric(pair)
            mean = (right - left) * gamma(2 / a) / gamma(1 / a) * np.sqrt(gamma(1 / a) / gamma(3 / a))
            features += [a, mean, left**2, right**2]
        z = halve(z)
    params = {name: np.asarray(part, np.float64) for name, part in params.items()}
    f = 2 * (np.array(features) - params["lowest"]) / (params["highest"] - params["lowest"]) - 1
    score = -params["offset"]
    for vector, coefficient in zip(params["vectors"], params["coefficients"], strict=True):
        score += coefficient * np.exp(-params["gamma"] * ((f - vector) ** 2).sum())
    return float(score)


def niqe(image: np.ndarray, params: Any, block_size: int = 96) -> float:
    z = gray(image)
    height, width = (side // block_size * block_size for side in z.shape)
    z, scales = z[:height, :width], []
    for side in (block_size, block_size // 2):
        pixels = normalize(z, "edge")
        rows, columns = (range(0, length, side) for length in z.shape)
        scales.append([block_features(pixels[i : i + side, j : j + side]) for i in rows for j in columns])
        z = halve(z)
    features = np.concatenate(scales, axis=1)
    difference = np.asarray(params["mean"], np.float64) - features.mean(0)
    covariance = (np.asarray(params["covariance"], np.float64) + np.cov(features.T)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(covariance) @ difference))


def block_features(pixels: np.ndarray) -> list[float]:
    features = []
    for i, v in enumerate((pixels, *products(pixels))):
        a, left, right = asymmetric(v)
        left, right = (side * np.sqrt(gamma(1 / a) / gamma(3 / a)) for side in (left, right))
        mean = (right - left) * gamma(2 / a) / gamma(1 / a)
        features += [a, mean, left, right] if i else [a, (left + right) / 2]
    return features
