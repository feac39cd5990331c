"""Checks of the fit: residuals, the size and power of the tests, and likelihoods that compare."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from jaxloss.sde import diagnose, fit
from jaxloss.sde._curves import transitions
from jaxloss.sde._diagnostics import _residuals
from tests.sde._curves import random_curves


LOSSES, SHARES = random_curves(np.random.default_rng(0), -1.2, 0.5, [7, 3, 12, 1])


def test_residuals_are_standardized_increments() -> None:
    found, fitted = diagnose(LOSSES, SHARES), fit(LOSSES, SHARES)
    ratios = np.concatenate([np.diff(np.log(losses)) for losses in LOSSES])
    steps = np.concatenate([np.diff(shares) for shares in SHARES])
    standard = (ratios - fitted.log_drift.value * steps) / np.sqrt(fitted.variance * steps)
    np.testing.assert_allclose(found.residuals, standard / np.sqrt(1 - steps / steps.sum()))
    np.testing.assert_allclose(found.shares, np.concatenate([(s[1:] + s[:-1]) / 2 for s in SHARES]))
    np.testing.assert_allclose(found.normality[2:], stats.shapiro(found.residuals))


def test_residuals_of_uneven_steps_have_equal_variance() -> None:
    rng, shares = np.random.default_rng(0), np.array([0.0, 0.6, 0.7, 0.75, 1.0])
    steps = np.diff(shares)
    paths = np.exp(np.cumsum(rng.normal(size=(4000, 4)) * np.sqrt(steps), axis=1))
    residuals = np.stack([_residuals(transitions("test", [1.0, *path], shares)) for path in paths])
    np.testing.assert_allclose((residuals**2).mean(axis=0), 1, atol=0.06)


def test_ljung_box_of_one_curve() -> None:
    """Against the textbook's formula."""
    losses, shares = random_curves(np.random.default_rng(3), -1.0, 0.5, [40])
    found = diagnose(losses, shares, lags=4)
    z = found.residuals
    rho = np.array([(z[lag:] * z[:-lag]).sum() for lag in range(1, 5)]) / (z**2).sum()
    statistic = 40 * 42 * (rho**2 / (40 - np.arange(1, 5))).sum()
    assert found.autocorrelation is not None
    np.testing.assert_allclose(found.autocorrelation[2:], [statistic, stats.chi2(4).sf(statistic)])


def test_lags_do_not_reach_from_one_curve_into_another() -> None:
    losses, shares = random_curves(np.random.default_rng(3), -1.0, 0.5, [3, 4, 3])
    found = diagnose(losses, shares)
    parts = np.split(found.residuals, [3, 7])
    total = sum((part**2).sum() for part in parts)
    statistic = 0.0
    for lag, pairs in ((1, 7), (2, 4), (3, 1)):
        rho = sum((part[lag:] * part[:-lag]).sum() for part in parts) / total
        statistic += 10 * 12 * rho**2 / pairs
    assert found.autocorrelation is not None
    np.testing.assert_allclose(found.autocorrelation[2:], [statistic, stats.chi2(3).sf(statistic)])
    assert found.autocorrelation.hypothesis == "no correlation of increments up to lag 3"
    assert diagnose(np.array([[0.5, 0.4], [0.6, 0.4], [0.5, 0.45]]), np.array([0.1, 0.4])).autocorrelation is None


def test_tests_keep_their_size_and_have_power() -> None:
    rng, size = np.random.default_rng(1), 600
    lengths = [30, 20, 25, 25]
    true, smooth, heavy = [], [], []
    for _ in range(size):
        losses, shares = random_curves(rng, -1.0, 0.5, lengths)
        found = diagnose(losses, shares)
        assert found.autocorrelation is not None
        true.append((found.normality.p_value, found.autocorrelation.p_value))
    for _ in range(100):
        losses, shares = random_curves(rng, -1.0, 0.5, lengths)
        means = [np.exp((np.log(loss[1:]) + np.log(loss[:-1])) / 2) for loss in losses]
        found = diagnose(means, [share[1:] for share in shares])
        assert found.autocorrelation is not None
        smooth.append(found.autocorrelation.p_value)
        jumps = [0.5 * np.exp(np.cumsum(rng.standard_t(2, share.size)) / 10) for share in shares]
        heavy.append(diagnose(jumps, shares).normality.p_value)
    rejected = (np.array(true) < 0.05).mean(axis=0)
    assert ((rejected > 0.02) & (rejected < 0.08)).all(), rejected
    assert (np.array(smooth) < 0.05).mean() > 0.8
    assert (np.array(heavy) < 0.05).mean() > 0.8


