"""Emulated tensor units: known numbers are rounded as the formats say, and products are made of rounded operands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks._rounding import BFLOAT16, SIX_PASSES, TF32, THREE_PASSES, Rounding, rounded


@pytest.mark.parametrize(("rounding", "bits"), [(BFLOAT16, 7), (TF32, 10)])
def test_operands_are_rounded_to_the_nearest_and_to_even(rounding: Rounding, bits: int) -> None:
    step = 2.0**-bits
    given = [1 + step, 1 + step / 2, 1 + 3 * step / 2, 1 + step / 2 + step / 64, -3 * (1 + step), 1e30, 0.0]
    (found,) = rounding.split(jnp.array(given, jnp.float32))
    expected = [1 + step, 1.0, 1 + 2 * step, 1 + step, -3 - 4 * step, None, 0.0]
    for number, wanted, original in zip(np.asarray(found), expected, given, strict=True):
        assert number == wanted if wanted is not None else abs(number / original - 1) < step / 2


def test_bfloat16_is_that_of_jax() -> None:
    x = jnp.asarray(np.random.default_rng(0).standard_normal(1000), jnp.float32)
    (found,) = BFLOAT16.split(x)
    np.testing.assert_array_equal(found, x.astype(jnp.bfloat16).astype(jnp.float32))
    np.testing.assert_array_equal(sum(map(np.asarray, SIX_PASSES.split(x))), x)  # 3 x 8 bits are those of float32


@pytest.mark.parametrize(
    ("rounding", "passes", "error"), [(BFLOAT16, 1, 2e-3), (THREE_PASSES, 3, 1e-5), (SIX_PASSES, 6, 3e-7)]
)
def test_products_are_made_of_rounded_operands(rounding: Rounding, passes: int, error: float) -> None:
    """And so are those of their gradients."""
    a, b, slope = np.random.default_rng(1).random((3, 5, 5), np.float32)
    count = 0

    def multiply(a: jax.Array, b: jax.Array) -> jax.Array:
        nonlocal count
        count += 1
        return jnp.matmul(a, b, precision="highest")

    @jax.jit
    def evaluate(a: jax.Array, b: jax.Array, slope: jax.Array) -> tuple[jax.Array, ...]:
        value, pull_back = jax.vjp(rounded(rounding, multiply), a, b)
        return value, *pull_back(slope)

    results = evaluate(a, b, slope)
    assert count >= 3 * passes
    for found, p, q in zip(results, (a, slope, a.T), (b, b.T, slope), strict=True):
        exact = p.astype(np.float64) @ q
        assert np.linalg.norm(found - exact) < error * np.linalg.norm(exact)
        if passes == 1:
            p, q = (np.asarray(z.astype(jnp.bfloat16), np.float64) for z in (p, q))
            np.testing.assert_allclose(found, p @ q, rtol=1e-6)
            assert np.linalg.norm(found - exact) > 1e-4 * np.linalg.norm(exact)
