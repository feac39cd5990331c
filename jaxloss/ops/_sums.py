"""The sum of a field of local statistics, and its gradient in the same sweep: the one derivative rule of the package.

A metric such as SSIM turns two images into a dozen maps of their size and those into one number. Writing the maps to
memory costs several times what computing them costs, so the gradient is taken together with the value, while the maps
are at hand: what is left for the backward pass is to scale it, instead of computing everything again.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr

from .._checks import error_text
from .._types import Array, ArrayLike
from ._strips import fitting_height, sweep_strips


Moving = tuple[int, ...]  # which of the maps are differentiated


@runtime_checkable
class Field(Protocol):
    """A map of local statistics: each row from its own `halo + 1` rows of the images, each channel from its own.

    A field is a key of JAX's caches, compared by value, so that what was compiled for one is found again by the next
    call: a frozen dataclass of numbers, tuples and functions of a module. A lambda or an inner function would be a new
    one in each call, and compile anew.
    """

    @property
    def halo(self) -> int: ...

    @property
    def channels(self) -> int: ...

    def __hash__(self) -> int: ...

    def __call__(self, parameters: Any, *maps: Array) -> Array:
        """From `[n, rows + halo, w * channels]` to `[n, rows, w' * channels]`, for any number of rows."""
        ...


def sum_field(field: Field, parameters: Any, *maps: Array, strip_height: int | None = None) -> Array:
    """A field of the images `[n, h, w * channels]` summed over its pixels: `[n, channels]`.

    Differentiable in the images and in the parameters, a pytree of scalars, in every mode and of every order. On a CPU
    it is computed in strips of so many rows; by default, of as many as fit into its cache.

    Raises:
        ValueError: If a channel of the field depends on another channel of the images.
    """
    _check_channels(field, jax.tree.structure(parameters), len(maps))
    height = fitting_height(maps[0], field.halo) if strip_height is None else strip_height
    return _compiled_sum(field, height, parameters, *maps)


# Value by value, so that each channel depends on itself alone. What else a field needs may be added here.
POINTWISE = frozenset(
    """abs add and clamp convert_element_type copy div eq exp exp2 expm1 ge gt integer_pow is_finite le log log1p
    logistic lt max min mul ne neg not or pow rsqrt select_n sign sqrt square stop_gradient sub tanh xor""".split()
)


@functools.cache  # once for each field, not in each trace
def _check_channels(field: Field, parameters: Any, count: int) -> None:
    """The rule below takes one gradient for the whole Jacobian: of a field that mixes channels it would be wrong."""
    if field.channels == 1:
        return
    image = jax.ShapeDtypeStruct((1, field.halo + 1, (field.halo + 1) * field.channels), jnp.float32)
    numbers = jax.tree.unflatten(parameters, [1.0] * parameters.num_leaves)
    for name in _mixing(jax.make_jaxpr(lambda *maps: field(numbers, *maps))(*[image] * count), field.channels):
        way_out = "Mix channels before or after the sum."
        raise ValueError(error_text("sum_field", "a field of independent channels", f"{name} in {field}", way_out))


def _mixing(program: ClosedJaxpr, channels: int) -> Iterator[str]:
    """The operations that may carry something from one channel of `[n, h, w * channels]` to another."""
    for equation in program.jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        inner = [value for value in params.values() if isinstance(value, ClosedJaxpr)]
        match name:
            case _ if inner:
                for part in inner:
                    yield from _mixing(part, channels)
            case "separable_filter" if params["step"] % channels == 0:
                pass
            case "slice" if params["start_indices"][-1] % channels == 0 and not params["strides"]:
                pass
            case "broadcast_in_dim" if equation.invars[0].aval.ndim == 0:
                pass
            case _ if name not in POINTWISE:
                yield name


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sum(field: Field, height: int, parameters: Any, *maps: Array) -> Array:
    total, _ = _sweep(field, height, (), parameters, *maps)
    return total


# Without it every call outside of a jit would compile a loop anew.
_compiled_sum = jax.jit(_sum, static_argnums=(0, 1))


@functools.partial(_sum.defjvp, symbolic_zeros=True)
def _sum_jvp(field: Field, height: int, primals: Sequence, tangents: Sequence) -> tuple[Array, Array]:
    (parameters, *maps), (parameters_dot, *maps_dot) = primals, tangents
    moving = tuple(i for i, dot in enumerate(maps_dot) if not _is_zero(dot))
    total, gradients = _sweep(field, height, moving, parameters, *maps)
    # A channel of the sum depends on its own channel of the images alone: one gradient holds the whole Jacobian.
    products = (gradient * maps_dot[i] for i, gradient in zip(moving, gradients, strict=True))
    total_dot = sum((sum_pixels(product, field.channels) for product in products), start=jnp.zeros_like(total))
    if not all(map(_is_zero, jax.tree.leaves(parameters_dot, is_leaf=_is_zero))):
        dots = jax.tree.map(
            lambda p, dot: jnp.zeros_like(p) if _is_zero(dot) else dot, parameters, parameters_dot, is_leaf=_is_zero
        )
        total_dot += jax.jvp(lambda p: _sweep(field, height, (), p, *maps)[0], (parameters,), (dots,))[1]
    return total, total_dot


def _is_zero(leaf: object) -> bool:
    return isinstance(leaf, SymbolicZero)


def _sweep(field: Field, height: int, moving: Moving, parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
    """The sums `[n, channels]`, and the gradients of each with respect to its channel of the moving maps."""
    piece = functools.partial(_differentiate, field, moving)

    def whole(parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
        values, gradients = piece(True, parameters, *maps)
        return sum_pixels(values, field.channels), list(gradients)

    def strips(parameters: Any, *maps: Array) -> tuple[Array, list[Array]]:
        values, gradients = sweep_strips(piece, field.halo, height, parameters, *maps)
        return sum_pixels(values, field.channels), gradients

    if height >= maps[0].shape[1] - field.halo:
        return whole(parameters, *maps)
    # An accelerator would wait for each of many small kernels; it has the memory bandwidth instead.
    return lax.platform_dependent(parameters, *maps, cpu=strips, default=whole)


def _differentiate(
    field: Field, moving: Moving, counted: ArrayLike, parameters: Any, *maps: Array
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


def sum_pixels(values: Array, channels: int) -> Array:
    """`[n, h, w * channels]` to `[n, channels]`."""
    n, _, width = values.shape
    return values.sum(axis=1).reshape(n, width // channels, channels).sum(axis=1)
