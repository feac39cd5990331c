from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._moments import filter_moments, moments_p, on_gpu
from tests.derivatives import check_derivatives


ROWS, COLUMNS = (0.1, 0.5, -0.2, 0.3), (0.7, -0.4, 0.2)
STEP = 3


def products(x: Any, y: Any) -> tuple[Any, Any]:
    return x * y, (x - y) ** 3


def moments(x: jax.Array, y: jax.Array) -> list[jax.Array]:
    return filter_moments(products, [x, y], ROWS, COLUMNS, step=STEP)


def expected(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By the definition, tap by tap."""
    n, height, width = x.shape
    maps = np.stack([x, y, *products(x, y)])
    height, width = height - len(ROWS) + 1, width - (len(COLUMNS) - 1) * STEP
    return sum(
        (a * b * maps[..., i : i + height, j * STEP : j * STEP + width]
        for i, a in enumerate(ROWS) for j, b in enumerate(COLUMNS)),
        start=np.zeros((4, n, height, width)),
    )  # fmt: skip


def test_every_form_is_that_of_the_definition(rng: np.random.Generator) -> None:
    """Called outside of jit, lowered for the device at hand, and in the form for GPUs."""
    x, y = rng.random((2, 2, 9, 24), np.float32)

    def on_gpus(x: jax.Array, y: jax.Array) -> list[jax.Array]:
        return on_gpu(x, y, products=products, rows=ROWS, columns=COLUMNS, step=STEP)

    lowered = jax.jit(lambda x, y: (moments(x, y), on_gpus(x, y)))(x, y)
    for found in (moments(jnp.asarray(x), jnp.asarray(y)), *lowered):
        np.testing.assert_allclose(found, expected(x, y), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("float64")
def test_derivatives_of_both_modes_and_orders(rng: np.random.Generator) -> None:
    def curved(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.stack([(z**2).sum() for z in moments(x, y)]).sum()

    check_derivatives(curved, *rng.random((2, 1, 6, 12)), rng=rng)


def test_what_does_not_move_is_not_filtered_again() -> None:
    """The gradient of one map: its own mean and the two products, not the mean of the other map."""
    x, y = jnp.ones((2, 1, 6, 12))
    program = jax.make_jaxpr(jax.grad(lambda x: sum(z.sum() for z in moments(x, y))))(x)
    filters = [e for e in program.jaxpr.eqns if e.primitive.name == "separable_filter"]
    assert [len(e.invars) for e in filters] == [3]
    assert sum(e.primitive is moments_p for e in program.jaxpr.eqns) <= 1


def test_vmap_over_any_axis_is_a_loop(rng: np.random.Generator) -> None:
    x, y = rng.random((2, 2, 3, 6, 12), np.float32)
    both = jax.jit(lambda x, y: jax.vmap(moments, in_axes=(1, 1))(x, y))(x, y)
    one = jax.jit(lambda x, y: jax.vmap(moments, in_axes=(1, None))(x, y[:, 0]))(x, y)
    for i in range(3):
        np.testing.assert_allclose([z[i] for z in both], expected(x[:, i], y[:, i]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose([z[i] for z in one], expected(x[:, i], y[:, 0]), rtol=1e-5, atol=1e-6)