def test_many_increments_are_tested_otherwise() -> None:
    losses, shares = random_curves(np.random.default_rng(0), -1.0, 0.5, [3000, 2001])
    found = diagnose(losses, shares)
    assert found.normality.name == "Jarque-Bera test"
    np.testing.assert_allclose(found.normality[2:], np.array([*stats.jarque_bera(found.residuals)]))


def log_density(loss: np.ndarray, mean: np.ndarray, covariance: Any) -> float:
    return float(stats.multivariate_normal.logpdf(loss, mean, covariance))


def test_aic_is_of_densities_of_the_same_losses() -> None:
    """Each as one multivariate normal density, maximized numerically around the reported optimum."""
    found = diagnose(LOSSES, SHARES).aic
    fitted = fit(LOSSES, SHARES)
    np.testing.assert_allclose(found["geometric_brownian_motion"], 4 - 2 * fitted.log_likelihood)

    def arithmetic(drift: float, scale: float) -> float:
        total = 0.0
        for loss, share in zip(LOSSES, SHARES, strict=True):
            span = share[1:] - share[0]
            total += log_density(loss[1:], loss[0] + drift * span, scale**2 * np.minimum.outer(span, span))
        return total

    def power_law(exponent: float, scale: float) -> float:
        total = 0.0
        for loss, share in zip(LOSSES, SHARES, strict=True):
            mean = np.log(loss[0]) + exponent * np.log(share[1:] / share[0])
            size = loss.size - 1
            covariance = scale**2 * (np.eye(size) + 1)
            total += log_density(np.log(loss[1:]), mean, covariance) - np.log(loss[1:]).sum()
        return total

    for name, function, start in (
        ("arithmetic_brownian_motion", arithmetic, (-0.5, 0.3)),
        ("power_law", power_law, (-0.5, 0.2)),
    ):
        best = optimize.minimize(
            lambda v, function=function: -function(v[0], np.exp(v[1])),
            (start[0], np.log(start[1])),
            method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 2000},
        )
        np.testing.assert_allclose(found[name], 4 + 2 * best.fun, rtol=1e-7)


def curves_of(model: str, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    losses, shares = random_curves(rng, -1.5, 1.0, [30, 30, 30])
    if model == "power_law":
        losses = [0.2 * share**-0.6 * np.exp(0.05 * rng.normal(size=share.size)) for share in shares]
    if model == "arithmetic_brownian_motion":
        steps = [0.8 * np.sqrt(np.diff(share)) * rng.normal(size=share.size - 1) for share in shares]
        losses = [2.5 + np.cumsum([0, *step]) for step in steps]
    return losses, shares


@pytest.mark.parametrize("model", ["geometric_brownian_motion", "arithmetic_brownian_motion", "power_law"])
def test_aic_prefers_the_model_that_made_the_curves(model: str) -> None:
    rng = np.random.default_rng(0)
    chosen = []
    for _ in range(40):
        found = diagnose(*curves_of(model, rng)).aic
        chosen.append(min(found, key=lambda name: found[name]))
    assert chosen.count(model) >= 30


def test_power_law_needs_positive_shares() -> None:
    assert "power_law" not in diagnose([0.5, 0.4, 0.3, 0.35], [0.0, 0.2, 0.3, 0.5]).aic


def test_exact_line_has_an_infinite_density() -> None:
    found = diagnose([0.5, 0.375, 0.25, 0.125], [0.0, 0.25, 0.5, 0.75]).aic
    assert found["arithmetic_brownian_motion"] == -np.inf
    assert np.isfinite(found["geometric_brownian_motion"])


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^diagnose: expected lags >= 1, got 0\."):
        diagnose(LOSSES, SHARES, lags=0)
    with pytest.raises(ValueError, match=r"^diagnose: expected losses > 0"):
        diagnose([0.5, 0.0, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4])
