"""Levels are those that were asked for, and roundings differ as they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.judgments.distortions import quantization
from jaxloss.judgments.distortions._quantization import ROUNDINGS


VALUES = np.array([-2.5, -1.2, -0.5, 0.0, 0.3, 0.5, 1.75, 2.0], np.float32)


@pytest.fixture(scope="module")
def rounded() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Values and derivatives."""

    def both(function):
        return jax.vmap(jax.value_and_grad(function))

    return jax.device_get(jax.jit(lambda v: {name: both(rule)(v) for name, rule in ROUNDINGS.items()})(VALUES))


def test_roundings(rounded: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    integers = np.array([-3, -1, -1, 0, 0, 1, 2, 2], np.float32)  # halves away from 0
    np.testing.assert_array_equal(rounded["hard"], (integers, np.zeros(8)))
    np.testing.assert_array_equal(rounded["straight-through"], (integers, np.ones(8)))
    off = VALUES - integers
    np.testing.assert_allclose(rounded["soft"], (integers + off**3, 3 * off**2), atol=1e-6)


def test_levels() -> None:
    ramp = jnp.linspace(0, 1, 101).reshape(1, 101, 1)
    levels = jax.jit(lambda x, n: quantization(x, levels=n))
    for count in (2, 5):
        image = np.asarray(levels(ramp, jnp.float32(count)))
        np.testing.assert_allclose(np.unique(image), np.linspace(0, 1, count), atol=1e-7)
        assert np.abs(image - np.asarray(ramp)).max() <= 0.5 / (count - 1) + 1e-6


def test_unknown_rounding() -> None:
    with pytest.raises(ValueError, match=r"rounding one of \['hard', 'soft', 'straight-through'\], got 'up'"):
        quantization(np.ones((2, 2, 1), np.float32), levels=4, rounding="up")
