"""Random curves of the model on irregular grids, in NumPy."""

import numpy as np


def random_curves(
    rng: np.random.Generator, mu: float, kappa: float, lengths: list[int]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Losses and shares of curves with so many increments each."""
    losses, shares = [], []
    for length in lengths:
        grid = np.cumsum(rng.uniform(0.2, 1.8, length + 1))
        share = grid / grid[-1]
        steps = np.diff(share)
        change = (mu - kappa**2 / 2) * steps + kappa * np.sqrt(steps) * rng.normal(size=length)
        losses.append(rng.uniform(0.3, 0.7) * np.exp(np.cumsum([0, *change])))
        shares.append(share)
    return losses, shares
