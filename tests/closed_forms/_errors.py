"""How far two gradients lie apart."""

import jax
import jax.numpy as jnp


def relative_error(a: jax.Array, b: jax.Array) -> float:
    return float(jnp.linalg.norm((a - b).ravel()) / jnp.linalg.norm(b.ravel()))
