"""Many devices: a sharded batch stays where it is, and every way to spread it gives the numbers of one device."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

import jaxloss
from jaxloss.judgments.distortions import bilateral_blur, jpeg
from jaxloss.judgments.distortions._jpeg import SUBSAMPLINGS
from jaxloss.metrics._natural_scenes import normalize_contrast
from jaxloss.ops import _strips
from jaxloss.ops._filters import BORDERS
from jaxloss.ops._pyramids import ODD_SIZES
from jaxloss.registry import METRICS, Metric
from tests.contract.cases import (
    REPRESENTATIVES,
    assert_same,
    default,
    each_engine,
    every_engine,
    every_row,
    example,
    params_of,
    shape_of,
)
from tests.devices import BATCH, EVERYWHERE, collectives, gathering, mesh, place


Scores = tuple[Any, tuple[Any, ...]]
Function = Callable[..., Any]


def with_gradients(function: Function) -> Function:
    """Scores `[n]` and the gradient of each with respect to its own images, each `[n, H, W, C]`; params come last."""

    def evaluate(*arguments: Any) -> Scores:
        *images, params = arguments
        scores, pull_back = jax.vjp(lambda *images: function(*images, **params), *images)
        return scores, pull_back(jnp.ones_like(scores))

    return evaluate


@contextmanager
def strips() -> Iterator[None]:
    """Images are summed strip by strip, as large ones are, in programs that are traced meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_strips.STRIP_BYTES, "cpu", 1)
        yield


