"""Tests of the losses of visible differences."""

import jax
import numpy as np

from jaxloss import cvvdp, cvvdp_loss
from jaxloss.ops import Display
from tests.networks import tiny_params


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
