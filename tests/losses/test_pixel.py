import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss


charbonnier_loss = jax.jit(jaxloss.charbonnier_loss, static_argnames="epsilon")


@pytest.mark.parametrize("epsilon", [1e-3, 0.1])
def test_charbonnier_equals_the_formula(rng, epsilon):
    x, y = rng.random((2, 3, 5, 4, 2))
    expected = (np.sqrt((x - y) ** 2 + epsilon**2) - epsilon).mean(axis=(1, 2, 3))
    value = charbonnier_loss(np.asarray(x, np.float32), np.asarray(y, np.float32), epsilon=epsilon)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_charbonnier_is_quadratic_at_the_tip():
    """Where sqrt(d² + e²) - e would have lost all its digits."""
    x = np.full((2, 2, 1), 1e-6, np.float32)
    value, gradient = jax.jit(jax.value_and_grad(jaxloss.charbonnier_loss))(x, np.zeros_like(x))
    np.testing.assert_allclose(value, 1e-12 / 2e-3, rtol=1e-5)
    np.testing.assert_allclose(gradient, 1e-6 / 1e-3 / 4, rtol=1e-5)


def test_charbonnier_tip_must_be_positive():
    image = jnp.zeros((2, 2, 1))
    with pytest.raises(ValueError, match="epsilon > 0"):
        jaxloss.charbonnier_loss(image, image, epsilon=0.0)


ALPHAS = [-np.inf, -1e4, -2.0, -1e-3, 0.0, 1e-7, 0.5, 1.0, 1.999, 2.0, 2.5, 4.0, np.inf]
barron_loss = jax.jit(jaxloss.barron_loss)


def general_loss(difference, alpha, scale):
    """Equation 13 of Barron 2019, with its limits."""
    squared = (difference / scale) ** 2
    if alpha == 2:
        return squared / 2
    if alpha == 0:
        return np.log1p(squared / 2)
    if np.isinf(alpha):
        return np.sign(alpha) * np.expm1(np.sign(alpha) * squared / 2)
    b = abs(alpha - 2)
    return b / alpha * np.expm1(alpha / 2 * np.log1p(squared / b))  # the power, without its cancellation


@pytest.mark.parametrize("alpha", ALPHAS)
def test_barron_equals_the_paper(rng, alpha):
    x, y = rng.random((2, 3, 5, 4, 2)).astype(np.float32)
    x[0, 0], x[1, 0] = y[0, 0] + 1e-4, y[1, 0] + np.float32(1.5)
    difference = x.astype(np.float64) - y
    for scale in (0.15, 1.0):
        expected = general_loss(difference, alpha, scale).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(barron_loss(x, y, alpha=alpha, scale=scale), expected, rtol=1e-5)


def test_barron_has_the_named_losses_as_members(rng):
    x, y = rng.random((2, 6, 5, 3)).astype(np.float32)
    squared = ((x - y) / 0.3) ** 2
    members = {
        1.0: charbonnier_loss(x, y, epsilon=0.3) / 0.3,
        2.0: np.asarray(optax.l2_loss(x / np.float32(0.3), y / np.float32(0.3))).mean(),
        -2.0: (2 * squared / (squared + 4)).mean(),
    }
    for alpha, expected in members.items():
        np.testing.assert_allclose(barron_loss(x, y, alpha=alpha, scale=0.3), expected, rtol=1e-5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("alpha", ALPHAS)
def test_barron_derivatives(rng, alpha):
    """By the images the paper's closed form; by scale, and by alpha through alpha = 0, those of finite differences."""
    x, y = rng.random((2, 4, 3, 2))
    difference, c = x - y, 0.3
    by_x, by_alpha, by_scale = barron_gradients(x, y, np.float64(alpha), np.float64(c))
    squared, b = (difference / c) ** 2, abs(alpha - 2)
    slope = np.exp(np.sign(alpha) * squared / 2) if np.isinf(alpha) else np.ones_like(squared)
    slope = slope if b == 0 or np.isinf(b) else (squared / b + 1) ** (alpha / 2 - 1)
    np.testing.assert_allclose(by_x, difference / c**2 * slope / difference.size, rtol=1e-9)
    wider, narrower = (general_loss(difference, alpha, c + step).mean() for step in (1e-6, -1e-6))
    np.testing.assert_allclose(by_scale, (wider - narrower) / 2e-6, rtol=1e-6)
    if alpha == 2 or np.isinf(alpha):
        assert by_alpha == 0
        return
    step = 1e-5 * max(1.0, abs(alpha))
    # The formula of the test cancels near 0: around there, from further away, and to the fourth order.
    step = 1e-3 if abs(alpha) < 0.01 else step
    near, far = (
        (general_loss(difference, alpha + s, c).mean() - general_loss(difference, alpha - s, c).mean()) / (2 * s)
        for s in (step, 2 * step)
    )
    np.testing.assert_allclose(by_alpha, (4 * near - far) / 3, rtol=1e-6)


def barron_loss_of(x, y, alpha, scale):
    return barron_loss(x, y, alpha=alpha, scale=scale)


barron_gradients = jax.jit(jax.grad(barron_loss_of, argnums=(0, 2, 3)))


@jax.jit
def hard_points(x, alpha):
    """Scores, their gradients by images, alpha and scale, and second derivatives of the smaller differences."""
    zero = jnp.zeros_like(x)
    gradients = jax.grad(lambda *a: barron_loss_of(*a).sum(), argnums=(0, 2, 3))(x, zero, alpha, 0.1)
    second = jax.grad(lambda x: jax.grad(lambda x: barron_loss_of(x, zero, alpha, 0.1).sum())(x)[:5].sum())(x)
    return barron_loss_of(x, zero, alpha, 0.1), gradients, second


@pytest.mark.parametrize("alpha", ALPHAS)
def test_barron_is_finite_at_the_hard_points(alpha):
    """Equal pixels, those that differ by next to nothing, and those that differ by more than exponentials can bear."""
    x = np.asarray([0, 0, 1e-30, 1e-6, 1, 1e3, 1e6, -1e6], np.float32).reshape(8, 1, 1, 1)
    scores, gradients, second = jax.tree.map(np.asarray, hard_points(x, np.float32(alpha)))
    assert np.isfinite(scores).all() and all(np.isfinite(gradient).all() for gradient in gradients)
    assert (scores[:2] == 0).all() and not gradients[0][:2].any()
    assert np.isfinite(second).all()


def test_barron_scale_must_be_positive():
    image = jnp.zeros((2, 2, 1))
    with pytest.raises(ValueError, match="barron_loss: expected scale > 0"):
        jaxloss.barron_loss(image, image, scale=0.0)
