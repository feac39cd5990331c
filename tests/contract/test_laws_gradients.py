"""Laws of the gradients: finite wherever a user can get to, the same in both modes, and those of finite differences."""

import functools
from typing import NamedTuple

import jax
import numpy as np

from jaxloss.registry import Metric
from tests.contract.cases import at, every_row, example, is_equal, outcome, pairs, params_of, program, shape_of, stack


@every_row
def test_gradients_are_finite_at_the_hard_points(row: Metric) -> None:
    result, names = outcome(row), np.array(list(pairs(row)))
    assert not np.isnan(result.scores).any()
    for gradient in (result.by_x, result.by_y):
        finite = np.isfinite(gradient).all(axis=(1, 2, 3))
        assert names[~finite].tolist() == []
        moved = gradient.any(axis=(1, 2, 3))
        assert names[is_equal(row) & moved].tolist() == []


@every_row
def test_gradient_points_the_right_way(row: Metric) -> None:
    """A small step along it makes the score of each image better, for the image under test and for the reference."""
    x, y = stack(row)
    result = outcome(row)
    some = at(row, "related", "noise 0.1", "noise 0.3")
    sign = 1 if row.better == "higher" else -1

    def step(image: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        largest = np.abs(gradient).max(axis=(1, 2, 3), keepdims=True)
        return image + np.float32(sign * 1e-3) * gradient / np.where(largest > 0, largest, 1)

    for moved in ((step(x, result.by_x), y), (x, step(y, result.by_y))):
        gained = sign * (program(row)(*moved).scores[some] - result.scores[some])
        assert (gained > 0).all(), gained


class Double(NamedTuple):
    """In float64, along a direction (u, v): scores at three points, slopes by forward mode, and gradients."""

    scores: np.ndarray  # [3]
    slopes: np.ndarray  # [3]
    by_x: np.ndarray
    by_y: np.ndarray
    direction: tuple[np.ndarray, np.ndarray]
    step: float


@functools.cache
def in_double_precision(row: Metric) -> Double:
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        y = rng.random(shape_of(row))
        x = np.clip(y + rng.normal(0, 0.2, y.shape), 0, 1)
        # Off the kink of |x - y|, across which no finite difference is a derivative.
        x = np.where(np.abs(x - y) < 0.01, y + 0.02, x)
        u, v = rng.normal(size=(2, *y.shape))
        params = jax.tree.map(lambda z: z.astype(np.float64), params_of(row))
        step = 1e-6 if row.params else 1e-5

        @jax.jit
        def evaluate(x, y, u, v, params):
            def score(x, y):
                return example(row)(x, y, **params)

            scores, slopes = jax.jvp(score, (x, y), (u, v))
            return scores, slopes, *jax.vjp(score, x, y)[1](np.ones(3))

        points = [(x + t * u, y + t * v) for t in (-step, 0, step)]
        three = [np.stack(z) for z in zip(*points, strict=True)]
        result = evaluate(*three, np.stack([u] * 3), np.stack([v] * 3), params)
        assert all(z.dtype == np.float64 for z in result)
        return Double(*map(np.asarray, result), (u, v), step)


@every_row
def test_derivatives_are_those_of_finite_differences(row: Metric) -> None:
    """In both modes, along a random direction of both images at once."""
    double = in_double_precision(row)
    difference = (double.scores[2] - double.scores[0]) / (2 * double.step)
    np.testing.assert_allclose(double.slopes[1], difference, rtol=1e-6, atol=1e-7)


@every_row
def test_forward_mode_is_the_transpose_of_reverse_mode(row: Metric) -> None:
    double = in_double_precision(row)
    u, v = double.direction
    pairing = (double.by_x * u + double.by_y * v).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(double.slopes, pairing, rtol=1e-9, atol=1e-12)


@every_row
def test_single_precision_is_close_to_double(row: Metric) -> None:
    """float64 in, float64 out, with more than float32's digits; and data_range traced or static is the same."""
    with jax.enable_x64(True):
        some = at(row, "related", "random", "noise 0.1")
        x, y = (z[some].astype(np.float64) for z in stack(row))
        params = jax.tree.map(lambda z: z.astype(np.float64), params_of(row))
        double = np.asarray(jax.jit(lambda x, y, params: example(row)(x, y, **params))(x, y, params))
    np.testing.assert_allclose(outcome(row).scores[some], double, rtol=2e-5, atol=2e-6)
    assert (double != double.astype(np.float32)).any()