@functools.cache
def images(row: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Eight pairs, tall enough for several strips."""
    height, width, channels = shape_of(row)
    x, y = np.random.default_rng(0).random((2, 8, 2 * height, width, channels), np.float32)
    return x, y


@functools.cache
def on_one_device(row: Metric) -> Scores:
    return jax.jit(with_gradients(example(row)))(*images(row), params_of(row))


def arguments_of(row: Metric, axis_type: AxisType) -> tuple[Any, ...]:
    return *place(images(row), axis_type), place(params_of(row), axis_type, EVERYWHERE)


def compiled_for(row: Metric, axis_type: AxisType) -> tuple[jax.stages.Compiled, Scores]:
    """The program of a sharded batch, and its results."""
    arguments = arguments_of(row, axis_type)
    evaluate = jax.jit(with_gradients(example(row))).lower(*arguments).compile()
    return evaluate, evaluate(*arguments)


def check_sharded_batch(row: Metric) -> jax.stages.Compiled:
    """No collective, results as sharded as the images and right."""
    evaluate, result = compiled_for(row, AxisType.Auto)
    assert collectives(evaluate) == []
    sharding = place(images(row))[0].sharding
    assert all(z.sharding.is_equivalent_to(sharding, z.ndim) for z in jax.tree.leaves(result))
    assert_same(result, on_one_device(row), row)
    return evaluate


IN_STRIPS = ("ssim", "ms_ssim", "mix_loss")  # large images; small ones are taken as a whole


@each_engine((*REPRESENTATIVES, "cw_ssim", "vif"))  # and Fourier transforms, and scans
def test_sharded_batch_needs_no_collective(row: Metric) -> None:
    text = check_sharded_batch(row).as_text() or ""
    assert row.name not in IN_STRIPS or "while(" not in text


@pytest.mark.parametrize("name", IN_STRIPS)
def test_sharded_batch_in_strips_needs_no_collective(name: str) -> None:
    with strips():
        assert "while(" in (check_sharded_batch(METRICS[name]).as_text() or "")


def check_types(function: Function, *arguments: Any) -> Any:
    """Scores and gradients are spread as images are, and nothing on the way to them is gathered; the traced program."""
    evaluate = jax.make_jaxpr(with_gradients(function), return_shape=True)
    with jax.set_mesh(mesh(AxisType.Explicit)):
        program, results = evaluate(*arguments)
    assert {z.sharding.spec[0] for z in jax.tree.leaves(results)} == {"batch"}
    assert gathering(program) == []
    return program


@every_row
def test_types_on_an_explicit_mesh(row: Metric) -> None:
    """There the type of every value says where it is, before anything is compiled; of two leading axes, and of a mask
    that all of them share."""
    pairs = np.stack(images(row), axis=1)
    more = {"mask": np.ones(pairs.shape[2:4], np.float32)} if row.mask else {}
    spread = place((pairs, pairs[:, ::-1]), AxisType.Explicit)
    check_types(example(row), *spread, place({**params_of(row), **more}, AxisType.Explicit, EVERYWHERE))


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("function", [jaxloss.ssim3d, jaxloss.ssim3d_map])
def test_types_of_volumes_on_an_explicit_mesh(function: Function, border: str) -> None:
    """The same of what is in no row: as a whole and in strips, without a mask and with one that all volumes share."""
    function = functools.partial(function, data_range=1.0, window_size=4, border=border)
    volumes = place([np.ones((8, 2, 7, 8, 9, 3), np.float32)] * 2, AxisType.Explicit)
    for more in ({}, {"mask": np.ones((7, 8, 9), np.float32)}):
        params = place(more, AxisType.Explicit, EVERYWHERE)
        check_types(function, *volumes, params)
        with strips():
            program = check_types(function, *volumes, params)
        assert ("scan[" in str(program)) == (function is jaxloss.ssim3d)


OF_ONE_IMAGE: dict[str, Function] = {
    **{f"average_pool, {odd}": functools.partial(jaxloss.ops.average_pool, odd=odd) for odd in ODD_SIZES},
    **{f"jpeg, {ratio}": functools.partial(jpeg, quality=50, subsampling=ratio) for ratio in SUBSAMPLINGS},
    "bilateral_blur": functools.partial(bilateral_blur, sigma=2.0, tolerance=0.1),
    "normalize_contrast": lambda x: normalize_contrast(x[..., 0], border="edge"),
}


@pytest.mark.parametrize("name", OF_ONE_IMAGE)
def test_types_of_one_image_on_an_explicit_mesh(name: str) -> None:
    """Of sides that are multiples of nothing."""
    image = place(np.ones((8, 2, 29, 31, 3), np.float32), AxisType.Explicit)
    check_types(OF_ONE_IMAGE[name], image, {})


@pytest.mark.parametrize("name", IN_STRIPS)
def test_types_in_strips_on_an_explicit_mesh(name: str) -> None:
    row = METRICS[name]
    with strips():
        assert "scan[" in str(check_types(example(row), *arguments_of(row, AxisType.Explicit)))


@each_engine(("ssim", "cw_ssim"))  # sums in strips, and Fourier transforms
def test_explicit_mesh(row: Metric) -> None:
    with strips(), jax.set_mesh(mesh(AxisType.Explicit)):
        evaluate, result = compiled_for(row, AxisType.Explicit)
    assert collectives(evaluate) == []
    assert [jax.typeof(z).sharding.spec[0] for z in jax.tree.leaves(result)] == ["batch"] * 3
    assert_same(result, on_one_device(row), row)


@every_engine
def test_shard_map(row: Metric) -> None:
    """With its check of which values vary from device to device."""
    specs: Any = BATCH, BATCH, EVERYWHERE
    mapped = jax.shard_map(with_gradients(example(row)), mesh=mesh(), in_specs=specs, out_specs=BATCH)
    with strips():
        assert_same(jax.jit(mapped)(*images(row), params_of(row)), on_one_device(row), row)


def test_all_scales_of_ms_ssim_need_no_collective(crop_photograph: Callable[..., np.ndarray]) -> None:
    photographs = crop_photograph(8, 176, 176)[..., :1]
    arguments = place((photographs[::-1], photographs))
    assert collectives(jax.jit(with_gradients(default(METRICS["ms_ssim"]))).lower(*arguments, {}).compile()) == []


def closed_forms(x: Any, y: Any) -> list[Any]:
    return [
        jaxloss.ssim_gradient(x, y, data_range=1.0, window_size=7),
        jaxloss.ms_ssim_gradient(x, y, data_range=1.0, window_size=7, weights=(0.5, 0.5)),
        jaxloss.multi_sigma_ssim_gradient(x, y, data_range=1.0, window_size=7, sigmas=(0.5, 1.0)),
    ]


def test_closed_forms(rng: np.random.Generator) -> None:
    y = rng.random((8, 24, 25, 1), np.float32)
    expected = jax.jit(closed_forms)(0.5 * y, y)
    assert collectives(jax.jit(closed_forms).lower(*place((0.5 * y, y))).compile()) == []
    with jax.set_mesh(mesh(AxisType.Explicit)):
        result = jax.jit(closed_forms)(*place((0.5 * y, y), AxisType.Explicit))
    assert [jax.typeof(z).sharding.spec[0] for z in result] == ["batch"] * 3
    for found, one_device in zip(result, expected, strict=True):
        np.testing.assert_allclose(found, np.asarray(one_device), rtol=1e-4, atol=1e-7)


def test_collectives_would_be_seen() -> None:
    """Compiled, and in the types."""
    arguments = place(images(METRICS["mse"]))
    evaluate = jax.jit(with_gradients(lambda x, y: ((x - y) ** 2).mean()[None])).lower(*arguments, {}).compile()
    assert "all-reduce" in collectives(evaluate)
    x, *_ = arguments_of(METRICS["mse"], AxisType.Explicit)
    with jax.set_mesh(mesh(AxisType.Explicit)):
        program = jax.make_jaxpr(jax.jit(lambda x: (x.sum(0), jnp.concatenate([x, x]), jnp.fft.rfft(x))))(x)
    seen = " ".join(gathering(program))
    assert all(name in seen for name in ("reduce_sum", "concatenate", "fft"))
