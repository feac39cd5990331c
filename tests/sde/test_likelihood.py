"""Densities against SciPy's log-normal distribution; gradients against finite differences; shapes and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxloss import sde
from jaxloss.sde import PerceptualLossModel


# Compiled whole: operation by operation takes longer.
log_likelihood, transition_log_density = jax.jit(sde.log_likelihood), jax.jit(sde.transition_log_density)

MU, KAPPA = -1.2, 0.55
MODEL = PerceptualLossModel(mu=MU, sigma=0.5, eta=0.15, xi=0.1)
SHARES = np.array([0.05, 0.1, 0.3, 0.35, 0.9])
LOSSES = np.array([[0.7, 0.72, 0.5, 0.4, 0.2], [0.5, 0.45, 0.44, 0.3, 0.35]])

pytestmark = pytest.mark.usefixtures("float64")


def density(following: np.ndarray, previous: np.ndarray, span: np.ndarray) -> np.ndarray:
    scale = previous * np.exp((MU - KAPPA**2 / 2) * span)
    return stats.lognorm.logpdf(following, s=KAPPA * np.sqrt(span), scale=scale)


def test_agrees_with_scipy() -> None:
    expected = density(LOSSES[:, 1:], LOSSES[:, :-1], np.diff(SHARES))
    spans = np.broadcast_to(np.diff(SHARES), expected.shape)
    found = transition_log_density(MODEL, LOSSES[:, 1:], LOSSES[:, :-1], spans)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for shares in (SHARES, np.stack([SHARES, SHARES])):
        np.testing.assert_allclose(log_likelihood(MODEL, LOSSES, shares), expected.sum(axis=-1), rtol=1e-12)


def test_density_integrates_to_one() -> None:
    loss = np.linspace(1e-4, 5, 200_001)
    density = np.exp(np.asarray(transition_log_density(MODEL, loss, 0.4, 0.5)))
    np.testing.assert_allclose(np.trapezoid(density, loss), 1, rtol=1e-6)


def test_gradient_equals_finite_differences() -> None:
    @jax.jit
    def value_and_gradients(vector: jax.Array) -> tuple[jax.Array, ...]:
        def scalar(vector: jax.Array) -> jax.Array:
            return log_likelihood(PerceptualLossModel(*vector), LOSSES, SHARES).sum()

        return scalar(vector), jax.grad(scalar)(vector), jax.jacfwd(scalar)(vector)

    point, step = np.array([MU, 0.5, 0.15, 0.1]), 1e-5
    values = [[value_and_gradients(point + sign * d)[0] for sign in (1, -1)] for d in step * np.eye(4)]
    differences = np.array([(above - below) / (2 * step) for above, below in values])
    for gradient in value_and_gradients(point)[1:]:
        np.testing.assert_allclose(gradient, differences, rtol=1e-8)


def test_gradient_with_respect_to_the_losses_is_finite_and_right() -> None:
    total = jax.jit(jax.value_and_grad(lambda losses: log_likelihood(MODEL, losses, SHARES).sum()))
    direction, step = np.random.default_rng(0).normal(size=LOSSES.shape), 1e-6
    expected = (total(LOSSES + step * direction)[0] - total(LOSSES - step * direction)[0]) / (2 * step)
    np.testing.assert_allclose((np.asarray(total(LOSSES)[1]) * direction).sum(), expected, rtol=1e-7)


def test_transformations() -> None:
    value = log_likelihood(MODEL, LOSSES, SHARES)
    assert value.shape == (2,)
    mapped = jax.jit(jax.vmap(log_likelihood, in_axes=(None, 0, None)))(MODEL, LOSSES, SHARES)
    np.testing.assert_allclose(mapped, value, rtol=1e-13)


def test_single_precision_suffices_for_single_curves() -> None:
    value = log_likelihood(MODEL, LOSSES.astype(np.float32), SHARES.astype(np.float32))
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, log_likelihood(MODEL, LOSSES, SHARES), rtol=1e-4)


@pytest.mark.parametrize(("losses", "shares"), [((3, 5), (4,)), ((5,), ()), ((3, 1), (1,))], ids=str)
def test_shapes_that_do_not_fit(losses: tuple[int, ...], shares: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^log_likelihood: expected losses and shares \[\.\.\., n\], n >= 2, got"):
        log_likelihood(MODEL, np.ones(losses), np.ones(shares))
