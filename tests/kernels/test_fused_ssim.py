"""The kernel gives what the plain form gives, under every transformation. It runs on Warp's CPU target."""

import functools
import importlib
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from jaxloss import ssim
from jaxloss.kernels import _fused_ssim, fused_ssim
from tests.devices import collectives


SHAPE = (8, 18, 37, 2)  # a tile and a part of one
WINDOW: dict[str, Any] = {"window_size": 4, "sigma": 1.0}
on_cpu = functools.partial(fused_ssim, platforms=("cpu",), **WINDOW)
plain = functools.partial(ssim, **WINDOW)
PAIR = tuple(np.random.default_rng(0).random((2, *SHAPE), np.float32))
MASK = np.random.default_rng(1).integers(0, 3, SHAPE[:-1]).astype(np.float32)
ROWS = PartitionSpec("b")


@pytest.fixture(scope="module")
def warp() -> Any:
    module = pytest.importorskip("warp", reason="the kernel is written in NVIDIA Warp: pip install 'jaxloss[warp]'")
    # Warp compiles from the source of functions; the hook that checks annotations would hide it.
    with pytest.MonkeyPatch.context() as patch:
        finders = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("jaxtyping")]
        patch.setattr(sys, "meta_path", finders)
        importlib.import_module("jaxloss.kernels._warp_ssim")
    return module


needs_warp = pytest.mark.usefixtures("warp")


def with_gradients(function: Any, **options: Any) -> Any:
    def evaluate(x: Any, y: Any) -> Any:
        scores, pull_back = jax.vjp(functools.partial(function, data_range=1.0, **options), x, y)
        return scores, *pull_back(jnp.ones_like(scores))

    return evaluate


def assert_same(result: Any, expected: Any) -> None:
    """1e-6 in scores, which are about 1, and 1e-5 of the largest derivative."""

    def compare(a: Any, b: Any) -> None:
        atol = 1e-6 if b.ndim == 1 else 1e-5 * np.abs(b).max()
        np.testing.assert_allclose(a, np.asarray(b), rtol=0, atol=atol)

    jax.tree.map(compare, result, expected)


def test_without_being_asked_it_is_ssim() -> None:
    by_default = jax.jit(with_gradients(functools.partial(fused_ssim, **WINDOW)))
    assert "custom_call" not in by_default.lower(*PAIR).as_text()
    assert_same(by_default(*PAIR), jax.jit(with_gradients(plain))(*PAIR))


def test_kernel_without_warp_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "warp", None)
    monkeypatch.delitem(sys.modules, "jaxloss.kernels._warp_ssim", raising=False)
    with pytest.raises(ImportError, match=r"fused_ssim: expected NVIDIA Warp.*jaxloss\[warp\]"):
        jax.jit(functools.partial(on_cpu, data_range=1.0)).lower(*PAIR)
    with pytest.raises(ValueError, match="platforms"):
        fused_ssim(*PAIR, data_range=1.0, platforms=("tpu",))


def test_large_windows_take_smaller_tiles() -> None:
    sizes = [_fused_ssim.choose_tile((1.0,) * size, masked) for masked in (False, True) for size in (11, 16, 22, 23)]
    assert sizes == [32, 24, 16, None, 24, 16, None, None]


@needs_warp
@pytest.mark.parametrize("mask", [None, MASK])
def test_equals_the_plain_form(mask: Any) -> None:
    fused = jax.jit(with_gradients(on_cpu, mask=mask))
    assert "custom_call @" in fused.lower(*PAIR).as_text()
    assert_same(fused(*PAIR), jax.jit(with_gradients(plain, mask=mask))(*PAIR))


@needs_warp
def test_transformations() -> None:
    """Mapped over images and range at once, forward mode, and second order, which is that of the plain form."""

    def every(function: Any) -> Any:
        def evaluate(x: Any, y: Any) -> Any:
            def score(x: Any, y: Any, data_range: Any) -> Any:
                return function(x, y, data_range=data_range)

            mapped = jax.vmap(jax.grad(score))(x, y, jnp.linspace(1.0, 2.0, len(x)))
            slope = jax.grad(lambda x: score(x, y, 1.0).sum())
            return mapped, jax.jvp(lambda x: score(x, y, 1.0), (x,), (y,)), jax.jvp(slope, (x,), (y,))

        return jax.jit(evaluate)

    assert_same(every(on_cpu)(*PAIR), every(plain)(*PAIR))


@needs_warp
def test_many_devices() -> None:
    """A sharded batch stays where it is, in every way to spread it."""
    expected = jax.jit(with_gradients(plain))(*PAIR)
    program = jax.jit(with_gradients(on_cpu))
    mesh = jax.make_mesh((8,), ("b",), axis_types=(AxisType.Auto,))
    pair = jax.device_put(PAIR, jax.NamedSharding(mesh, ROWS))
    assert collectives(program.lower(*pair).compile()) == []
    assert_same(program(*pair), expected)
    mapped = jax.shard_map(with_gradients(on_cpu), mesh=mesh, in_specs=ROWS, out_specs=ROWS)
    assert_same(jax.jit(mapped)(*pair), expected)
    with jax.set_mesh(jax.make_mesh((8,), ("b",), axis_types=(AxisType.Explicit,))):
        assert_same(jax.jit(with_gradients(on_cpu))(*jax.device_put(PAIR, ROWS)), expected)


@pytest.mark.full
@pytest.mark.parametrize("mask", [None, MASK])
def test_threads_wait_for_each_other(warp: Any, mask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, many share a block. Each runs until a barrier, then the next: no barrier may be missing."""
    from jaxloss.kernels._warp_ssim import launch

    monkeypatch.setattr(warp.config, "enable_cpu_blocks", True)
    taps = (0.2, 0.5, 0.3)
    constants = np.tile(np.array([1e-4, 9e-4, 0.5, 1.0], np.float32), (len(MASK), 1))
    maps = [z.reshape(*SHAPE[:2], -1) for z in (*PAIR, *([] if mask is None else [np.stack([mask] * SHAPE[-1], -1)]))]
    alone, together = (
        jax.jit(functools.partial(launch, taps, 24, SHAPE[-1], threads))(constants, *maps) for threads in (1, 64)
    )
    assert_same(together[1], alone[1])
    np.testing.assert_allclose(together[0], np.asarray(alone[0]), rtol=1e-6)


@pytest.mark.full
@pytest.mark.parametrize("capability", [80, 90])
def test_compiles_for_a_gpu_that_is_not_there(warp: Any, capability: int, tmp_path: Path) -> None:
    from jaxloss.kernels._warp_ssim import make_kernel

    kernel = make_kernel((0.25, 0.5, 0.25), 32, _fused_ssim.THREADS["cuda"], False)
    warp.compile_aot_module(kernel.module, arch=capability, module_dir=tmp_path, use_ptx=False)
    (binary,) = tmp_path.glob("*.cubin")
    assert binary.read_bytes()[:4] == b"\x7fELF"
