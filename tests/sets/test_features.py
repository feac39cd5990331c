"""What sets of features must be, and rows in blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import sets
from jaxloss.sets import _features
from jaxloss.sets._features import over_rows


def test_rows_in_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """And so do derivatives, for which no matrix of all pairs is kept."""
    x = rng.normal(size=(11, 3)).astype(np.float32)

    def total(x: jax.Array) -> jax.Array:
        return over_rows(lambda index, row: jnp.sin(index.astype(x.dtype) + (x * row[None]).sum()), x, 11).sum()

    whole = jax.jit(jax.value_and_grad(total))
    expected = whole(x)
    monkeypatch.setattr(_features, "PAIRS_AT_ONCE", 44)
    parts = jax.jit(lambda x: jax.value_and_grad(total)(x))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), parts(x), expected)
    assert "while" in parts.lower(x).as_text() and "while" not in whole.lower(x).as_text()


def test_memory_does_not_grow_with_the_square() -> None:
    """30,000 features: a matrix of all pairs would be 3.6 GB."""
    x = jax.ShapeDtypeStruct((30_000, 4), jnp.float32)
    memory = jax.jit(jax.grad(lambda x: sets.mmd(x, x))).lower(x).compile().memory_analysis()
    assert memory is not None and memory.temp_size_in_bytes < 600e6


def test_errors() -> None:
    x, other = jax.ShapeDtypeStruct((9, 3), jnp.float32), jax.ShapeDtypeStruct((9, 4), jnp.float32)
    with pytest.raises(TypeError, match="x of a floating dtype, got int32"):
        jax.eval_shape(sets.mmd, jax.ShapeDtypeStruct((9, 3), jnp.int32), x)
    with pytest.raises(ValueError, match=r"y of shape \[n, d\], got \(9,\)"):
        jax.eval_shape(sets.mmd, x, jax.ShapeDtypeStruct((9,), jnp.float32))
    with pytest.raises(ValueError, match=r"x and y of one dimension d, got \(9, 3\) and \(9, 4\)"):
        jax.eval_shape(sets.precision_recall, x, other)
    half = jax.ShapeDtypeStruct((9, 3), jnp.float16)
    assert jax.eval_shape(sets.frechet_distance, half, x).dtype == jnp.float32
