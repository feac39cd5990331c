"""The sum of a field of local statistics and its gradient, taken in one sweep over strips of the images.

A metric such as SSIM turns two images into a dozen maps of their size and those into one number. On a CPU writing the
maps to memory costs several times what computing them costs. Here a function of a few rows runs over horizontal strips,
and of all the maps only the gradient is ever as large as an image. It is taken together with the value, while a strip
is in the cache: what is left for the backward pass is to scale it, instead of computing each strip again.
"""

import functools
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from .._types import Array, ArrayLike


# Of one map of a strip, in bytes. Up to a dozen such maps are alive at a time: they should fit into a CPU's last-level
# cache. Half or twice of it changes little, but an image under `vmap` is cut without knowing of the others.
STRIP_BYTES = 2**20
# Below this height, or that of the halo, a strip would mostly read what its neighbors have read.
SMALLEST_STRIP = 8

Moving = tuple[int, ...]  # which of the maps are differentiated


@runtime_checkable
class Field(Protocol):
    """A map of local statistics: each row from its own `halo + 1` rows of the images, each channel from its own.

    A field is compared by value, so that what was compiled for one is found again by the next call.
    """

    @property
    def halo(self) -> int: ...

    @property
    def channels(self) -> int: ...

    def __hash__(self) -> int: ...

    def __call__(self, parameters: Any, *maps: Array) -> Array:
        """From `[n, rows + halo, w * channels]` to `[n, rows, w' * channels]`, for any number of rows."""
        ...


