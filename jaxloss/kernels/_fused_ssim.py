"""SSIM and its gradient in one pass over the images on an NVIDIA GPU: the kernel of `_warp_ssim` as JAX sees it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.extend.core import Primitive
from jax.interpreters import mlir
from jax.sharding import NamedSharding, PartitionSpec

from .._checks import check_choice, error_text
from .._types import Array, Image, Mask, Scalar, Scores
from ..metrics._ssim import SSIMOptions, ssim_windows
from ..metrics._statistics import Constants, SSIMField, WeightedField, dissimilarity
from ..ops._filters import Taps
from ..ops._pooling import mean_from_sums
from ..ops._sums import Field, Moving, Sums, sum_field, sum_pixels


THREADS = {"cuda": 512, "cpu": 1}  # of a block; on a CPU, Warp computes a block in one thread
TILES = (32, 24, 16)  # sides of the tile of a block: the first of which all maps fit into
SHARED_BYTES = 96 * 2**10  # that a block can have since compute capability 7.0


def fused_ssim(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    mask: Mask | None = None,
    platforms: Sequence[str] = ("cuda",),
    **options: Unpack[SSIMOptions],
) -> Scores:
    """`jaxloss.ssim` whose value and first derivatives are one kernel on an NVIDIA GPU.

    Elsewhere it is `ssim`, and so it is for float64, windows of more than 22 taps (19 under a mask), the gradient by
    the mask, and derivatives of second order. The program holds names of this process: `jax.export` cannot carry it.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`.
        platforms: JAX's names of the devices on which the kernel is used; `"cpu"` is there for tests, and slow.
        options: As for `jaxloss.ssim`.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal images.

    Raises:
        ImportError: When compiled for one of the platforms where NVIDIA Warp is not installed.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> from jaxloss.kernels import fused_ssim
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(fused_ssim(1 - y, y, data_range=1.0).round(3))
        -0.967
    """
    for platform in platforms:
        check_choice("fused_ssim", "platforms", platform, THREADS)
    windowed = ssim_windows("fused_ssim", x, y, data_range, mask, options)
    maps, channels = windowed.maps, windowed.channels
    field = FusedField(windowed.windows[0], tuple(platforms))
    total = sum_field(field, channels, windowed.constants, *maps)
    before, after = field.halo // 2, field.halo - field.halo // 2
    _, height, width = maps[0].shape
    if mask is None:
        mean = total / ((height - field.halo) * (width // channels - field.halo))
    else:
        centers = maps[-1][:, before : height - after, before * channels : width - after * channels]
        mean = mean_from_sums(total, sum_pixels(centers, channels))
    return 1 - mean.reshape(*windowed.shape[:-3], channels).mean(axis=-1)


def choose_tile(taps: Taps, masked: bool) -> int | None:
    """The side of a block's tile, or None for a window too large for the shared memory."""
    halo = len(taps) - 1
    for tile in TILES:
        side, reach = tile + 2 * halo, tile + halo
        # The two buffers of `_warp_ssim`, and what Warp adds: the tile of the gradient and, at most, 4 KiB.
        if (20 if masked else 16) * (side + reach) * side + 4 * tile**2 + 4096 <= SHARED_BYTES:
            return tile
    return None


@dataclass(frozen=True)
class FusedField:
    """One minus SSIM at each window, times the weight of its center if there is one."""

    taps: Taps
    platforms: tuple[str, ...]

    @property
    def halo(self) -> int:
        return len(self.taps) - 1

    def __call__(self, step: int, parameters: Constants, *maps: Array) -> Array:
        return self.plain(len(maps))(step, parameters, *maps)

    def plain(self, count: int) -> Field:
        field = SSIMField(self.taps, dissimilarity)
        return field if count == 2 else WeightedField(field)

    def sweep(self, channels: int, moving: Moving, parameters: Constants, *maps: Array) -> Sums | None:
        """The sums `[n, channels]` and their gradients by the moving images; None for what the kernel cannot do."""
        fits = choose_tile(self.taps, len(maps) == 3) is not None
        if not fits or set(moving) - {0, 1} or maps[0].dtype != jnp.float32 or not maps[0].size:
            return None
        # The field is symmetric in its images.
        results = [_sweep(self, channels, parameters, maps[i], maps[1 - i], *maps[2:]) for i in moving or (0,)]
        return results[0][0], [gradient for _, gradient in results if moving]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sweep(field: FusedField, channels: int, parameters: Constants, *maps: Array) -> tuple[Array, Array]:
    """The sums, and their gradient by the first image."""
    fused = {platform: functools.partial(_fused, field, channels) for platform in field.platforms}
    return lax.platform_dependent(parameters, *maps, **fused, default=functools.partial(_plain, field, channels))


@_sweep.defjvp
def _sweep_jvp(field: FusedField, channels: int, primals: Sequence, tangents: Sequence) -> Any:
    """Of the kernel's gradient there is no derivative, of the plain one there is."""
    return jax.jvp(functools.partial(_plain, field, channels), tuple(primals), tuple(tangents))


def _plain(field: FusedField, channels: int, parameters: Constants, *maps: Array) -> tuple[Array, Array]:
    plain = field.plain(len(maps))
    total, pull_back = jax.vjp(lambda x: sum_field(plain, channels, parameters, x, *maps[1:]), maps[0])
    return total, *pull_back(jnp.ones_like(total))


def _fused(field: FusedField, channels: int, parameters: Constants, *maps: Array) -> tuple[Array, Array]:
    # For each image, so that they can be mapped over with the images.
    constants = jnp.broadcast_to(jnp.stack([jnp.asarray(p, maps[0].dtype) for p in parameters]), (len(maps[0]), 4))

    def launch(*operands: Array) -> tuple[Array, ...]:
        return tuple(launch_p.bind(*operands, taps=field.taps, channels=channels))

    return _transformable(launch, len(maps))(constants, *maps)


def _transformable(launch: Callable[..., Any], count: int) -> Callable[..., Any]:
    """With its batching rule, which merges axes, and its partitioning rule, which splits the leading one."""
    split = custom_partitioning(launch)
    images = ", ".join(["n h w"] * count)
    rule = {"sharding_rule": f"n k, {images} -> n c, n h w", "need_replication_factors": ("k", "h", "w", "c")}

    def partition(mesh: Any, arguments: Any, results: Any) -> Any:
        spec = arguments[1].sharding.spec
        rows = NamedSharding(mesh, PartitionSpec(spec[0] if spec else None))
        return mesh, launch, (rows,) * len(results), (rows,) * len(arguments)

    split.def_partition(partition, **rule)

    @jax.custom_batching.custom_vmap
    def call(constants: Array, *maps: Array) -> Any:
        axis = jax.typeof(maps[0]).sharding.spec[0]
        if axis is None:
            return split(constants, *maps)
        rows = PartitionSpec(axis)  # of a mesh with explicit axes
        return jax.shard_map(launch, out_specs=rows)(jax.reshard(constants, rows), *maps)

    @call.def_vmap
    def merge(size: int, mapped: Sequence[bool], *operands: Array) -> tuple[Any, Any]:
        spread = (z if m else jnp.broadcast_to(z, (size, *z.shape)) for z, m in zip(operands, mapped, strict=True))
        outputs = call(*(z.reshape(-1, *z.shape[2:]) for z in spread))
        return tuple(out.reshape(size, -1, *out.shape[1:]) for out in outputs), (True, True)

    return call


def _abstract(constants, x, *maps, taps: Taps, channels: int):
    # `update` keeps the sharding and the varying manual axes of the image.
    return [x.update(shape=(x.shape[0], channels), weak_type=False), x.update(weak_type=False)]


def _launch(threads: int, constants: Array, *maps: Array, taps: Taps, channels: int) -> list[Array]:
    try:
        from ._warp_ssim import launch
    except ImportError as error:
        way_out = "Install it by pip install 'jaxloss[warp]', or call jaxloss.ssim."
        raise ImportError(error_text("fused_ssim", "NVIDIA Warp", str(error), way_out)) from error
    tile = choose_tile(taps, len(maps) == 3)
    assert tile is not None
    return launch(taps, tile, channels, threads, constants, *maps)


launch_p = Primitive("launch_fused_ssim")
launch_p.multiple_results = True
launch_p.def_abstract_eval(_abstract)
for _platform, _threads in THREADS.items():
    # Only now, when a program is compiled for the platform, Warp is imported.
    _lowering = mlir.lower_fun(functools.partial(_launch, _threads), multiple_results=True)
    mlir.register_lowering(launch_p, _lowering, platform=_platform)
