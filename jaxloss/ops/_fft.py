"""The Fourier transform of planes, which are spread over devices as images are: plane by plane.

XLA gathers what it transforms on every device. Each plane is on one, and can be transformed there.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import NamedSharding, PartitionSpec

from .._types import Array


def fft2(planes: Array) -> Array:
    """Of complex planes `[..., H, W]`; `ifft2` is its inverse."""
    return _bind(planes, "fft2", planes.shape[-1])


def ifft2(spectra: Array) -> Array:
    return _bind(spectra, "ifft2", spectra.shape[-1])


def rfft2(planes: Array) -> Array:
    """Of real planes `[..., H, W]`, the half that determines the rest: `[..., H, W // 2 + 1]`."""
    return _bind(planes, "rfft2", planes.shape[-1])


def irfft2(spectra: Array, width: int) -> Array:
    """The inverse of `rfft2` of planes of this width."""
    return _bind(spectra, "irfft2", width)


transform_p = Primitive("fourier_transform_of_planes")


def _bind(z: Array, kind: str, width: int) -> Array:
    return transform_p.bind(z, kind=kind, width=width, program=_program(z.shape, z.dtype, kind, width))


@functools.lru_cache(1024)
def _program(shape: tuple[int, ...], dtype: np.dtype, kind: str, width: int) -> Any:
    """A parameter of the primitive, in which JAX sees that devices are to be known when it is lowered."""
    return jax.make_jaxpr(_plane_by_plane(kind, width))(jax.ShapeDtypeStruct(shape, dtype))


@functools.cache
def _plane_by_plane(kind: str, width: int) -> Callable[[Array], Array]:
    def transform(z: Array) -> Array:
        if kind == "irfft2":
            return jnp.fft.irfft2(z, (z.shape[-2], width))
        return {"fft2": jnp.fft.fft2, "ifft2": jnp.fft.ifft2, "rfft2": jnp.fft.rfft2}[kind](z)

    def leading_axes(mesh: Any, arguments: Any, result: Any) -> NamedSharding:
        (planes,) = arguments
        leading = (*planes.sharding.spec, *[None] * planes.ndim)[: planes.ndim - 2]
        return NamedSharding(planes.sharding.mesh, PartitionSpec(*leading, None, None))

    def partition(mesh: Any, arguments: Any, result: Any) -> tuple[Any, ...]:
        sharding = leading_axes(mesh, arguments, result)
        return mesh, transform, sharding, (sharding,)

    partitioned = custom_partitioning(transform)
    partitioned.def_partition(
        partition,
        infer_sharding_from_operands=leading_axes,
        sharding_rule="... h w -> ... h k",
        need_replication_factors=("h", "w", "k"),
    )
    return partitioned


def _abstract(z, *, kind: str, width: int, program: Any):
    *leading, size = z.shape
    size = {"rfft2": size // 2 + 1, "irfft2": width}.get(kind, size)
    dtype = {"rfft2": np.result_type(z.dtype, np.complex64), "irfft2": np.finfo(z.dtype).dtype}.get(kind, z.dtype)
    return z.update(shape=(*leading, size), dtype=dtype, weak_type=False)


def _transpose(cotangent, z, *, kind: str, width: int, program: Any):
    if kind in ("fft2", "ifft2"):
        return [_bind(cotangent, kind, width)]
    # Half of a spectrum stands for all of it: its columns count twice, but for the first and the last of an even width.
    column = np.arange(width // 2 + 1)
    real = np.finfo(cotangent.dtype).dtype
    twice = np.where((column > 0) & (2 * column < width), 2, 1).astype(real)
    twice = twice.reshape((1,) * (cotangent.ndim - 1) + (-1,))
    size = real.type(cotangent.shape[-2] * width)
    if kind == "rfft2":
        return [irfft2(lax.complex(cotangent.real * (size / twice), -cotangent.imag * (size / twice)), width)]
    spectra = rfft2(cotangent)
    return [lax.complex(spectra.real * (twice / size), -spectra.imag * (twice / size))]


def _batch(operands, axes, *, kind: str, width: int, program: Any):
    (z,), (axis,) = operands, axes
    return _bind(jnp.moveaxis(z, axis, 0), kind, width), 0


def _lowered(z: Array, *, kind: str, width: int, program: Any) -> Array:
    return _plane_by_plane(kind, width)(z)


@functools.partial(jax.jit, static_argnames=("kind", "width", "program"))
def _evaluate(z: Array, **params) -> Array:
    return transform_p.bind(z, **params)


transform_p.def_impl(_evaluate)
transform_p.def_abstract_eval(_abstract)
mlir.register_lowering(transform_p, mlir.lower_fun(_lowered, multiple_results=False))
ad.deflinear2(transform_p, _transpose)
batching.primitive_batchers[transform_p] = _batch
