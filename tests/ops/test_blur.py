import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._blur import blur, products, shifts
from tests.derivatives import check_derivatives


WINDOW = (0.1, 0.2, 0.3, 0.2, 0.1)
LONG = tuple(1.0 / (5 + abs(i)) for i in range(-16, 17))


def expected(z: np.ndarray, window: tuple[float, ...], mirror: bool) -> np.ndarray:
    margin = len(window) // 2
    widths = [(0, 0)] * (z.ndim - 2) + [(margin, margin)] * 2
    padded = np.pad(z, widths, mode="symmetric" if mirror else "constant")
    for axis in (-2, -1):
        padded = np.lib.stride_tricks.sliding_window_view(padded, len(window), axis) @ np.array(window)
    return padded


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("mirror", [False, True], ids=["zeros", "mirror"])
@pytest.mark.parametrize("form", [products, shifts], ids=lambda form: form.__name__)
def test_is_the_correlation(form, mirror: bool, rng: np.random.Generator) -> None:
    """As a product with one matrix along an axis, block by block along the other; and as sums."""
    z = rng.random((2, 20, 75))
    for window in (WINDOW, LONG):
        found = jax.jit(functools.partial(form, taps=window, mirror=mirror))(z)
        np.testing.assert_allclose(found, expected(z, window, mirror), rtol=1e-12)


def test_transforms(rng: np.random.Generator) -> None:
    """Called outside of jit, and under a map."""
    z = rng.random((2, 7, 9), np.float32)
    np.testing.assert_allclose(blur(jnp.asarray(z), WINDOW), expected(z, WINDOW, False), rtol=1e-5)
    mapped = jax.vmap(lambda z: blur(z, WINDOW, mirror=True), in_axes=2, out_axes=2)(np.stack([z, 2 * z], axis=2))
    np.testing.assert_allclose(mapped[:, :, 1], 2 * expected(z, WINDOW, True), rtol=1e-5)


@pytest.mark.usefixtures("float64")
def test_derivatives_of_every_kind(rng: np.random.Generator) -> None:
    z, weights = rng.random((2, 6, 7))
    check_derivatives(lambda z: (weights * blur(z, WINDOW) * blur(z, WINDOW, mirror=True)).sum(), z, rng=rng)
