"""Tests of the losses of visible differences."""

import jax
import numpy as np

from jaxloss import butteraugli, butteraugli_loss, cvvdp, cvvdp_loss, ssimulacra2, ssimulacra2_loss
from jaxloss.ops import Display
from tests.networks import tiny_params


def test_butteraugli_loss_is_the_norm(rng: np.random.Generator) -> None:
    """With every option handed on: each changes the number."""
    x, y = rng.random((2, 5, 16, 3), np.float32)
    options = {"data_range": 2.0, "mask": rng.random((5, 16), np.float32), "intensity_target": 250.0}
    options |= {"hf_asymmetry": 2.0, "scales": 1}
    loss, score = jax.jit(lambda: (butteraugli_loss(x, y, **options), butteraugli(x, y, norm=3, **options)))()
    np.testing.assert_allclose(loss, score, rtol=1e-6)


def test_cvvdp_loss_is_what_a_score_lacks(rng: np.random.Generator) -> None:
    """And it keeps the digits that a number next to 10 has not."""
    y = rng.random((4, 5, 3), np.float32)
    x = y + np.array([0.1, 0.01], np.float32)[:, None, None, None] * rng.random((2, 4, 5, 3), np.float32)
    options = {"data_range": 1.0, "params": tiny_params("cvvdp"), "display": Display(distance=0.1)}
    y = np.broadcast_to(y, x.shape)
    both = jax.jit(lambda x, y: (cvvdp_loss(x, y, **options), cvvdp(x, y, **options)))
    loss, score = both(x, y)
    np.testing.assert_allclose(loss, 10 - score, atol=2e-6)
    with jax.enable_x64(True):
        precise, _ = both(x.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(loss, precise, rtol=1e-4)


def test_ssimulacra2_loss_is_the_sum_of_errors_that_the_score_is_made_of(rng: np.random.Generator) -> None:
    y = rng.random((3, 8, 9, 3), np.float32)
    x = y + np.array([0, 0.01, 0.1], np.float32)[:, None, None, None] * rng.random(y.shape, np.float32)
    loss, score = jax.jit(lambda x, y: tuple(f(x, y, data_range=1.0) for f in (ssimulacra2_loss, ssimulacra2)))(x, y)
    u = 0.9562382616834844 * loss
    cubic = 2.326765642916932 * u - 0.020884521182843837 * u**2 + 6.248496625763138e-05 * u**3
    np.testing.assert_allclose(score, 100 - 10 * cubic**0.6276336467831387, rtol=1e-5)
    assert loss[0] == 0 < loss[1] < loss[2]
