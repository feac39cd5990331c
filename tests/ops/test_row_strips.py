import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import _row_strips
from jaxloss.ops._row_strips import in_row_strips


# Strips of 11, 4 (the last one is filled up), and of no less than the margins.
@pytest.mark.parametrize(("size", "strips"), [(2**24, 1), (50, 3), (1, 2)])
def test_strips_are_the_whole(monkeypatch, rng, size, strips):
    monkeypatch.setattr(_row_strips, "STRIP_SIZE", size)
    x, y, weights = rng.standard_normal((3, 2, 11, 5), np.float32)
    reach = 1 if strips == 3 else 2

    def of_rows(x, y):
        above, here, below = (x[..., i : i + y.shape[-2] - 2 * reach, :] for i in (0, reach, 2 * reach))
        return (jnp.sin(below) - above) * here * y[..., reach : y.shape[-2] - reach, :]

    def whole(x, y):
        return of_rows(*(jnp.pad(z, ((0, 0), (reach, reach), (0, 0)), mode="reflect") for z in (x, y)))

    def both(function, x, y):
        result, pull_back = jax.vjp(function, x, y)
        return result, pull_back(weights)

    programs = [lambda x, y: in_row_strips(of_rows, x, y, reach=reach), whole]
    found, expected = jax.jit(lambda x, y: [both(program, x, y) for program in programs])(x, y)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)
    jaxpr = str(jax.make_jaxpr(programs[0])(x, y))
    assert (f"length={strips}" in jaxpr) == (strips > 1)
