"""Derivatives of first and second order against finite differences, compiled as one program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


Curve = Callable[[jax.Array], jax.Array]


def check_derivatives(
    function: Callable[..., jax.Array], *arguments: np.ndarray, rng: np.random.Generator, step: float = 1e-5
) -> None:
    """In both modes and their mixtures, along a random direction of all arguments, which are float64.

    As `jax.test_util.check_grads`, which evaluates operation by operation: most of its time goes into compiling them.
    """
    directions = [jnp.asarray(rng.normal(size=z.shape)) for z in arguments]

    def value(t: jax.Array) -> jax.Array:
        return function(*(jnp.asarray(z) + t * d for z, d in zip(arguments, directions, strict=True)))

    def forward(curve: Curve) -> Curve:
        return lambda t: jax.jvp(curve, (t,), (jnp.ones_like(t),))[1]

    slopes = forward(value), jax.jacrev(value)

    @jax.jit
    def derivatives(t: jax.Array) -> tuple[Any, ...]:
        seconds = [mode(slope)(t) for slope in slopes for mode in (forward, jax.jacrev)]
        return value(t), [slope(t) for slope in slopes], seconds

    before, here, after = (derivatives(jnp.float64(t)) for t in (-step, 0.0, step))
    first, second = ((b - a) / (2 * step) for a, b in ((before[0], after[0]), (before[1][0], after[1][0])))
    for found in here[1]:
        np.testing.assert_allclose(found, first, rtol=1e-6, atol=1e-6)
    for found in here[2]:
        np.testing.assert_allclose(found, second, rtol=1e-6, atol=1e-6)
