"""Laws of the gradients: finite wherever a user can get to, the same in both modes, and those of finite differences."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxloss.registry import Metric
from tests.contract.cases import at, every_row, example, is_equal, outcome, pairs, params_of, program, shape_of, stack


@every_row
def test_gradients_are_finite_at_the_hard_points(row: Metric) -> None:
    result, names = outcome(row), np.array(list(pairs(row)))
    extreme = row.perfect in (row.lowest, row.highest)  # of some, images can be better than perfect
    assert not np.isnan(result.scores).any()
    for gradient in (result.by_x, result.by_y):
        finite = np.isfinite(gradient).all(axis=(1, 2, 3))
        assert names[~finite].tolist() == []
        moved = gradient.any(axis=(1, 2, 3))
        assert names[is_equal(row) & moved & extreme].tolist() == []


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
    """In float64 of three pairs: scores, their slopes along a line (forward mode), and gradients (reverse mode)."""

    scores: np.ndarray
    slopes: np.ndarray
    by_x: np.ndarray
    by_y: np.ndarray


@functools.cache
def double_program(row: Metric) -> Callable[..., Double]:
    """`(x, y, u, v) -> Double` of three pairs and the directions of both images, compiled once."""
    params = jax.tree.map(lambda z: z.astype(np.float64), params_of(row))

    @jax.jit
    def evaluate(x: Any, y: Any, u: Any, v: Any, params: Any) -> Any:
        def score(x: Any, y: Any) -> Any:
            return example(row)(x, y, **params)

        scores, slope = jax.linearize(score, x, y)
        return scores, slope(u, v), *jax.linear_transpose(slope, x, y)(np.ones(3))

    def call(*images: np.ndarray) -> Double:
        with jax.enable_x64(True):
            result = evaluate(*images, params)
            assert all(z.dtype == np.float64 for z in result)
            return Double(*map(np.asarray, result))

    return call


class Line(NamedTuple):
    """Three pairs on a line through one: before it, at it, after it."""

    double: Double
    u: np.ndarray
    v: np.ndarray
    step: float


@functools.cache
def on_a_line(row: Metric) -> Line:
    rng = np.random.default_rng(1)
    y = rng.random(shape_of(row))
    x = np.clip(y + rng.normal(0, 0.2, y.shape), 0, 1)
    # Off the kink of |x - y|, across which no finite difference is a derivative.
    x = np.where(np.abs(x - y) < 0.01, y + 0.02, x)
    # And off white, where hues have none.
    x = np.where((x == 1).all(axis=-1, keepdims=True), (1, 0.9, 0.8), x)
    u, v = rng.normal(size=(2, *y.shape))
    step = 1e-6 if row.params else 1e-5  # there are many kinks in a network
    points = [(x + t * u, y + t * v) for t in (-step, 0, step)]
    three = (np.stack(z) for z in zip(*points, strict=True))
    return Line(double_program(row)(*three, np.stack([u] * 3), np.stack([v] * 3)), u, v, step)


@every_row
def test_derivatives_are_those_of_finite_differences(row: Metric) -> None:
    """In both modes, along a random direction of both images at once."""
    before, _, after = on_a_line(row).double.scores
    difference = (after - before) / (2 * on_a_line(row).step)
    np.testing.assert_allclose(on_a_line(row).double.slopes[1], difference, rtol=1e-6, atol=1e-7)


@every_row
def test_forward_mode_is_the_transpose_of_reverse_mode(row: Metric) -> None:
    double, u, v, _ = on_a_line(row)
    pairing = (double.by_x * u + double.by_y * v).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(double.slopes, pairing, rtol=1e-9, atol=1e-12)


@every_row
def test_single_precision_is_close_to_double(row: Metric) -> None:
    """float64 gives more than float32's digits; and data_range traced, as there, or static, as here, is the same."""
    some = at(row, "related", "random", "noise 0.1")
    x, y = (z[some].astype(np.float64) for z in stack(row))
    scores = double_program(row)(x, y, x, y).scores
    np.testing.assert_allclose(outcome(row).scores[some], scores, rtol=2e-5, atol=2e-6)
    assert (scores != scores.astype(np.float32)).any()
