"""The model: what acts under which condition, drift and diffusion, and models as pytrees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.sde import (
    CONDITIONS,
    PerceptualLossModel,
    diffusion,
    drift,
    effective_volatility,
    log_drift,
    under_condition,
)


MODEL = PerceptualLossModel(mu=-1.5, sigma=0.4, eta=0.3, xi=0.2)


@pytest.mark.parametrize(
    ("condition", "kappa"),
    [("baseline", 0.4), ("reference", 0.4 + 0.3), ("prompt", 0.4 - 0.2), ("both", 0.4 + 0.3 - 0.2)],
)
def test_volatility_under_each_condition(condition: str, kappa: float) -> None:
    model = under_condition(MODEL, condition)
    np.testing.assert_allclose(effective_volatility(model), kappa, rtol=1e-6)
    np.testing.assert_allclose(diffusion(model, 0.5), kappa * 0.5, rtol=1e-6)
    np.testing.assert_allclose(log_drift(model), -1.5 - kappa**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(drift(model, 0.5), -0.75, rtol=1e-6)


def test_conditions_are_four_and_both_is_the_model_itself() -> None:
    assert list(CONDITIONS) == ["baseline", "reference", "prompt", "both"]
    assert under_condition(MODEL, "both") == MODEL
    with pytest.raises(ValueError, match=r"^under_condition: expected condition one of .*, got 'none'\."):
        under_condition(MODEL, "none")


@pytest.mark.usefixtures("float64")
def test_log_drift_follows_from_the_formula_of_ito() -> None:
    """d ln D = f'(D) a dS + f''(D) b² dS / 2 + ... with f = ln, its derivatives by autodiff."""
    loss = 0.37
    first, second = jax.grad(jnp.log), jax.grad(jax.grad(jnp.log))
    expected = first(loss) * drift(MODEL, loss) + second(loss) * diffusion(MODEL, loss) ** 2 / 2
    np.testing.assert_allclose(log_drift(MODEL), expected, rtol=1e-12)


def test_gradient_with_respect_to_a_model_is_a_model() -> None:
    gradient = jax.grad(effective_volatility)(MODEL)
    assert isinstance(gradient, PerceptualLossModel)
    assert jax.tree.map(float, gradient) == PerceptualLossModel(mu=0.0, sigma=1.0, eta=1.0, xi=-1.0)


def test_dtypes() -> None:
    """Plain numbers have no say; float64 wins, halves become float32; integers are refused."""
    assert drift(MODEL, np.float16(0.5)).dtype == jnp.float32
    assert drift(MODEL, 1).dtype == jnp.float32
    with jax.enable_x64(True):
        assert drift(MODEL, 0.5).dtype == jnp.float64
        assert drift(MODEL, np.float32(0.5)).dtype == jnp.float32
        assert drift(PerceptualLossModel(np.float64(1.0), 0.5), np.float32(0.5)).dtype == jnp.float64
    with pytest.raises(TypeError, match=r"^drift: expected arrays of a floating dtype, got int32\. .*jnp\.float32"):
        drift(MODEL, np.arange(3, dtype=np.int32))
