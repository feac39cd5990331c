import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._variances import WindowStatistics, window_statistics
from tests.derivatives import check_derivatives


TAPS, STEP = (0.25, 0.5, 0.25), 2


@jax.jit
def statistics(x: jax.Array, y: jax.Array, *weight: jax.Array) -> WindowStatistics:
    return window_statistics(x, y, *weight, taps=TAPS, step=STEP)


def expected(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
    """By the definition, window by window, in float64."""
    x, y, weight = (np.asarray(z, np.float64) for z in (x, y, weight))
    reach = len(TAPS) - 1
    n, height, width = x.shape
    out = np.zeros((4, n, height - reach, width - reach * STEP))
    for position in np.ndindex(out.shape[1:]):
        _, i, j = position
        window = np.s_[position[0], i : i + reach + 1, j : j + reach * STEP + 1 : STEP]
        share = np.outer(TAPS, TAPS) * weight[window]
        if not share.any():
            continue
        mean_x, mean_y, mean = (np.average(z[window], weights=share) for z in (x, y, x - y))
        var_x, var_y = (np.average((z[window] - m) ** 2, weights=share) for z, m in ((x, mean_x), (y, mean_y)))
        difference = np.average((x[window] - y[window] - mean) ** 2, weights=share)
        out[(slice(None), *position)] = mean_x, mean_y, var_x + var_y, difference
    return list(out)


def holes(rng: np.random.Generator, *shape: int) -> np.ndarray:
    weight = rng.random(shape)
    weight[:, :4, :7] = 0
    weight[:, 5] = 0
    return weight


@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_definition_also_in_single_precision(rng: np.random.Generator, weighted: bool) -> None:
    """Where the contrast is a thousandth of the mean, too: the usual form has no digit left."""
    x, y = (0.9 + 1e-3 * rng.random((2, 2, 9, 14))).astype(np.float32)
    weight = [holes(rng, *x.shape).astype(np.float32)] * weighted
    found = statistics(x, y, *weight)
    for result, truth in zip(found, expected(x, y, *(weight or [np.ones_like(x)])), strict=True):
        np.testing.assert_allclose(result, truth, rtol=2e-3, atol=1e-14)
    equal = statistics(x, x, *weight)
    np.testing.assert_array_equal(equal.variance_of_difference, 0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_of_both_modes_and_orders(rng: np.random.Generator, weighted: bool) -> None:
    weight = [holes(rng, 1, 7, 10)] * weighted

    def curved(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.stack([(z**2).sum() for z in statistics(x, y, *weight)]).sum()

    check_derivatives(curved, *rng.random((2, 1, 7, 10)), rng=rng)


def test_what_does_not_move_is_not_filtered_again() -> None:
    """The gradient of one map: its own mean and those of both products, not the mean of the other map."""
    x, y = jnp.ones((2, 1, 6, 12))

    def total(x: jax.Array) -> jax.Array:
        return jnp.stack([z.sum() for z in window_statistics(x, y, taps=TAPS, step=STEP)]).sum()

    filters = [e for e in jax.make_jaxpr(jax.grad(total))(x).jaxpr.eqns if e.primitive.name == "separable_filter"]
    assert [len(e.invars) for e in filters] == [3]
