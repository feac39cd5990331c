"""Discrepancies against sums over all pairs in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.sets import MMD_CONVENTIONS, kid, mmd
from tests.sets._numpy import cubic, features, gaussian, mmd as slow_mmd


X, Y = features(1, 12, 4), features(2, 9, 4, shift=0.5)
WIDE = functools.partial(gaussian, sigma=10.0)


def test_values_in_float32() -> None:
    """The wide kernel of CMMD keeps its digits, although nearly all of them cancel."""
    x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (X, Y))
    cmmd = jax.jit(lambda x, y: mmd(x, y, **MMD_CONVENTIONS["cmmd"]))
    np.testing.assert_allclose(cmmd(x, y), 1000 * slow_mmd(x, y, WIDE, unbiased=False), rtol=2e-5)
    np.testing.assert_allclose(cmmd(X, X), 0, atol=1e-4)
    polynomial = jax.jit(lambda x, y: mmd(x, y, **MMD_CONVENTIONS["kid"]))
    np.testing.assert_allclose(polynomial(X, Y), slow_mmd(X, Y, cubic, unbiased=True), rtol=5e-5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", MMD_CONVENTIONS)
def test_derivatives_are_finite_differences(name: str, rng: np.random.Generator) -> None:
    x, y = X.astype(np.float64), Y.astype(np.float64)
    options = MMD_CONVENTIONS[name]
    direction = rng.normal(size=x.shape)

    @jax.jit
    def evaluate(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        function = functools.partial(mmd, y=y, **options)
        value, forward = jax.jvp(function, (x,), (jnp.asarray(direction),))
        return value, forward, (jax.grad(function)(x) * direction).sum()

    after, before = evaluate(x + 1e-5 * direction)[0], evaluate(x - 1e-5 * direction)[0]
    value, *slopes = evaluate(x)
    kernel, scale = (WIDE, 1000) if name == "cmmd" else (cubic, 1)
    np.testing.assert_allclose(value, scale * slow_mmd(x, y, kernel, unbiased=name == "kid"), rtol=1e-10)
    np.testing.assert_allclose(slopes, [(after - before) / 2e-5] * 2, rtol=1e-6)


def test_kid_is_the_mean_over_subsets() -> None:
    """They spread around the discrepancy of the whole sets, and another key draws others."""
    draw = jax.jit(lambda key: kid(key, X, Y, subsets=1000, subset_size=4))
    first, other = draw(jax.random.key(0)), draw(jax.random.key(1))
    assert first.mean != other.mean
    for found in (first, other):
        assert abs(found.mean - slow_mmd(X, Y, cubic, unbiased=True)) < 4 * found.deviation / 1000**0.5


def test_errors() -> None:
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"at least 1000 rows of x, got 12. Or take a smaller subset_size than 1000"):
        jax.eval_shape(kid, key, X, Y)
    with pytest.raises(ValueError, match="2 rows or more, got 100 of 1"):
        kid(key, X, Y, subset_size=1)
    with pytest.raises(ValueError, match=r"kernel one of .*, got 'cubic'"):
        mmd(X, Y, kernel="cubic")
    with pytest.raises(ValueError, match="sigma > 0"):
        mmd(X, Y, sigma=0)
    with pytest.raises(ValueError, match="degree >= 1"):
        mmd(X, Y, kernel="polynomial", degree=0)
    with pytest.raises(ValueError, match=r"at least 2 rows of y, got 1. unbiased=False"):
        mmd(X, Y[:1])
