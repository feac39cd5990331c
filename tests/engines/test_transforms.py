"""Transformations change how a score is computed, not what it is: vmap, pmap, scan, remat, calls outside of jit."""

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import METRICS, Metric
from tests.contract.cases import assert_same, every_engine, example, outcome_of, pairs, params_of


Scores = tuple[Any, Any]


def images(row: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Two pairs, `[2, H, W, C]`."""
    x, y = (np.stack(z) for z in zip(*(pairs(row)[name] for name in ("related", "noise 0.1")), strict=True))
    return x, y


def with_gradients(row: Metric, params: Any) -> Any:
    """`(x, y) -> scores, (gradients by x, gradients by y)`, of one pair or of a batch."""

    def evaluate(x: Any, y: Any) -> Scores:
        scores, pull_back = jax.vjp(lambda x, y: example(row)(x, y, **params), x, y)
        return scores, pull_back(jnp.ones_like(scores))

    return evaluate


def batched(row: Metric, x: np.ndarray, y: np.ndarray) -> Scores:
    """By the program of the contract's laws."""
    scores, *gradients = outcome_of(row, x, y)
    return scores, tuple(gradients)


@every_engine
def test_axes_of_a_batch(row: Metric) -> None:
    """Leading axes and mapped ones, first, last and nested, give what a batch gives; the scan has single images."""
    x, y = images(row)

    @jax.jit
    def evaluate(x: Any, y: Any, params: Any) -> dict[str, Scores]:
        f = with_gradients(row, params)
        last = (jnp.moveaxis(z, 0, 3)[None] for z in (x, y))
        return {"nested": jax.vmap(jax.vmap(f, in_axes=3))(*last), "leading": f(x[None], y[None])}

    for name, result in evaluate(x, y, params_of(row)).items():
        try:
            assert_same(jax.tree.map(lambda z: z[0], result), batched(row, x, y), row)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


@every_engine
def test_one_image_shared_by_vmap(row: Metric) -> None:
    """One of two images mapped over, in the score and in both gradients."""
    x, y = images(row)

    @jax.jit
    def evaluate(x: Any, one: Any, params: Any) -> tuple[Scores, Scores]:
        f = with_gradients(row, params)
        return jax.vmap(f, in_axes=(0, None))(x, one), jax.vmap(f, in_axes=(None, 0))(one, x)

    both = np.stack([y[0], y[0]])
    assert_same(evaluate(x, y[0], params_of(row)), (batched(row, x, both), batched(row, both, x)), row)


@every_engine
def test_scan_remat_and_pmap(row: Metric) -> None:
    """One image after the other, each forward pass computed again for the backward pass; and one on each device."""
    x, y = images(row)

    @jax.jit
    def one_by_one(x: Any, y: Any, params: Any) -> Scores:
        def again(x: Any, y: Any) -> Scores:
            scores, pull_back = jax.vjp(jax.checkpoint(lambda x, y: example(row)(x, y, **params)), x, y)
            return scores, pull_back(jnp.ones_like(scores))

        return jax.lax.scan(lambda carry, pair: (carry, again(*pair)), None, (x, y))[1]

    expected = batched(row, x, y)
    assert_same(one_by_one(x, y, params_of(row)), expected, row)

    def score(x: Any, y: Any, params: Any) -> Any:
        return example(row)(x, y, **params)

    spread = jax.pmap(score, in_axes=(0, 0, None), devices=jax.devices()[:2])
    assert_same(spread(x, y, params_of(row)), expected[0], row)


@every_engine
def test_second_derivatives(row: Metric) -> None:
    """Forward over reverse and reverse over forward, in float64, are finite differences of the first derivative; each
    other, where that has jumps."""
    with jax.enable_x64(True):
        x, y = (z[0].astype(np.float64) for z in images(row))
        x = np.where(np.abs(x - y) < 0.01, y + 0.02, x)  # off the kink of |x - y|
        x = np.where((x == 0).all(-1, keepdims=True), 0.02, x)  # off black, which has no spectrum
        u, v = np.random.default_rng(3).normal(size=(2, *x.shape))
        params = jax.tree.map(lambda z: z.astype(np.float64), params_of(row))

        @jax.jit
        def derivatives(t: Any, params: Any) -> tuple[Any, Any, Any]:
            def score(t: Any) -> Any:
                return example(row)(x + t * u, y + t * v, **params)

            def slope(t: Any) -> Any:
                return jax.jvp(score, (t,), (jnp.ones_like(t),))[1]

            reverse_slope, forward_over_reverse = jax.jvp(jax.grad(score), (t,), (jnp.ones_like(t),))
            return reverse_slope, forward_over_reverse, jax.grad(slope)(t)

        step = 1e-6
        before, here, after = (np.asarray(derivatives(jnp.float64(t), params)) for t in (-step, 0, step))
    difference = (after[0] - before[0]) / (2 * step)
    np.testing.assert_allclose(here[1:], [difference if row.smooth else here[1]] * 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["mse", "ssim"])
def test_a_second_call_outside_of_jit_compiles_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    row = METRICS[name]
    x, y = images(row)
    example(row)(x, y)
    with caplog.at_level(logging.WARNING), jax.log_compiles():
        example(row)(y, x)
        assert [record.getMessage() for record in caplog.records] == []
        jax.jit(lambda x: x + 1)(x)
        assert any("Compiling" in record.getMessage() for record in caplog.records)
