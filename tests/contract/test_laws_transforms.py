"""Laws of the transformations: batches, jit and strips change how a score is computed, not what it is."""

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import _strips
from jaxloss.registry import METRICS, Metric
from tests.contract.cases import compiled, every_metric, every_ranged_metric, random_pair, small, small_shape


# What sums local statistics strip by strip, once an image is large.
STRIPPED = [name for name in METRICS if "ssim" in name or name == "mix_loss"]


def assert_same(result: jax.Array, expected: object) -> None:
    np.testing.assert_allclose(result, np.asarray(expected), rtol=1e-5, atol=1e-6)


@every_metric
def test_batch_is_a_loop(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    function = small(row)
    loop = [function(a, b) for a, b in zip(x, y, strict=True)]
    assert all(score.shape == () for score in loop)
    assert_same(function(x, y), loop)
    assert_same(compiled(row)(x, y), loop)
    assert_same(jax.jit(jax.vmap(function))(x, y), loop)
    last = jax.jit(jax.vmap(function, in_axes=3, out_axes=0))
    assert_same(last(np.moveaxis(x, 0, 3), np.moveaxis(y, 0, 3)), loop)
    assert_same(jax.pmap(function, devices=jax.devices()[:2])(x, y), loop)


@every_metric
def test_leading_axes(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2, 3)
    function = compiled(row)
    scores = function(x, y)
    assert scores.shape == (2, 3)
    assert_same(function(x[1], y[1]), scores[1])
    assert_same(function(x[1, 2], y[1, 2]), scores[1, 2])
    assert_same(jax.jit(jax.vmap(jax.vmap(function)))(x, y), scores)
    assert function(x[:, :0], y[:, :0]).shape == (2, 0)


@every_metric
def test_reference_shared_by_vmap(row: Metric, rng: np.random.Generator) -> None:
    """One of two images mapped over, in the score and in both gradients."""
    x, y = random_pair(row, rng, 2)
    function = small(row)
    both = np.stack([y[0], y[0]])
    with_gradient = jax.value_and_grad(function, argnums=(0, 1))

    @jax.jit
    def evaluate(x: jax.Array, one: jax.Array, both: jax.Array) -> tuple[Any, Any]:
        shared = jax.vmap(with_gradient, in_axes=(0, None))(x, one), jax.vmap(function, in_axes=(None, 0))(one, x)
        return shared, (jax.vmap(with_gradient)(x, both), function(both, x))

    jax.tree.map(assert_same, *evaluate(x, y[0], both))


@every_metric
def test_data_range_and_mask_may_be_tracers(row: Metric, rng: np.random.Generator) -> None:
    """One trace per shape and dtype, whatever the values; and scores are those of static arguments."""
    images = random_pair(row, rng, 2), random_pair(row, rng, 2)
    masks = [rng.random(images[0][0].shape[:-1], np.float32) for _ in images]
    shapes = []

    @jax.jit
    def traced(x: jax.Array, y: jax.Array, options: dict[str, jax.Array]) -> jax.Array:
        shapes.append(x.shape)
        return small(row)(x, y, **options)

    for (x, y), mask, data_range in zip(images, masks, (1.0, 2.0), strict=True):
        numbers = {"data_range": data_range} if "data_range" in row.needs else {}
        arrays = {"mask": mask} if row.mask else {}
        tracers = arrays | {name: jnp.float32(value) for name, value in numbers.items()}
        assert_same(traced(x, y, tracers), small(row)(x, y, **arrays, **numbers))
    assert shapes == [images[0][0].shape]


@every_ranged_metric
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.int32], ids=["float16", "int32"])
def test_traced_data_range_takes_the_dtype_of_the_images(row: Metric, dtype: jnp.dtype) -> None:
    image = jax.ShapeDtypeStruct((*small_shape(row), 3), jnp.float32)
    score = jax.eval_shape(lambda x, d: small(row)(x, x, data_range=d), image, jax.ShapeDtypeStruct((), dtype))
    assert (score.shape, score.dtype) == ((), jnp.float32)


@every_metric
def test_eager_call_compiles_once(row: Metric, rng: np.random.Generator, caplog: pytest.LogCaptureFixture) -> None:
    first, second = random_pair(row, rng, 2), random_pair(row, rng, 2)
    small(row)(*first)
    with caplog.at_level(logging.WARNING), jax.log_compiles():
        small(row)(*second)
        assert [record.getMessage() for record in caplog.records] == []
        jax.jit(lambda x: x + 1)(first[0])
        assert any("Compiling" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("name", STRIPPED)
def test_strips_do_not_change_the_score(name: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and gradient, with a mask and without one, of an image cut into strips."""
    row = METRICS[name]
    y = rng.random((1, 67, 29, 1), np.float32)
    x = np.clip(y + 0.2 * rng.normal(size=y.shape).astype(np.float32), 0, 1)
    mask = rng.random((1, 67, 29), np.float32)

    def both(x: jax.Array, y: jax.Array) -> jax.Array:
        return (small(row)(x, y) + 2 * small(row)(x, y, mask=mask)).sum()

    def evaluate() -> tuple[str, object]:
        traced = jax.jit(jax.value_and_grad(both, argnums=(0, 1))).trace(x, y)
        return str(traced.jaxpr), traced.lower().compile()(x, y)

    whole_program, whole = evaluate()
    monkeypatch.setattr(_strips, "STRIP_BYTES", 1)
    strips_program, strips = evaluate()
    assert "scan[" not in whole_program and strips_program.count("scan[") >= 2
    jax.tree.map(assert_same, strips, whole)
