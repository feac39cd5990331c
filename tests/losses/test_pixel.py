import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.mark.parametrize("epsilon", [1e-3, 0.1])
def test_charbonnier_equals_the_formula(rng, epsilon):
    x, y = rng.random((2, 3, 5, 4, 2))
    expected = (np.sqrt((x - y) ** 2 + epsilon**2) - epsilon).mean(axis=(1, 2, 3))
    value = jaxloss.charbonnier_loss(jnp.float32(x), jnp.float32(y), epsilon=epsilon)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_charbonnier_is_quadratic_at_the_tip():
    """Where sqrt(d² + e²) - e would have lost all its digits."""
    x = jnp.full((2, 2, 1), 1e-6)
    value, gradient = jax.value_and_grad(jaxloss.charbonnier_loss)(x, jnp.zeros_like(x))
    np.testing.assert_allclose(value, 1e-12 / 2e-3, rtol=1e-5)
    np.testing.assert_allclose(gradient, 1e-6 / 1e-3 / 4, rtol=1e-5)


def test_charbonnier_tip_must_be_positive():
    image = jnp.zeros((2, 2, 1))
    with pytest.raises(ValueError, match="epsilon > 0"):
        jaxloss.charbonnier_loss(image, image, epsilon=0.0)
