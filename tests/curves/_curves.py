"""Curves as the model has them, under all conditions."""

import numpy as np

from jaxloss.sde import CONDITIONS, Curve


def random_curves() -> dict[str, dict[str, Curve]]:
    """Six of each condition, of twelve measurements, with additive volatilities."""
    rng = np.random.default_rng(5)
    curves: dict[str, dict[str, Curve]] = {}
    for condition, kappa in zip(CONDITIONS, (0.3, 0.4, 0.1, 0.2), strict=True):
        curves[condition] = {}
        for number in range(6):
            share = np.cumsum(rng.uniform(0.02, 0.08, 12))
            steps = np.diff(share)
            change = -(1 + kappa**2 / 2) * steps + kappa * np.sqrt(steps) * rng.normal(size=11)
            curves[condition][f"curve {number}"] = Curve(share, 0.6 * np.exp(np.cumsum([0, *change])))
    return curves
