"""Energy along short lines through each pixel, as a primitive with its exact adjoint.

A line is its center and pixels on both sides of it, point-symmetric: so the sum along it, with zeros beyond the border,
is its own adjoint. The energy of a map is the product of its sums with themselves; the product of the sums of two maps
is bilinear, and so is its adjoint: each is what the other one transposes to. Plain slices would do for the value, but
XLA on a CPU takes forty times as long for their transposes, which are padded. There, maps are taken one by one, for the
adjoint of each has many sums in memory.
"""

import functools
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._types import Array
from ._filters import GPUS


Point = tuple[int, int]  # rows down and columns to the right of the center
Line = tuple[Point, ...]  # the points on one side
Lines = tuple[tuple[float, Line], ...]  # with the weight of each


def line_energy(maps: Array, lines: Lines) -> Array:
    """The weighted sum of the squared sums of maps `[m, n, h, w]` along lines through each pixel, `[n, h, w]`."""
    return energy_p.bind(maps, lines=lines)[0]


energy_p, product_p, adjoint_p = (Primitive(f"line_{name}") for name in ("energy", "product", "adjoint"))

GROUP = 4  # lines of which a CPU has the sums in memory at once, for the adjoint


def _energy(a: Array, *, lines: Lines) -> Array:
    """sum_k w_k L_k(a)^2."""
    sums = _line_sums(_surround(a, _reach(lines)), lines, _reach(lines))
    return _weighted_sum([lax.mul(z, z) for z in sums], lines)


def _product(a: Array, b: Array, *, lines: Lines) -> Array:
    """sum_k w_k L_k(a) L_k(b)."""
    sums = (_line_sums(_surround(z, _reach(lines)), lines, _reach(lines)) for z in (a, b))
    return _weighted_sum([lax.mul(p, q) for p, q in zip(*sums, strict=True)], lines)


def _weighted_sum(terms: list[Array], lines: Lines) -> Array:
    groups: dict[float, list[Array]] = {}
    for (weight, _), z in zip(lines, terms, strict=True):
        groups.setdefault(weight, []).append(z)
    return _add(weight * _add(group) for weight, group in groups.items())


def _adjoint(a: Array, g: Array, *, lines: Lines) -> Array:
    """sum_k w_k L_k(g L_k(a))."""
    reach = _reach(lines)
    a, g = _surround(a, 2 * reach), _surround(g, reach)
    weighted = {weight: weight * g for weight, _ in lines}
    some = (lines[k : k + GROUP] for k in range(0, len(lines), GROUP))
    return _add(_adjoint_of_some(a, weighted, group, reach) for group in some)


def _adjoint_of_some(a: Array, weighted: dict[float, Array], lines: Lines, reach: int) -> Array:
    # Side by side row by row, not one after the other: XLA splits the outer axes over the cores.
    axis = a.ndim - 1
    products = [lax.mul(weighted[w], p) for (w, _), p in zip(lines, _line_sums(a, lines, reach), strict=True)]
    stack = lax.concatenate([lax.expand_dims(z, (axis,)) for z in products], axis)
    points = ((k, *point) for k, (_, line) in enumerate(lines) for point in _whole(line))
    return lax.squeeze(_add(_shifted(stack, reach, down, right, k) for k, down, right in points), (axis,))


def _line_sums(z: Array, lines: Lines, reach: int) -> list[Array]:
    """Where lines lie inside: `reach` from the border."""
    points = dict.fromkeys(point for _, line in lines for point in line)
    pairs = {
        (down, right): lax.add(_shifted(z, reach, down, right), _shifted(z, reach, -down, -right))
        for down, right in points
    }
    center = _shifted(z, reach, 0, 0)
    return [functools.reduce(lax.add, (pairs[point] for point in line), center) for _, line in lines]


def _whole(line: Line) -> list[Point]:
    return [(0, 0), *line, *((-down, -right) for down, right in line)]


def _reach(lines: Lines) -> int:
    return max(abs(i) for _, line in lines for point in line for i in point)


