"""Metrics of sets in float64 NumPy, written from the papers: slow, and computed in none of the package's ways."""

from collections.abc import Callable

import numpy as np


Kernel = Callable[[np.ndarray, np.ndarray], float]


def features(seed: int, count: int, dimension: int, shift: float = 0.0) -> np.ndarray:
    """Correlated and positive, as behind a ReLU; float32."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, dimension)) @ np.random.default_rng(99).normal(size=(dimension, dimension))
    return np.maximum(mixed + 2 + shift, 0).astype(np.float32)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """By the eigenvalues of the product of the covariances."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * roots.sum())


def gaussian(a: np.ndarray, b: np.ndarray, sigma: float) -> float:
    return float(np.exp(-((a - b) ** 2).sum() / (2 * sigma**2)))


def cubic(a: np.ndarray, b: np.ndarray) -> float:
    return float((a @ b / a.size + 1) ** 3)


def mmd(x: np.ndarray, y: np.ndarray, kernel: Kernel, *, unbiased: bool) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)

    def mean(z: np.ndarray) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j or not unbiased]
        return float(np.mean(pairs))

    return mean(x) + mean(y) - 2 * float(np.mean([kernel(a, b) for a in x for b in y]))


def neighborhoods(x: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radii of x and of y, and the distances `[n, m]` between them."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))

    radii = [np.sort(distances(z, z), axis=1)[:, k] for z in (x, y)]  # the nearest is the row itself
    return radii[0], radii[1], distances(x, y)


def inception_score(parts: list[np.ndarray]) -> tuple[float, float]:
    """Of the probabilities of each part."""
    scores = []
    for part in parts:
        divergence = (part * (np.log(part) - np.log(part.mean(0)))).sum(1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def vendi(x: np.ndarray, order: float) -> float:
    x = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(x @ x.T / len(x))
    shares = shares[shares > 1e-12]
    if order == 1:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    return float(1 / shares.max() if np.isinf(order) else (shares**order).sum() ** (1 / (1 - order)))
