from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from tests.reference import ssim_numpy as truth


@pytest.fixture
def pair(crop_photograph, rng):
    y = crop_photograph(1, 41, 38)[0].astype(np.float64)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1), y


mix_loss = jax.jit(jaxloss.mix_loss)
SMALL: dict[str, Any] = {"sigmas": (0.5, 1.5), "window_size": 9}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("alpha", [0.84, 0.025, 0.0, 1.0])
def test_mix_equals_the_paper(pair, alpha):
    x, y = pair
    value = mix_loss(x, y, data_range=1.0, alpha=alpha)
    np.testing.assert_allclose(value, truth.mix_loss(x, y, alpha), rtol=1e-11)


def test_mix_does_not_depend_on_the_unit(pair):
    x, y = map(np.float32, pair)
    loss = jax.jit(lambda x, y, data_range: jaxloss.mix_loss(x, y, data_range=data_range, **SMALL))
    np.testing.assert_allclose(loss(255 * x, 255 * y, 255.0), loss(x, y, 1.0), rtol=1e-5)


def authors_code(x: np.ndarray, y: np.ndarray, alpha: float, sigmas=(0.5, 1, 2, 4, 8)) -> float:
    """The mixed layer of the authors' code, on patches [n, K, K, C]: everything at the center pixel only."""
    size = x.shape[1]
    luminance, contrast = np.ones(()), np.ones(())
    for sigma in sigmas:
        window = truth.gaussian(size, sigma)[..., None]
        mean = [(window * z).sum(axis=(1, 2)) for z in (x, y, x * x, y * y, x * y)]
        var_x, var_y, cov = mean[2] - mean[0] ** 2, mean[3] - mean[1] ** 2, mean[4] - mean[0] * mean[1]
        contrast = contrast * (2 * cov + 0.03**2) / (var_x + var_y + 0.03**2)
        luminance = (2 * mean[0] * mean[1] + 0.01**2) / (mean[0] ** 2 + mean[1] ** 2 + 0.01**2)
    absolute = (truth.gaussian(size, sigmas[-1])[..., None] * abs(x - y)).sum() / (x.shape[0] * x.shape[-1])
    return alpha * (1 - (luminance * contrast).mean()) + (1 - alpha) * absolute


@pytest.mark.usefixtures("float64")
def test_mix_on_patches_is_the_authors_code(rng):
    y = rng.random((4, 15, 15, 3))
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    value = jax.jit(lambda x, y: jaxloss.mix_loss(x, y, data_range=1.0, alpha=0.025, window_size=15).mean())(x, y)
    np.testing.assert_allclose(value, authors_code(x, y, 0.025), rtol=1e-11)


@pytest.mark.parametrize("masked", [False, True])
def test_losses_are_one_minus_their_metric(pair, rng, masked):
    x, y = map(jnp.float32, pair)
    mask = {"mask": jnp.float32(rng.random(x.shape[:2]))} if masked else {}
    rows: list[tuple[Any, Any, dict[str, Any]]] = [
        (jaxloss.ssim_loss, jaxloss.ssim, {"border": "zero"}),
        (jaxloss.multi_sigma_ssim_loss, jaxloss.multi_sigma_ssim, {"sigmas": (0.5, 1.5), "window_size": 9}),
        (jaxloss.ms_ssim_loss, jaxloss.ms_ssim, {"weights": (0.4, 0.6), "negative": "shift"}),
    ]

    @jax.jit
    def both(x, y, mask):
        return [[f(x, y, data_range=1.0, **more, **mask) for f in functions] for *functions, more in rows]

    for loss, score in both(x, y, mask):
        np.testing.assert_allclose(loss, 1 - score, atol=1e-6)


def test_training_restores_an_image(pair):
    """From noise to the photograph: a loss with a wrong sign or a vanishing gradient would not get there."""
    y = jnp.float32(pair[1])
    optimizer = optax.adam(0.03)

    def mix(x):
        return jaxloss.mix_loss(x, y, data_range=1.0, **SMALL)

    @jax.jit
    def step(x, state):
        loss, gradient = jax.value_and_grad(mix)(x)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(x, updates), state, loss

    x = jax.random.uniform(jax.random.key(0), y.shape)
    state, losses = optimizer.init(x), []
    with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
        for _ in range(150):
            x, state, loss = step(x, state)
            losses.append(loss)
    assert losses[-1] < 0.2 * losses[0]
