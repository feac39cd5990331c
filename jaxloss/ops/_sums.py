"""The sum of a field of local statistics, and its gradient in the same sweep: the one derivative rule of the package.

A metric such as SSIM turns two images into a dozen maps of their size and those into one number. Writing the maps to
memory costs several times what computing them costs, so the gradient is taken together with the value, while the maps
are at hand: what is left for the backward pass is to scale it, instead of computing everything again.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr
from jax.sharding import PartitionSpec

from .._checks import error_text
from .._types import Array, ArrayLike
from ._strips import Piece, fitting_height, sweep_strips


class Heights(NamedTuple):
    """Rows of a strip by platform; on others there are none."""

    cpu: int
    tpu: int


Moving = tuple[int, ...]  # which of the maps are differentiated
Sums = tuple[Array, list[Array]]  # of a field, and the gradients with respect to the moving maps


@runtime_checkable
class Field(Protocol):
    """A map of local statistics: each row from its own `halo + 1` rows of the images, each channel from its own.

    It knows of no channels, only how far neighbors in a row are apart: with channels last, or plane by plane.

    A field is a key of JAX's caches, compared by value, so that what was compiled for one is found again by the next
    call: a frozen dataclass of numbers, tuples and functions of a module. A lambda or an inner function would be a new
    one in each call, and compile anew.
    """

    @property
    def halo(self) -> int: ...

    def __hash__(self) -> int: ...

    def __call__(self, step: int, parameters: Any, *maps: Array) -> Array:
        """From `[n, rows + halo, w * step]` to `[n, rows, w' * step]`, for any number of rows."""
        ...


@runtime_checkable
class OwnSweep(Protocol):
    """A field that knows a better program for its sum than those made of the field itself."""

    def sweep(self, channels: int, moving: Moving, parameters: Any, *maps: Array) -> Sums | None:
        """The sums `[n, channels]` and the gradients of the moving maps, or None to leave them to the field."""
        ...


def sum_field(field: Field, channels: int, parameters: Any, *maps: Array, strip_height: int | None = None) -> Array:
    """A field of the images `[n, h, w * channels]` summed over its pixels: `[n, channels]`.

    Differentiable in the images and in the parameters, a pytree of scalars, in every mode and of every order. On a CPU
    and on a TPU it is computed in strips of so many rows; by default, of as many as fit into fast memory.

    Raises:
        ValueError: If a channel of the field depends on another channel of the images.
    """
    _check_channels(field, channels, jax.tree.structure(parameters), len(maps))
    fitting = (fitting_height(maps[0], field.halo, platform) for platform in Heights._fields)
    heights = Heights(*fitting) if strip_height is None else Heights(strip_height, strip_height)
    return _compiled_sum(field, channels, heights, parameters, *maps)


# Value by value, so that each channel depends on itself alone. What else a field needs may be added here.
POINTWISE = frozenset(
    """abs add and clamp convert_element_type copy div eq exp exp2 expm1 ge gt integer_pow is_finite le log log1p
    logistic lt max min mul ne neg not optimization_barrier or platform_index pow reshard rsqrt select_n sign sqrt
    square stop_gradient sub tanh xor""".split()
)


@functools.cache  # once for each field, not in each trace
def _check_channels(field: Field, channels: int, parameters: Any, count: int) -> None:
    """The rule below takes one gradient for the whole Jacobian: of a field that mixes channels it would be wrong."""
    if channels == 1:
        return
    image = jax.ShapeDtypeStruct((1, field.halo + 1, (field.halo + 1) * channels), jnp.float32)
    numbers = jax.tree.unflatten(parameters, [1.0] * parameters.num_leaves)
    program = jax.make_jaxpr(lambda *maps: field(channels, numbers, *maps))(*[image] * count)
    for name in _mixing(program, channels):
        way_out = "Mix channels before or after the sum."
        raise ValueError(error_text("sum_field", "a field of independent channels", f"{name} in {field}", way_out))


def _mixing(program: ClosedJaxpr, channels: int) -> Iterator[str]:
    """The operations that may carry something from one channel of `[n, h, w * channels]` to another."""
    for equation in program.jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        values = jax.tree.leaves(list(params.values()), is_leaf=lambda value: isinstance(value, ClosedJaxpr))
        inner = [value for value in values if isinstance(value, ClosedJaxpr)]
        match name:
            case _ if inner:
                for part in inner:
                    yield from _mixing(part, channels)
            case "separable_filter" if params["step"] % channels == 0:
                pass
            case "filter_moments" if params["step"] % channels == 0:
                yield from _mixing(jax.make_jaxpr(params["products"])(*(v.aval for v in equation.invars)), channels)
            case "slice" if params["start_indices"][-1] % channels == 0 and set(params["strides"] or [1]) == {1}:
                pass
            case "dynamic_slice" if params["slice_sizes"][-1] == equation.invars[0].aval.shape[-1]:
                pass
            case "concatenate" if all(v.aval.shape[-1] % channels == 0 for v in equation.invars):
                pass
            case "broadcast_in_dim" if equation.invars[0].aval.ndim == 0:
                pass
            case _ if name not in POINTWISE:
                yield name


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _sum(field: Field, channels: int, heights: Heights, parameters: Any, *maps: Array) -> Array:
    total, _ = _sweep(field, channels, heights, (), parameters, *maps)
    return total


# Without it every call outside of a jit would compile a loop anew.
_compiled_sum = jax.jit(_sum, static_argnums=(0, 1, 2))


@functools.partial(_sum.defjvp, symbolic_zeros=True)
def _sum_jvp(
    field: Field, channels: int, heights: Heights, primals: Sequence, tangents: Sequence
) -> tuple[Array, Array]:
    (parameters, *maps), (parameters_dot, *maps_dot) = primals, tangents
    moving = tuple(i for i, dot in enumerate(maps_dot) if not _is_zero(dot))
    total, gradients = _sweep(field, channels, heights, moving, parameters, *maps)
    # A channel of the sum depends on its own channel of the images alone: one gradient holds the whole Jacobian.
    products = (gradient * maps_dot[i] for i, gradient in zip(moving, gradients, strict=True))
    total_dot = sum((sum_pixels(product, channels) for product in products), start=jnp.zeros_like(total))
    if not all(map(_is_zero, jax.tree.leaves(parameters_dot, is_leaf=_is_zero))):
        dots = jax.tree.map(
            lambda p, dot: jnp.zeros_like(p) if _is_zero(dot) else dot, parameters, parameters_dot, is_leaf=_is_zero
        )
        total_dot += jax.jvp(lambda p: _sweep(field, channels, heights, (), p, *maps)[0], (parameters,), (dots,))[1]
    return total, total_dot


def _is_zero(leaf: object) -> bool:
    return isinstance(leaf, SymbolicZero)


def _sweep(field: Field, channels: int, heights: Heights, moving: Moving, parameters: Any, *maps: Array) -> Sums:
    """The sums `[n, channels]`, and the gradients of each with respect to its channel of the moving maps."""
    if isinstance(field, OwnSweep) and (own := field.sweep(channels, moving, parameters, *maps)) is not None:
        return own
    piece = functools.partial(differentiate, field, channels, moving)
    if heights.cpu >= maps[0].shape[1] - field.halo:
        return sum_whole(piece, channels, parameters, *maps)
    return lax.platform_dependent(
        parameters,
        *maps,
        cpu=functools.partial(sum_strips, piece, field.halo, channels, heights.cpu),
        tpu=functools.partial(sum_planes, field, channels, heights.tpu, moving),
        # A GPU would wait for each of many small kernels; it has the memory bandwidth instead.
        default=functools.partial(sum_whole, piece, channels, apart=True),
    )


def sum_whole(piece: Piece, channels: int, parameters: Any, *maps: Array, apart: bool = False) -> Sums:
    values, gradients = piece(True, parameters, *maps)
    # A GPU that sums while it computes values would not compute the gradients on the way.
    values = lax.optimization_barrier(values) if apart else values
    return sum_pixels(values, channels), list(gradients)


def sum_strips(piece: Piece, halo: int, channels: int, height: int, parameters: Any, *maps: Array) -> Sums:
    values, gradients = sweep_strips(piece, halo, height, parameters, *maps)
    return sum_pixels(values, channels), gradients


def sum_planes(field: Field, channels: int, height: int, moving: Moving, parameters: Any, *maps: Array) -> Sums:
    """Of images of one channel each: a TPU shifts a row by one value more easily than by three."""
    planes = [_to_planes(z, channels) for z in maps]
    piece = functools.partial(differentiate, field, 1, moving)
    if height >= planes[0].shape[1] - field.halo:
        totals, gradients = sum_whole(piece, 1, parameters, *planes)
    else:
        totals, gradients = sum_strips(piece, field.halo, 1, height, parameters, *planes)
    return _apart(totals, channels)[..., 0], [_from_planes(gradient, channels) for gradient in gradients]


def _to_planes(z: Array, channels: int) -> Array:
    """`[n, h, w * channels]` to `[n * channels, h, w]`."""
    z = jnp.moveaxis(z.reshape(*z.shape[:2], z.shape[2] // channels, channels), -1, 1)
    return z.reshape(z.shape[0] * channels, *z.shape[2:])


def _from_planes(planes: Array, channels: int) -> Array:
    z = jnp.moveaxis(_apart(planes, channels), 1, -1)
    return z.reshape(*z.shape[:2], z.shape[2] * channels)


def _apart(planes: Array, channels: int) -> Array:
    """`[n * channels, ...]` to `[n, channels, ...]`; explicit meshes want to be told which of the two is sharded."""
    n, *rest = planes.shape
    sharding = jax.typeof(planes).sharding
    first, *others = sharding.spec
    sharding = sharding.update(spec=PartitionSpec(first, None, *others))
    return lax.reshape(planes, (n // channels, channels, *rest), out_sharding=sharding)


def differentiate(
    field: Field, step: int, moving: Moving, counted: ArrayLike, parameters: Any, *maps: Array
) -> tuple[Array, tuple[Array, ...]]:
    """The field where it counts, else 0, and the gradients of its sum with respect to the moving maps."""

    def value(*moved: Array) -> Array:
        replaced = dict(zip(moving, moved, strict=True))
        return field(step, parameters, *(replaced.get(i, z) for i, z in enumerate(maps)))

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