def _surround(z: Array, margin: int) -> Array:
    """`[..., h, w]` with zeros beyond the border."""
    return lax.pad(z, z.dtype.type(0), [(0, 0, 0)] * (z.ndim - 2) + [(margin, margin, 0)] * 2)


def _shifted(z: Array, reach: int, down: int, right: int, k: int | None = None) -> Array:
    """What is some rows down and columns to the right, in maps `[..., h, w]`, or in map k of `[..., h, K, w]`."""
    rows, middle = (z.ndim - 2, []) if k is None else (z.ndim - 3, [k])
    first = [*[0] * rows, reach + down, *middle, reach + right]
    last = [*z.shape[:rows], z.shape[rows] - reach + down, *[i + 1 for i in middle], z.shape[-1] - reach + right]
    return lax.slice(z, first, last)


def _add(terms: Iterable[Array]) -> Array:
    return functools.reduce(lax.add, terms)


def _define(primitive: Primitive, elsewhere: Callable[..., Array], *, total: bool) -> None:
    def implementation(*maps: Array, lines: Lines) -> Array:
        return jitted(*maps, lines=lines)

    def shape_of(a, *_, lines: Lines):
        return a.update(shape=(1, *a.shape[1:]) if total else a.shape, weak_type=False)

    def batched(operands, axes, *, lines: Lines):
        (size,) = {z.shape[axis] for z, axis in zip(operands, axes, strict=True) if axis is not None}
        moved = [
            jnp.broadcast_to(z[:, None], (len(z), size, *z.shape[1:])) if axis is None else jnp.moveaxis(z, axis, 1)
            for z, axis in zip(operands, axes, strict=True)
        ]
        result = primitive.bind(*(z.reshape(len(z), -1, *z.shape[3:]) for z in moved), lines=lines)
        return result.reshape(len(result), size, -1, *result.shape[2:]), 1

    jitted = jax.jit(lambda *maps, lines: primitive.bind(*maps, lines=lines), static_argnames="lines")
    primitive.def_impl(implementation)
    primitive.def_abstract_eval(shape_of)
    mlir.register_lowering(primitive, mlir.lower_fun(elsewhere, multiple_results=False))
    for platform in GPUS:
        mlir.register_lowering(primitive, mlir.lower_fun(ON_GPU[primitive], multiple_results=False), platform)
    batching.primitive_batchers[primitive] = batched


def _sum_at_once(function: Callable[..., Array], *operands: Array, lines: Lines) -> Array:
    return _add(lax.unstack(function(*operands, lines=lines)))[None]


def _sum_one_by_one(function: Callable[..., Array], *operands: Array, lines: Lines) -> Array:
    def step(total: Array, maps: tuple[Array, ...]) -> tuple[Array, None]:
        return lax.add(total, function(*maps, lines=lines)), None

    return lax.scan(step, jnp.zeros_like(operands[0][0]), operands)[0][None]


def _adjoint_one_by_one(a: Array, g: Array, *, lines: Lines) -> Array:
    return lax.map(lambda z: _adjoint(z, g[0], lines=lines), a)


ON_GPU = {
    energy_p: functools.partial(_sum_at_once, _energy),
    product_p: functools.partial(_sum_at_once, _product),
    adjoint_p: _adjoint,
}
_define(energy_p, functools.partial(_sum_one_by_one, _energy), total=True)
_define(product_p, functools.partial(_sum_one_by_one, _product), total=True)
_define(adjoint_p, _adjoint_one_by_one, total=False)
ad.defjvp(energy_p, lambda t, a, *, lines: 2 * product_p.bind(a, t, lines=lines))
ad.defbilinear(
    product_p,
    lambda g, a, b, *, lines: adjoint_p.bind(b, g, lines=lines),
    lambda g, a, b, *, lines: adjoint_p.bind(a, g, lines=lines),
)
ad.defbilinear(
    adjoint_p,
    lambda c, a, g, *, lines: adjoint_p.bind(c, g, lines=lines),
    lambda c, a, g, *, lines: product_p.bind(c, a, lines=lines),
)