def sum_field(field: Field, parameters: Any, *maps: Array) -> Array:
    """A field of the images `[n, h, w * channels]` summed over its pixels: `[n, channels]`.

    Differentiable in the images and in the parameters, a pytree of scalars, in every mode and of every order.
    """
    n, height, width = maps[0].shape
    rows = height - field.halo
    count = n * rows * width * maps[0].dtype.itemsize // STRIP_BYTES
    count = min(count, rows // max(field.halo, SMALLEST_STRIP))
    return _compiled_sum(field, -(-rows // max(count, 1)), parameters, *maps)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sum(field: Field, size: int, parameters: Any, *maps: Array) -> Array:
    total, _ = _sweep(field, size, (), parameters, *maps)
    return total


# Without it every call outside of a jit would compile a loop anew.
_compiled_sum = jax.jit(_sum, static_argnums=(0, 1))


@functools.partial(_sum.defjvp, symbolic_zeros=True)
def _sum_jvp(field: Field, size: int, primals: Sequence, tangents: Sequence) -> tuple[Array, Array]:
    (parameters, *maps), (parameters_dot, *maps_dot) = primals, tangents
    moving = tuple(i for i, dot in enumerate(maps_dot) if not _is_zero(dot))
    total, gradients = _sweep(field, size, moving, parameters, *maps)
    # A channel of the sum depends on its own channel of the images alone: one gradient holds the whole Jacobian.
    products = (gradient * maps_dot[i] for i, gradient in zip(moving, gradients, strict=True))
    total_dot = sum((sum_pixels(product, field.channels) for product in products), start=jnp.zeros_like(total))
    if not all(map(_is_zero, jax.tree.leaves(parameters_dot, is_leaf=_is_zero))):
        dots = jax.tree.map(
            lambda p, dot: jnp.zeros_like(p) if _is_zero(dot) else dot, parameters, parameters_dot, is_leaf=_is_zero
        )
        total_dot += jax.jvp(lambda p: _sweep(field, size, (), p, *maps)[0], (parameters,), (dots,))[1]
    return total, total_dot


def _is_zero(leaf: object) -> bool:
    return isinstance(leaf, SymbolicZero)


def _sweep(field: Field, size: int, moving: Moving, parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
    """The sums `[n, channels]`, and the gradients of each with respect to its channel of the moving maps."""
    whole = functools.partial(_sweep_whole, field, moving)
    if size >= maps[0].shape[1] - field.halo:
        return whole(parameters, *maps)
    strips = functools.partial(_sweep_strips, field, moving, size)
    # An accelerator would wait for each of many small kernels; it has the memory bandwidth instead.
    return lax.platform_dependent(parameters, *maps, cpu=strips, default=whole)


def sum_pixels(values: Array, channels: int) -> Array:
    """`[n, h, w * channels]` to `[n, channels]`."""
    n, _, width = values.shape
    return values.sum(axis=1).reshape(n, width // channels, channels).sum(axis=1)


def _differentiate(
    field: Field, moving: Moving, parameters: Any, counted: ArrayLike, *maps: Array
) -> tuple[Array, tuple[Array, ...]]:
    """The field where it counts, else 0, and the gradients of its sum with respect to the moving maps."""

    def value(*moved: Array) -> Array:
        replaced = dict(zip(moving, moved, strict=True))
        return field(parameters, *(replaced.get(i, z) for i, z in enumerate(maps)))

    if not moving:
        out = value()
        return jnp.where(counted, out, jnp.zeros_like(out)), ()
    out, pull_back = jax.vjp(value, *(maps[i] for i in moving))
    zeros = jnp.zeros_like(out)
    return jnp.where(counted, out, zeros), pull_back(jnp.where(counted, jnp.ones_like(out), zeros))


def _sweep_whole(field: Field, moving: Moving, parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
    values, gradients = _differentiate(field, moving, parameters, True, *maps)
    return sum_pixels(values, field.channels), list(gradients)


def _sweep_strips(field: Field, moving: Moving, size: int, parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
    halo = field.halo
    rows = maps[0].shape[1] - halo
    count = -(-rows // size)

    def start(i: Array) -> Array:
        return jnp.maximum(0, rows - (count - i) * size)  # the first strip overlaps the second ...

    # Slicing inside the checkpoint leaves only the strip's number to be stored for a derivative of second order.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def take(i: Array, parameters: Any, *maps: Array) -> tuple[Array, tuple[Array, ...]]:
        cut = (lax.dynamic_slice_in_dim(z, start(i), size + halo, axis=1) for z in maps)
        counted = (i > 0) | (jnp.arange(size) < rows - (count - 1) * size)  # ... and leaves their common rows to it
        return _differentiate(field, moving, parameters, counted[:, None], *cut)

    def add(image: Array, gradient: Array, i: Array) -> Array:
        """The strip above has reached into the halo; the other rows are new."""
        upper = gradient[:, :halo] + lax.dynamic_slice_in_dim(image, start(i), halo, axis=1)
        image = lax.dynamic_update_slice_in_dim(image, upper, start(i), axis=1)
        return lax.dynamic_update_slice_in_dim(image, gradient[:, halo:], start(i) + halo, axis=1)

    # A gradient waits one round before it is added: in its own round XLA would compute it as a part of the update, on
    # one core. The sum, too, holds whole strips: a sum over rows inside the loop would not be vectorized.
    def step(carry: Any, i: Array) -> tuple[Any, None]:
        total, waiting, images = carry
        images = [add(*pair, i - 1) for pair in zip(images, waiting, strict=True)]
        values, gradients = take(i, parameters, *maps)
        return (total + values, gradients, images), None

    first = jnp.int32(0)
    total, waiting = jax.tree.map(lambda s: _zeros(s.shape, maps), jax.eval_shape(take, first, parameters, *maps))
    images = [_zeros(maps[0].shape, maps) for _ in waiting]
    carry, _ = lax.scan(step, (total, waiting, images), jnp.arange(count, dtype=first.dtype))
    total, waiting, images = carry
    return sum_pixels(total, field.channels), [
        add(*pair, first + count - 1) for pair in zip(images, waiting, strict=True)
    ]


def _zeros(shape: tuple[int, ...], maps: tuple[Array, ...]) -> Array:
    """Zeros of which sharding and varying axes are those of a result computed from all the maps."""
    corner = functools.reduce(jnp.add, (jnp.zeros_like(z[:, :1, :1]) for z in maps))
    return jnp.broadcast_to(corner, shape)
