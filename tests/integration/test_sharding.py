"""Many devices: a sharded batch stays where it is, and every way to spread it gives the numbers of one device."""

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

import jaxloss
from jaxloss.ops import _strips
from jaxloss.registry import METRICS, Metric
from tests.contract.cases import default, every_metric, random_pair, small


Scores = tuple[jax.Array, tuple[jax.Array, jax.Array]]
Evaluate = Callable[..., Scores]
Pair = tuple[np.ndarray, np.ndarray]

BATCH = PartitionSpec("batch")
CLOSED_FORMS = (jaxloss.ssim_gradient, jaxloss.ms_ssim_gradient, jaxloss.multi_sigma_ssim_gradient)
COLLECTIVE = re.compile(r"\b(all-gather|all-reduce|all-to-all|collective-\w+|reduce-scatter)(-start)?\(")


def value_and_gradient(function: Callable[..., jax.Array]) -> Evaluate:
    """Scores `[n]` and the gradient of each with respect to its own images, `[n, H, W, C]` twice."""

    def evaluate(x: jax.Array, y: jax.Array, *others: Any) -> Scores:
        scores, pull_back = jax.vjp(lambda x, y: function(x, y, *others), x, y)
        gradients = pull_back(jnp.ones_like(scores))
        return scores, (gradients[0], gradients[1])

    return evaluate


def mesh(axis_type: AxisType) -> Mesh:
    return jax.make_mesh((8,), ("batch",), axis_types=(axis_type,))


def shard(images: Pair, axis_type: AxisType) -> tuple[jax.Array, ...]:
    return jax.device_put(images, NamedSharding(mesh(axis_type), BATCH))


