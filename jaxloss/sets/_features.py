"""Sets of features `[n, d]`: what they must be, and how all pairs of them are gone through in bounded memory."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import error_text
from .._types import Array, FeatureSet


Result = TypeVar("Result")

PAIRS_AT_ONCE = 2**24  # 64 MiB of float32


def check_features(name: str, least: int = 1, way_out: str = "Take more images.", **given: FeatureSet) -> list[Array]:
    """Each as `[n, d]` of one dtype, float32 or float64, with `n >= least` and one d."""
    sets = {argument: jnp.asarray(features) for argument, features in given.items()}
    for argument, features in sets.items():
        if not jnp.issubdtype(features.dtype, jnp.floating):
            help_text = "Convert with jnp.asarray(x, jnp.float32)."
            raise TypeError(error_text(name, f"{argument} of a floating dtype", features.dtype, help_text))
        if features.ndim != 2 or features.shape[1] == 0:
            help_text = "One row for each image: average maps over their positions, x.mean((1, 2))."
            raise ValueError(error_text(name, f"{argument} of shape [n, d]", features.shape, help_text))
        if features.shape[0] < least:
            raise ValueError(error_text(name, f"at least {least} rows of {argument}", features.shape[0], way_out))
    shapes = [features.shape for features in sets.values()]
    if len({d for _, d in shapes}) > 1:
        got = " and ".join(map(str, shapes))
        raise ValueError(error_text(name, f"{' and '.join(sets)} of one dimension d", got, "Use one network for both."))
    dtype = jnp.float64 if any(features.dtype == jnp.float64 for features in sets.values()) else jnp.float32
    return [features.astype(dtype) for features in sets.values()]


def over_rows(function: Callable[[Array, Array], Result], x: Array, columns: int) -> Result:
    """`function(index, row)` of each row of `x`, stacked; so many rows at once that `columns` for each fit memory.

    What a row needs for its derivative is computed again: kept, it would be a matrix of all pairs.
    """
    count = x.shape[0]
    at_once = max(1, PAIRS_AT_ONCE // columns)
    arguments = jnp.arange(count), x
    if count <= at_once:
        return jax.vmap(function)(*arguments)
    return lax.map(lambda row: jax.checkpoint(function)(*row), arguments, batch_size=at_once)


def squared_distances(row: Array, others: Array, lengths: Array) -> Array:
    """Of one row `[d]` to others `[m, d]` whose squared lengths are known, `[m]`; never negative."""
    products = jnp.dot(others, row, precision=lax.Precision.HIGHEST)
    return jnp.maximum((row * row).sum() + lengths - 2 * products, 0)


def squared_lengths(x: Array) -> Array:
    return (x * x).sum(axis=-1)


def centered(x: Array, y: Array) -> tuple[Array, Array]:
    """Both less one constant: distances stay, and lose fewer digits as differences of lengths."""
    center = lax.stop_gradient(y.mean(axis=0, keepdims=True))
    return x - center, y - center
