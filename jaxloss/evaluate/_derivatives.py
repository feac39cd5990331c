"""Four ways to the derivatives of a score with respect to the image under test, and the error between two of them."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from .._types import Array, Image


Score = Callable[..., Array]  # (x, y, *, data_range) -> []


@functools.partial(jax.jit, static_argnums=0)
def reverse_mode(score: Score, x: Image, y: Image) -> Array:
    return jax.grad(score)(x, y, data_range=1.0)


@functools.partial(jax.jit, static_argnums=0)
def closed_form(gradient: Score, x: Image, y: Image) -> Array:
    return gradient(x, y, data_range=1.0)


@functools.partial(jax.jit, static_argnums=0)
def forward_mode(score: Score, x: Image, y: Image, directions: Array) -> Array:
    """Derivatives `[K]` along the directions `[K, H, W, C]`."""
    along = functools.partial(score, y=y, data_range=1.0)
    return jax.lax.map(lambda direction: jax.jvp(along, (x,), (direction,))[1], directions)


@functools.partial(jax.jit, static_argnums=0)
def finite_differences(score: Score, x: Image, y: Image, directions: Array, steps: Array) -> Array:
    """Central differences of fourth order, `[K]`; the next term is `step^4 / 30` of the fifth derivative."""
    offsets = jnp.asarray([1, -1, 2, -2], x.dtype)
    weights = jnp.asarray([8, -8, -1, 1], x.dtype) / 12

    def along(direction_and_step: tuple[Array, Array]) -> Array:
        direction, step = direction_and_step
        scores = jax.lax.map(lambda offset: score(x + offset * step * direction, y, data_range=1.0), offsets)
        return (weights * scores).sum() / step

    return jax.lax.map(along, (directions, steps))


def random_directions(shape: tuple[int, ...], count: int) -> np.ndarray:
    """Every pixel up or down by 1, `[count, *shape]`."""
    return np.random.default_rng(0).choice([-1.0, 1.0], (count, *shape))


def steepest_pixels(gradient: np.ndarray, count: int) -> np.ndarray:
    """The unit vectors of the pixels with the largest derivatives, `[count, *shape]`."""
    units = np.zeros((count, gradient.size))
    units[np.arange(count), np.argsort(-np.abs(gradient), axis=None, kind="stable")[:count]] = 1
    return units.reshape(count, *gradient.shape)


def relative_error(found: Array | np.ndarray, expected: np.ndarray, least: float) -> float:
    """Largest deviation over the largest value expected, or over `least` where that is larger.

    At the maximum of a score all derivatives are 0 but for rounding: there only `least` gives the error a scale.
    """
    return float(np.abs(np.asarray(found, np.float64) - expected).max() / max(np.abs(expected).max(), least))