def compiled_text(function: Callable[..., Any], images: tuple[jax.Array, ...]) -> str:
    return jax.jit(function).lower(*images).compile().as_text() or ""


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images summed strip by strip, as large ones are."""
    monkeypatch.setattr(_strips, "STRIP_BYTES", 1)


def tall(row: Metric, rng: np.random.Generator) -> Pair:
    """Eight small images, tall enough for several strips."""
    x, y = random_pair(row, rng, 8, channels=1)
    return np.concatenate([x, 1 - x], axis=1), np.concatenate([y, 1 - y], axis=1)


@functools.cache
def on_one_device(row: Metric) -> Scores:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_strips, "STRIP_BYTES", 2**30)
        return jax.jit(value_and_gradient(small(row)))(*tall(row, np.random.default_rng(0)))


def assert_same(result: Scores, row: Metric) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5, atol=1e-6), result, on_one_device(row)
    )


def check_sharded_batch(row: Metric, rng: np.random.Generator) -> str:
    """No collective, results as sharded as the images and right; returns the compiled program."""
    images = shard(tall(row, rng), AxisType.Auto)
    evaluate = jax.jit(value_and_gradient(small(row))).lower(*images).compile()
    program = evaluate.as_text() or ""
    assert "num_partitions=8" in program and COLLECTIVE.findall(program) == []
    result = evaluate(*images)
    assert all(z.sharding.is_equivalent_to(images[0].sharding, z.ndim) for z in jax.tree.leaves(result))
    assert_same(result, row)
    return program


@every_metric
def test_sharded_batch_needs_no_collective(row: Metric, rng: np.random.Generator) -> None:
    assert "while(" not in check_sharded_batch(row, rng)


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("name", [name for name in METRICS if "ssim" in name or name == "mix_loss"])
def test_sharded_batch_in_strips_needs_no_collective(name: str, rng: np.random.Generator) -> None:
    assert "while(" in check_sharded_batch(METRICS[name], rng)


def test_all_scales_of_ms_ssim_need_no_collective(crop_photograph: Callable[..., np.ndarray]) -> None:
    photographs = crop_photograph(8, 176, 176)
    images = shard((photographs[::-1], photographs), AxisType.Auto)
    program = compiled_text(value_and_gradient(default(METRICS["ms_ssim"])), images)
    assert "num_partitions=8" in program and COLLECTIVE.findall(program) == []


class Lpips(NamedTuple):
    images: Pair
    params: Any
    evaluate: Evaluate  # takes images and parameters
    expected: Scores


@pytest.fixture(scope="module")
def lpips(crop_photograph: Callable[..., np.ndarray]) -> Lpips:
    photographs, params = crop_photograph(8, 48, 64), jaxloss.load_params("lpips-alex")
    images = photographs[::-1], photographs
    evaluate = value_and_gradient(lambda x, y, params: jaxloss.lpips(x, y, params=params, data_range=1.0))
    return Lpips(images, params, evaluate, jax.jit(evaluate)(*images, params))


def assert_close(result: Scores, lpips: Lpips) -> None:
    for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(lpips.expected), strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-4, atol=1e-6)


def test_lpips_needs_no_collective(lpips: Lpips) -> None:
    everywhere = NamedSharding(mesh(AxisType.Auto), PartitionSpec())
    arguments = *shard(lpips.images, AxisType.Auto), jax.device_put(lpips.params, everywhere)
    evaluate = jax.jit(lpips.evaluate).lower(*arguments).compile()
    program = evaluate.as_text() or ""
    assert "num_partitions=8" in program and COLLECTIVE.findall(program) == []
    assert_close(evaluate(*arguments), lpips)


def test_lpips_on_explicit_meshes(lpips: Lpips) -> None:
    everywhere = NamedSharding(mesh(AxisType.Explicit), PartitionSpec())
    with jax.set_mesh(mesh(AxisType.Explicit)):
        params = jax.device_put(lpips.params, everywhere)
        typed = jax.jit(lpips.evaluate)(*shard(lpips.images, AxisType.Explicit), params)
    assert [jax.typeof(z).sharding.spec[0] for z in jax.tree.leaves(typed)] == ["batch"] * 3
    assert_close(typed, lpips)


def test_lpips_in_shard_map(lpips: Lpips) -> None:
    specs: Any = BATCH, BATCH, PartitionSpec()
    mapped = jax.shard_map(lpips.evaluate, mesh=mesh(AxisType.Auto), in_specs=specs, out_specs=BATCH)
    assert_close(jax.jit(mapped)(*lpips.images, lpips.params), lpips)


def test_collectives_would_be_seen(rng: np.random.Generator) -> None:
    images = shard(tall(METRICS["mse"], rng), AxisType.Auto)
    program = compiled_text(value_and_gradient(lambda x, y: ((x - y) ** 2).mean()[None]), images)
    assert COLLECTIVE.findall(program) != []


@every_metric
@pytest.mark.usefixtures("strips")
def test_explicit_mesh(row: Metric, rng: np.random.Generator) -> None:
    """Sharding as part of the type: known for every result while tracing."""
    images = shard(tall(row, rng), AxisType.Explicit)
    with jax.set_mesh(mesh(AxisType.Explicit)):
        result = jax.jit(value_and_gradient(small(row)))(*images)
    assert [jax.typeof(z).sharding.spec[0] for z in jax.tree.leaves(result)] == ["batch"] * 3
    assert_same(result, row)


@every_metric
@pytest.mark.usefixtures("strips")
def test_shard_map(row: Metric, rng: np.random.Generator) -> None:
    """With its check of which values vary from device to device."""
    evaluate = value_and_gradient(small(row))
    mapped = jax.shard_map(evaluate, mesh=mesh(AxisType.Auto), in_specs=BATCH, out_specs=BATCH)
    assert_same(jax.jit(mapped)(*tall(row, rng)), row)


@pytest.mark.parametrize("function", CLOSED_FORMS, ids=lambda function: function.__name__)
def test_closed_forms(function: Callable[..., jax.Array], rng: np.random.Generator) -> None:
    y = rng.random((8, 24, 25, 1), np.float32)
    options = {"weights": (0.5, 0.5)} if function is jaxloss.ms_ssim_gradient else {}
    options |= {"window_size": 11} if function is jaxloss.multi_sigma_ssim_gradient else {}
    evaluate = jax.jit(functools.partial(function, data_range=1.0, **options))
    expected = evaluate(0.5 * y, y)
    assert COLLECTIVE.findall(compiled_text(evaluate, shard((0.5 * y, y), AxisType.Auto))) == []
    with jax.set_mesh(mesh(AxisType.Explicit)):
        result = evaluate(*shard((0.5 * y, y), AxisType.Explicit))
    assert jax.typeof(result).sharding.spec[0] == "batch"
    np.testing.assert_allclose(result, np.asarray(expected), rtol=1e-4, atol=1e-7)


@every_metric
def test_pmap(row: Metric, rng: np.random.Generator) -> None:
    assert_same(jax.pmap(value_and_gradient(small(row)))(*tall(row, rng)), row)


@every_metric
def test_scan_and_remat(row: Metric, rng: np.random.Generator) -> None:
    """One image after the other, each forward pass computed again for the backward pass."""
    images = tall(row, rng)
    evaluate = value_and_gradient(jax.checkpoint(small(row)))

    @jax.jit
    def one_by_one(*images: jax.Array) -> Scores:
        return jax.lax.scan(lambda carry, pair: (carry, evaluate(*pair)), None, images)[1]

    assert_same(one_by_one(*images), row)
