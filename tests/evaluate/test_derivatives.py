"""The four ways to a derivative, on a function whose derivative is known on paper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.evaluate._derivatives import (
    closed_form,
    finite_differences,
    forward_mode,
    random_directions,
    relative_error,
    reverse_mode,
    steepest_pixels,
)


def score(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
    return (jnp.sin(x) * y).sum() / data_range


def gradient(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
    return jnp.cos(x) * y / data_range


@pytest.mark.usefixtures("float64")
def test_all_ways_agree_with_paper(rng: np.random.Generator) -> None:
    x, y = rng.random((2, 4, 5, 3))
    expected = np.cos(x) * y
    directions = np.concatenate([random_directions(x.shape, 3), steepest_pixels(expected, 2)])
    along = np.tensordot(directions, expected, 3)
    steps = np.full(5, 1e-3)
    np.testing.assert_allclose(reverse_mode(score, x, y), expected, rtol=1e-14)
    np.testing.assert_allclose(closed_form(gradient, x, y), expected, rtol=1e-14)
    np.testing.assert_allclose(forward_mode(score, x, y, directions), along, rtol=1e-12)
    np.testing.assert_allclose(finite_differences(score, x, y, directions, steps), along, rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_differences_are_of_fourth_order() -> None:
    """Halving the step of `sin` takes the error down to a sixteenth."""
    one = np.ones((1, 1, 1))
    found = [float(finite_differences(score, one, one, one[None], np.array([step]))[0]) for step in (0.2, 0.1)]
    coarse, fine = np.abs(np.array(found) - np.cos(1))
    assert coarse / fine == pytest.approx(16, rel=0.05)


def test_random_directions_move_every_pixel() -> None:
    directions = random_directions((4, 5, 3), 6)
    assert directions.shape == (6, 4, 5, 3)
    np.testing.assert_array_equal(np.abs(directions), 1)
    assert np.linalg.matrix_rank(directions.reshape(6, -1)) == 6


def test_steepest_pixels() -> None:
    units = steepest_pixels(np.array([[[1.0], [-3.0]], [[0.0], [2.0]]]), 2)
    np.testing.assert_array_equal(units[..., 0], [[[0, 1], [0, 0]], [[0, 0], [0, 1]]])


def test_relative_error() -> None:
    assert relative_error(np.array([1.0, 2.5]), np.array([1.0, 2.0]), 1e-3) == 0.25
    assert relative_error(np.array([1e-9]), np.array([0.0]), 1e-3) == pytest.approx(1e-6)
    assert np.isnan(relative_error(np.array([np.nan]), np.array([1.0]), 1e-3))
