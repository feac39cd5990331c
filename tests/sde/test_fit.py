"""The fit: its formulas, its likelihood, an optimizer, and the F-test."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from jaxloss.sde import PerceptualLossModel, equal_volatility_test, fit, log_likelihood
from tests.sde._curves import random_curves


LOSSES, SHARES = random_curves(np.random.default_rng(0), -1.2, 0.5, [7, 3, 12, 1])


def total_log_likelihood(model: PerceptualLossModel) -> jax.Array:
    curves = zip(LOSSES, SHARES, strict=True)
    return jnp.stack([log_likelihood(model, losses, shares) for losses, shares in curves]).sum()


def test_estimates_are_the_formulas() -> None:
    ratios = np.concatenate([np.diff(np.log(losses)) for losses in LOSSES])
    steps = np.concatenate([np.diff(shares) for shares in SHARES])
    count, total = 23, steps.sum()
    nu = ratios.sum() / total
    squares = ((ratios - nu * steps) ** 2 / steps).sum()
    found = fit(LOSSES, SHARES, level=0.9)
    assert (found.increments, found.curves, found.level, found.degrees_of_freedom) == (23, 4, 0.9, 22)
    np.testing.assert_allclose(found.span, total)
    np.testing.assert_allclose(found.likeliest.sigma, np.sqrt(squares / count))
    np.testing.assert_allclose(found.likeliest.mu, nu + squares / count / 2)
    variance = squares / (count - 1)
    np.testing.assert_allclose(found.variance, variance)
    np.testing.assert_allclose(found.mu.value, nu + variance / 2)
    np.testing.assert_allclose(found.mu.standard_error**2, variance / total + variance**2 / 2 / (count - 1))
    np.testing.assert_allclose(found.kappa.standard_error**2, variance / 2 / (count - 1))
    chi = stats.chi(count - 1)
    np.testing.assert_allclose(found.kappa.value, np.sqrt(squares) / chi.mean())
    np.testing.assert_allclose(found.kappa[2:], np.sqrt(squares) / chi.ppf([0.95, 0.05]))
    half = stats.t(count - 1).ppf(0.95) * np.sqrt(variance / total)
    np.testing.assert_allclose(found.log_drift, [nu, np.sqrt(variance / total), nu - half, nu + half])
    square = np.square(found.kappa[2:])
    below, above = np.hypot(half, (variance - square[0]) / 2), np.hypot(half, (square[1] - variance) / 2)
    np.testing.assert_allclose(found.mu[2:], [found.mu.value - below, found.mu.value + above])


@pytest.mark.usefixtures("float64")
def test_likeliest_model_has_the_largest_likelihood() -> None:
    found = fit(LOSSES, SHARES)

    def of_vector(vector: jax.Array) -> jax.Array:
        return total_log_likelihood(PerceptualLossModel(vector[0], vector[1]))

    likeliest = jnp.array([found.likeliest.mu, found.likeliest.sigma])
    value, gradient = jax.jit(jax.value_and_grad(of_vector))(likeliest)
    np.testing.assert_allclose(value, found.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-9)
    information = -jax.jit(jax.hessian(of_vector))(likeliest)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    # Degrees of freedom stand for increments, in the estimate and in its error.
    shrink = np.sqrt(found.increments / found.degrees_of_freedom)
    np.testing.assert_allclose(found.kappa.standard_error, errors[1] * shrink**2, rtol=1e-9)
    np.testing.assert_allclose(found.mu.standard_error, errors[0] * shrink, rtol=0.01)


@pytest.mark.usefixtures("float64")
def test_optimizer_and_closed_form_agree() -> None:
    losses, shares = map(np.stack, random_curves(np.random.default_rng(1), -1.2, 0.5, [9] * 6))
    found, optimizer = fit(losses, shares).likeliest, optax.lbfgs()

    def objective(vector: jax.Array) -> jax.Array:
        model = PerceptualLossModel(vector[0], jnp.exp(vector[1]))
        return -log_likelihood(model, losses, shares).sum()

    @jax.jit
    def step(vector: Any, state: optax.OptState) -> tuple[Any, optax.OptState]:
        value, gradient = jax.value_and_grad(objective)(vector)
        updates, state = optimizer.update(gradient, state, vector, value=value, grad=gradient, value_fn=objective)
        return optax.apply_updates(vector, updates), state

    vector = jnp.zeros(2)
    state = optimizer.init(vector)
    with jax.numpy_dtype_promotion("standard"):  # Optax counts in int32 and indexes in int64.
        for _ in range(30):
            vector, state = step(vector, state)
    np.testing.assert_allclose([vector[0], np.exp(vector[1])], np.array([found.mu, found.sigma]), rtol=1e-6)


def test_curves_come_in_several_forms() -> None:
    one = fit(LOSSES[2], SHARES[2])
    assert one == fit([LOSSES[2]], [SHARES[2]]) == fit(LOSSES[2].tolist(), jnp.asarray(SHARES[2], jnp.float32)) or (
        np.allclose(one.mu, fit(LOSSES[2].tolist(), jnp.asarray(SHARES[2])).mu, rtol=1e-4)
    )
    grid = np.array([0.1, 0.3, 0.7])
    rows = np.array([[0.6, 0.5, 0.3], [0.5, 0.45, 0.2]])
    expected = fit(list(rows), [grid, grid])
    assert fit(rows, np.stack([grid, grid])) == fit(rows, grid) == fit(rows.tolist(), grid.tolist()) == expected
    assert expected.curves == 2


def test_f_test_against_scipy() -> None:
    one, other = fit(LOSSES[:2], SHARES[:2]), fit(LOSSES[2:], SHARES[2:])
    law = stats.f(one.degrees_of_freedom, other.degrees_of_freedom)
    ratio = one.variance / other.variance
    found = equal_volatility_test(one, other)
    np.testing.assert_allclose(found.statistic, ratio)
    np.testing.assert_allclose(found.p_value, 2 * min(law.cdf(ratio), law.sf(ratio)))
    np.testing.assert_allclose(equal_volatility_test(other, one).p_value, found.p_value)


def test_a_curve_of_smaller_steps_does_not_tell_the_trend_better() -> None:
    rng = np.random.default_rng(1)
    coarse, fine = (fit(*random_curves(rng, -1.0, 0.5, [length])) for length in (10, 5000))
    assert fine.kappa.standard_error < 0.1 * coarse.kappa.standard_error
    assert fine.mu.standard_error > 0.4


GOOD = ([0.6, 0.5, 0.4, 0.35], [0.1, 0.2, 0.3, 0.5])


@pytest.mark.parametrize(
    ("losses", "shares", "message"),
    [
        ([0.6, 0.0, 0.4, 0.3], GOOD[1], "losses > 0 and finite in curve 0, got 0.0 at position 1. .*never reaches 0"),
        ([0.6, -0.1, 0.4, 0.3], GOOD[1], "losses > 0 and finite in curve 0, got -0.1 at position 1"),
        ([0.6, 0.5, np.nan, 0.3], GOOD[1], "losses > 0 and finite in curve 0, got nan at position 2"),
        (GOOD[0], [0.1, 0.3, 0.2, 0.5], "shares that increase in curve 0, got 0.3 and then 0.2 at position 2. Sort"),
        (GOOD[0], [0.1, 0.2, 0.2, 0.5], "shares that increase in curve 0, got 0.2 and then 0.2 .*merge"),
        (GOOD[0], [0.1, 0.2, np.nan, 0.5], "shares that increase in curve 0, got 0.2 and then nan"),
        (GOOD[0][:3], GOOD[1][:3], "at least 3 increments in all curves, got 2. .*pool more curves"),
        (GOOD[0], GOOD[1][:3], r"losses and shares \[n\], n >= 2, in curve 0, got \(4,\) and \(3,\)"),
        ([0.5], [0.1], r"losses and shares \[n\], n >= 2, in curve 0, got \(1,\) and \(1,\)"),
        ([GOOD[0], GOOD[0]], [GOOD[1]] * 3, "as many curves of losses as of shares, got 2 and 3"),
        ([GOOD[0], [0.3, 0.2]], [GOOD[1], [0.2, 0.1]], "shares that increase in curve 1"),
        (np.exp([-0.1, -0.2, -0.3, -0.5]), GOOD[1], "curves with some randomness, got exactly exponential ones"),
        ([0.5] * 4, GOOD[1], "curves with some randomness"),
    ],
)
def test_refusals(losses, shares, message: str) -> None:
    with pytest.raises(ValueError, match=f"^fit: expected {message}"):
        fit(losses, shares)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level(level: float) -> None:
    with pytest.raises(ValueError, match=r"^fit: expected level between 0 and 1, got"):
        fit(*GOOD, level=level)
