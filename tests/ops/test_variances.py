import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._variances import around_middle, line_by_line, pair_statistics
from tests.derivatives import check_derivatives


TAPS, STEP = (0.25, 0.5, 0.25), 2


@jax.jit
def statistics(x: jax.Array, y: jax.Array, *weight: jax.Array) -> tuple[jax.Array, ...]:
    return pair_statistics(x, y, *weight, taps=TAPS, step=STEP)


FORMS = [statistics, *(jax.jit(functools.partial(form, TAPS, STEP)) for form in (line_by_line, around_middle))]


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


@pytest.mark.parametrize(("form", "weighted"), [*((form, False) for form in FORMS), (statistics, True)])
def test_is_the_definition_also_in_single_precision(rng: np.random.Generator, form, weighted: bool) -> None:
    """Where the contrast is a thousandth of the mean, too: the usual form has no digit left."""
    x, y = (0.9 + 1e-3 * rng.random((2, 2, 9, 14))).astype(np.float32)
    weight = [holes(rng, *x.shape).astype(np.float32)] * weighted
    found = form(x, 2 * y, *weight)
    wide, twice = x.astype(float), 2 * y.astype(float)
    for i, z in enumerate((wide + twice, wide - twice)):
        mean, variance = expected(z, *(weight or [np.ones_like(z)]))
        np.testing.assert_allclose(found[i], mean, rtol=1e-6)
        np.testing.assert_allclose(found[i + 2], variance, rtol=2e-3, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
def test_flat_windows_have_no_variance(form) -> None:
    x = jnp.full((1, 5, 10), 0.7)
    assert not jnp.stack(form(x, x)[1:]).any()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_of_both_modes_and_orders(rng: np.random.Generator, weighted: bool) -> None:
    weight = [holes(rng, 1, 7, 10)] * weighted

    def curved(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.stack([(k + z**2).sum() / (1 + k) for k, z in enumerate(statistics(x, y, *weight))]).sum()

    check_derivatives(curved, *rng.random((2, 1, 7, 10)), rng=rng)


def test_weights_have_slopes_and_are_not_filtered_for_none(rng: np.random.Generator) -> None:
    z, weight = jnp.asarray(rng.random((2, 1, 6, 12)))
    black = jnp.zeros_like(z)

    def total(z: jax.Array, weight: jax.Array) -> jax.Array:
        return pair_statistics(z, black, weight, taps=TAPS, step=STEP).variance_sum.sum()

    counts = []
    for argnums in (0, (0, 1)):
        program = jax.make_jaxpr(jax.grad(total, argnums))(z, weight)
        filters = [e for e in program.jaxpr.eqns if e.primitive.name == "separable_filter"]
        counts.append(sum(len(e.invars) for e in filters))
    assert counts[0] < counts[1]

    @jax.jit
    def slope_and_difference(weight: jax.Array) -> tuple[jax.Array, jax.Array]:
        slope = jax.jvp(lambda w: total(z, w), (weight,), (jnp.ones_like(weight),))[1]
        return slope, (total(z, weight + 0.01) - total(z, weight - 0.01)) / 0.02

    slope, by_difference = slope_and_difference(weight)
    np.testing.assert_allclose(slope, by_difference, rtol=1e-2)
