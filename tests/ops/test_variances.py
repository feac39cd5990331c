import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._variances import WindowStatistics, window_statistics
from tests.derivatives import check_derivatives


TAPS, STEP = (0.25, 0.5, 0.25), 2


@jax.jit
def statistics(z: jax.Array, *weight: jax.Array) -> WindowStatistics:
    return window_statistics(z, *weight, taps=TAPS, step=STEP)


def expected(z: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """By the definition, window by window, in float64: means and variances."""
    z, weight = (np.asarray(values, np.float64) for values in (z, weight))
    reach = len(TAPS) - 1
    n, height, width = z.shape
    out = np.zeros((2, n, height - reach, width - reach * STEP))
    for k, i, j in np.ndindex(out.shape[1:]):
        window = np.s_[k, i : i + reach + 1, j : j + reach * STEP + 1 : STEP]
        share = np.outer(TAPS, TAPS) * weight[window]
        if share.any():
            mean = np.average(z[window], weights=share)
            out[:, k, i, j] = mean, np.average((z[window] - mean) ** 2, weights=share)
    return out


def holes(rng: np.random.Generator, *shape: int) -> np.ndarray:
    weight = rng.random(shape)
    weight[:, :4, :7] = 0
    weight[:, 5] = 0
    return weight


@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_definition_also_in_single_precision(rng: np.random.Generator, weighted: bool) -> None:
    """Where the contrast is a thousandth of the mean, too: the usual form has no digit left."""
    z = (0.9 + 1e-3 * rng.random((2, 9, 14))).astype(np.float32)
    weight = [holes(rng, *z.shape).astype(np.float32)] * weighted
    mean, variance = expected(z, *(weight or [np.ones_like(z)]))
    found = statistics(z, *weight)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(found.variance, variance, rtol=2e-3, atol=1e-14)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_of_both_modes_and_orders(rng: np.random.Generator, weighted: bool) -> None:
    weight = [holes(rng, 1, 7, 10)] * weighted

    def curved(z: jax.Array) -> jax.Array:
        mean, variance = statistics(z, *weight)
        return (mean**2).sum() + (variance**2).sum()

    check_derivatives(curved, rng.random((1, 7, 10)), rng=rng)


def test_weights_have_slopes_and_are_not_filtered_for_none(rng: np.random.Generator) -> None:
    z, weight = jnp.asarray(rng.random((2, 1, 6, 12)))

    def total(z: jax.Array, weight: jax.Array) -> jax.Array:
        return window_statistics(z, weight, taps=TAPS, step=STEP).variance.sum()

    counts = []
    for argnums in (0, (0, 1)):
        program = jax.make_jaxpr(jax.grad(total, argnums))(z, weight)
        filters = [e for e in program.jaxpr.eqns if e.primitive.name == "separable_filter"]
        counts.append(sum(len(e.invars) for e in filters))
    assert counts[0] < counts[1]
    slope = jax.jvp(lambda w: total(z, w), (weight,), (jnp.ones_like(weight),))[1]
    by_difference = (total(z, weight + 0.01) - total(z, weight - 0.01)) / 0.02
    np.testing.assert_allclose(slope, by_difference, rtol=1e-2)
