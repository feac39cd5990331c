"""Blurs with long symmetric windows, as a primitive that is its own adjoint.

With zeros beyond the border, or the map mirrored, the correlation with a symmetric window is a symmetric matrix: the
derivative of a blur is one more blur, in every mode. As sums of shifted maps, five windows of up to 33 taps make a
program that XLA takes a minute to compile on a CPU: there it is block by block a product with a banded matrix, and the
sums in two passes on a GPU, where products mean many times the traffic.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._types import Array
from ._filters import GPUS, Taps, Window, as_taps


LEAST_BLOCK = 32  # rows or columns: of products with smaller matrices a CPU makes less


def blur(maps: Array, window: Window, *, mirror: bool = False) -> Array:
    """Correlate maps `[..., h, w]` with an odd symmetric window along both axes.

    Beyond the border there are zeros, or the map once more, mirrored with its edge repeated.
    """
    return blur_p.bind(maps, taps=as_taps(window), mirror=mirror)


blur_p = Primitive("blur")


def products(z: Array, *, taps: Taps, mirror: bool) -> Array:
    for axis in (z.ndim - 2, z.ndim - 1):
        z = _multiply(z, taps, axis, mirror)
    return z


def _multiply(z: Array, taps: Taps, axis: int, mirror: bool) -> Array:
    """Along one axis: a product with a banded matrix, block by block where there are several."""
    reach, size = len(taps) - 1, z.shape[axis]
    block = max(reach, LEAST_BLOCK)
    if size <= 2 * block:
        return _product(z, _extension(size, reach // 2, mirror) @ _banded(taps, size), axis)
    count = -(-size // block)
    before, after = z.shape[:axis], z.shape[axis + 1 :]
    extended = _extend(z, axis, (reach // 2, (count + 1) * block - size - reach // 2), mirror)
    blocks = extended.reshape(*before, count + 1, block, *after)
    first = lax.slice_in_dim(blocks, 0, count, axis=axis)
    following = lax.slice_in_dim(lax.slice_in_dim(blocks, 1, count + 1, axis=axis), 0, reach, axis=axis + 1)
    pieces = lax.concatenate([first, following], axis + 1)
    products = _product(pieces, _banded(taps, block), axis + 1)
    return lax.slice_in_dim(products.reshape(*before, count * block, *after), 0, size, axis=axis)


def _extension(size: int, margin: int, mirror: bool) -> np.ndarray:
    """The matrix `[size, margin + size + margin]` that a row is multiplied with to be extended."""
    return np.pad(np.eye(size), ((0, 0), (margin, margin)), mode="symmetric" if mirror else "constant")


def _banded(taps: Taps, size: int) -> np.ndarray:
    return np.sum([tap * np.eye(size + len(taps) - 1, size, -i) for i, tap in enumerate(taps)], axis=0)


def _product(z: Array, matrix: np.ndarray, axis: int) -> Array:
    matrix = matrix.astype(z.dtype)
    operands = (z, matrix) if axis == z.ndim - 1 else (matrix.T, z)
    return jnp.matmul(*operands, precision=lax.Precision.HIGHEST)


def _extend(z: Array, axis: int, margins: tuple[int, int], mirror: bool) -> Array:
    before, after = margins
    if mirror:
        first = lax.rev(lax.slice_in_dim(z, 0, before, axis=axis), (axis,))
        last = lax.rev(lax.slice_in_dim(z, z.shape[axis] - before, None, axis=axis), (axis,))
        z, before, after = lax.concatenate([first, z, last], axis), 0, after - before
    widths = [(0, 0, 0)] * z.ndim
    widths[axis] = (before, after, 0)
    return lax.pad(z, z.dtype.type(0), widths)


def shifts(z: Array, *, taps: Taps, mirror: bool) -> Array:
    # Without barriers, whatever stands before a pass would be done anew for each tap.
    for axis in (z.ndim - 2, z.ndim - 1):
        z = _correlate(lax.optimization_barrier(z), taps, axis, mirror)
    return z


def _correlate(z: Array, taps: Taps, axis: int, mirror: bool) -> Array:
    reach, size = len(taps) // 2, z.shape[axis]
    extended = _extend(z, axis, (reach, reach), mirror)

    def shifted(i: int) -> Array:
        return lax.slice_in_dim(extended, i, i + size, axis=axis)

    middle = lax.mul(z.dtype.type(taps[reach]), shifted(reach))
    pairs = (lax.add(shifted(i), shifted(2 * reach - i)) for i in range(reach))
    weighted = (lax.mul(z.dtype.type(tap), pair) for tap, pair in zip(taps[:reach], pairs, strict=True))
    return functools.reduce(lax.add, weighted, middle)


def _batched(operands, axes, *, taps: Taps, mirror: bool):
    return blur_p.bind(jnp.moveaxis(operands[0], axes[0], 0), taps=taps, mirror=mirror), 0


@functools.partial(jax.jit, static_argnames=("taps", "mirror"))
def _evaluate(z: Array, *, taps: Taps, mirror: bool) -> Array:
    return blur_p.bind(z, taps=taps, mirror=mirror)


blur_p.def_impl(_evaluate)
blur_p.def_abstract_eval(lambda z, **_: z.update(weak_type=False))
mlir.register_lowering(blur_p, mlir.lower_fun(products, multiple_results=False))
for platform in GPUS:
    mlir.register_lowering(blur_p, mlir.lower_fun(shifts, multiple_results=False), platform)
ad.deflinear2(blur_p, lambda cotangent, z, *, taps, mirror: [blur_p.bind(cotangent, taps=taps, mirror=mirror)])
batching.primitive_batchers[blur_p] = _batched
