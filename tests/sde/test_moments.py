"""The law after a span of share, against quadrature over the Brownian motion and SciPy's log-normal distribution."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from scipy import optimize, stats

from jaxloss import sde
from jaxloss.sde import PerceptualLossModel


# Compiled whole: operation by operation takes longer.
mean, variance, covariance, moment = map(jax.jit, (sde.mean, sde.variance, sde.covariance, sde.moment))
log_mean, median, mode, quantile = map(jax.jit, (sde.log_mean, sde.median, sde.mode, sde.quantile))
transition_log_density = jax.jit(sde.transition_log_density)
MU, KAPPA, INITIAL = -1.5, 0.7, 0.45
MODEL = PerceptualLossModel(mu=MU, sigma=0.6, eta=0.3, xi=0.2)
SPANS = np.array([0.05, 0.3, 1.0])
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()

pytestmark = pytest.mark.usefixtures("float64")


def solution(span: np.ndarray, brownian: np.ndarray) -> np.ndarray:
    return INITIAL * np.exp((MU - KAPPA**2 / 2) * span + KAPPA * brownian)


def expectation(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = [function(solution(span, np.sqrt(span) * NODES)) @ WEIGHTS for span in SPANS]
    return np.array(values)


def test_moments() -> None:
    average = expectation(lambda d: d)
    np.testing.assert_allclose(mean(MODEL, INITIAL, SPANS), average, rtol=1e-12)
    spread = expectation(lambda d: d**2) - average**2
    np.testing.assert_allclose(variance(MODEL, INITIAL, SPANS), spread, rtol=1e-10)
    np.testing.assert_allclose(log_mean(MODEL, INITIAL, SPANS), expectation(np.log), rtol=1e-12)
    for order in (-1.5, 0.5, 3):
        expected = expectation(lambda d, order=order: d**order)
        np.testing.assert_allclose(moment(MODEL, INITIAL, SPANS, order), expected, rtol=1e-12)


def test_covariance() -> None:
    """W at the later span is W at the earlier plus an independent increment."""
    s, t = 0.3, 0.8
    early = np.sqrt(s) * NODES[:, None]
    late = early + np.sqrt(t - s) * NODES
    product = WEIGHTS @ (solution(np.array(s), early) * solution(np.array(t), late)) @ WEIGHTS
    expected = product - np.prod(np.asarray(mean(MODEL, INITIAL, np.array([s, t]))))
    np.testing.assert_allclose(covariance(MODEL, INITIAL, s, t), expected, rtol=1e-10)
    np.testing.assert_allclose(covariance(MODEL, INITIAL, t, s), expected, rtol=1e-10)
    np.testing.assert_allclose(covariance(MODEL, INITIAL, t, t), variance(MODEL, INITIAL, t), rtol=1e-12)


def test_quantiles_and_mode() -> None:
    law = stats.lognorm(s=KAPPA * np.sqrt(SPANS), scale=INITIAL * np.exp((MU - KAPPA**2 / 2) * SPANS))
    np.testing.assert_allclose(median(MODEL, INITIAL, SPANS), law.median(), rtol=1e-12)
    for level in (0.01, 0.25, 0.95):
        np.testing.assert_allclose(quantile(MODEL, INITIAL, SPANS, level), law.ppf(level), rtol=1e-12)
    for span, found in zip(SPANS, np.asarray(mode(MODEL, INITIAL, SPANS)), strict=True):
        highest = optimize.minimize_scalar(
            lambda y, span=span: -float(transition_log_density(MODEL, y, INITIAL, span)),
            bounds=(0.2 * found, 5 * found),
            method="bounded",
            options={"xatol": 1e-12},
        )
        np.testing.assert_allclose(found, highest.x, rtol=1e-6)


def test_negative_volatility_has_the_law_of_its_absolute_value() -> None:
    """A prompt that reduces more than there is: the law knows kappa² only."""
    turned = PerceptualLossModel(mu=MU, sigma=0.2, xi=0.9)
    np.testing.assert_allclose(quantile(turned, INITIAL, SPANS, 0.9), quantile(MODEL, INITIAL, SPANS, 0.9), rtol=1e-12)


FUNCTIONS: dict[str, Callable[..., jax.Array]] = {
    "log_mean": log_mean,
    "mean": mean,
    "variance": variance,
    "median": median,
    "mode": mode,
    "moment": lambda model, initial, span: moment(model, initial, span, 2.5),
    "quantile": lambda model, initial, span: quantile(model, initial, span, 0.9),
    "covariance": lambda model, initial, span: covariance(model, initial, span, 0.4),
    "density": lambda model, initial, span: transition_log_density(model, 0.3, initial, span),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_transformations(name: str) -> None:
    function = jax.jit(FUNCTIONS[name])
    rows = np.random.default_rng(0).uniform(0.5, 1.0, (3, 4))
    models = PerceptualLossModel(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])
    batch = jax.jit(jax.vmap(lambda model: function(model, INITIAL, 0.5)))(models)
    each = [function(PerceptualLossModel(*row), INITIAL, 0.5) for row in rows]
    np.testing.assert_allclose(batch, np.stack(each), rtol=1e-13)
    np.testing.assert_allclose(function(models, INITIAL, 0.5), batch, rtol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_equal_finite_differences(name: str) -> None:
    def scalar(vector: Any) -> jax.Array:
        return FUNCTIONS[name](PerceptualLossModel(*vector[:4]), vector[4], vector[5])

    point, step = np.array([MU, 0.6, 0.3, 0.2, INITIAL, 0.5]), 1e-6
    evaluate = jax.jit(jax.value_and_grad(scalar))
    differences = [(evaluate(point + d)[0] - evaluate(point - d)[0]) / (2 * step) for d in step * np.eye(6)]
    np.testing.assert_allclose(evaluate(point)[1], np.stack(differences), rtol=1e-6, atol=1e-8)
