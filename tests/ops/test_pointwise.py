import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import _pointwise
from jaxloss.ops._pointwise import pointwise


@pytest.mark.parametrize("pixels", [16, 35, 2**15])
def test_strips_are_the_whole(monkeypatch, rng, pixels):
    """In value and gradient, where strips divide the pixels and where the last one is filled up."""
    monkeypatch.setattr(_pointwise, "STRIP_PIXELS", pixels)
    x, y = rng.standard_normal((2, 2, 5, 7, 1), np.float32)

    scaled = np.arange(2 * 5 * 7, dtype=np.float32).reshape(x.shape)

    def total(x, y):
        return (scaled * pointwise(lambda x, y: jnp.sin(x) / (y**2 + 1), x, y)).sum()

    value, gradients = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(x, y)
    np.testing.assert_allclose(value, (scaled * np.sin(x) / (y**2 + 1)).sum(), rtol=1e-5)
    np.testing.assert_allclose(gradients[0], scaled * np.cos(x) / (y**2 + 1), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gradients[1], -2 * scaled * y * np.sin(x) / (y**2 + 1) ** 2, rtol=1e-5, atol=1e-7)
    text = jax.jit(total).lower(x, y).as_text()
    assert ("stablehlo.while" in text) == (pixels < 70)
