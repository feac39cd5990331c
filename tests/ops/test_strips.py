import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import _strips
from jaxloss.ops._filters import filter_maps
from jaxloss.ops._strips import sum_rows


TAPS = (0.2, 0.5, 0.3)


def local(x: jax.Array, y: jax.Array) -> dict[str, jax.Array]:
    mean, product = filter_maps([x, x * y], TAPS, TAPS, step=2)
    return {"variance": product - mean**2, "mean": mean}


def total(x: jax.Array, y: jax.Array) -> jax.Array:
    sums = sum_rows(local, x, y, halo=2)
    return (sums["variance"] ** 2).sum() + sums["mean"].sum()


@pytest.fixture(params=[19, 40, 41, 97])
def images(request, rng):
    return tuple(jnp.float32(rng.random((3, request.param, 10))) for _ in range(2))


@pytest.mark.parametrize("budget", [1, 2000, 4000])
def test_strips_sum_to_the_whole(monkeypatch, images, budget):
    whole = jax.value_and_grad(total, argnums=(0, 1))(*images)
    monkeypatch.setattr(_strips, "STRIP_BYTES", budget)
    strips = jax.value_and_grad(total, argnums=(0, 1))
    # Strips of fewer rows than SMALLEST_STRIP are not made, so that the smallest image here stays whole.
    loops = str(jax.make_jaxpr(strips)(*images)).count("scan[")
    assert loops > 0 or images[0].shape[1] - 2 < 2 * _strips.SMALLEST_STRIP or budget > 1
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5), strips(*images), whole)


def test_each_row_counts_once(monkeypatch):
    monkeypatch.setattr(_strips, "STRIP_BYTES", 1)
    rows = jnp.arange(100.0).reshape(1, 100, 1)
    (counted,) = sum_rows(lambda z: (z[:, 1:-1],), rows, halo=2)
    assert counted.item() == sum(range(1, 99))


def test_memory_does_not_grow_with_the_image():
    """Twice the rows, the same temporary memory, but for the images and the gradient themselves."""

    def temporary(height: int) -> int:
        z = jax.ShapeDtypeStruct((1, height, 6000), jnp.float32)
        analysis = jax.jit(jax.grad(total)).lower(z, z).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    image = 1000 * 6000 * 4
    assert temporary(2000) - temporary(1000) < 1.5 * image
