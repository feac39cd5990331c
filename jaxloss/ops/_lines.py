"""Energy along short lines through each pixel, as a primitive with its exact adjoint.

A line is its center and pixels on both sides of it, point-symmetric: so the sum along it, with zeros beyond the border,
is its own adjoint. The energy of two maps is bilinear, and so is its adjoint; each is what the other one transposes to.
Plain slices would do for the value, but XLA on a CPU takes forty times as long for their transposes, which are padded.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._types import Array


Point = tuple[int, int]  # rows down and columns to the right of the center
Line = tuple[Point, ...]  # the points on one side
Lines = tuple[tuple[float, Line], ...]  # with the weight of each


def line_energy(z: Array, lines: Lines) -> Array:
    """The weighted sum of the squared sums of a map `[n, h, w]` along lines through each pixel, `[n, h, w]`."""
    return energy_p.bind(z, z, lines=lines)


energy_p, adjoint_p = Primitive("line_energy"), Primitive("line_energy_adjoint")


def _energy(a: Array, b: Array, *, lines: Lines) -> Array:
    """sum_k w_k L_k(a) L_k(b)."""
    sums = [_line_sums(z, lines) for z in (a, b)]
    return functools.reduce(jnp.add, (w * p * q for (w, _), p, q in zip(lines, sums[0], sums[-1], strict=True)))


def _adjoint(a: Array, g: Array, *, lines: Lines) -> Array:
    """sum_k w_k L_k(g L_k(a))."""
    # Side by side row by row, not one after the other: XLA splits the outer axes over the cores.
    weighted = jnp.stack([w * g * p for (w, _), p in zip(lines, _line_sums(a, lines), strict=True)], axis=2)
    shifted = _shifts(weighted, (1, 3), _reach(lines))
    terms = (shifted(*point)[:, :, k] for k, (_, line) in enumerate(lines) for point in _whole(line))
    return functools.reduce(jnp.add, terms)


def _line_sums(z: Array, lines: Lines) -> list[Array]:
    shifted = _shifts(z, (1, 2), _reach(lines))
    points = dict.fromkeys(point for _, line in lines for point in line)
    pairs = {(down, right): shifted(down, right) + shifted(-down, -right) for down, right in points}
    return [functools.reduce(jnp.add, (pairs[point] for point in line), shifted(0, 0)) for _, line in lines]


def _whole(line: Line) -> list[Point]:
    return [(0, 0), *line, *((-down, -right) for down, right in line)]


def _reach(lines: Lines) -> int:
    return max(abs(i) for _, line in lines for point in line for i in point)


def _shifts(z: Array, axes: tuple[int, int], reach: int) -> Callable[[int, int], Array]:
    """What is some rows down and columns to the right of each pixel, up to `reach`: zeros beyond the border."""
    margins = [(reach, reach) if axis in axes else (0, 0) for axis in range(z.ndim)]
    padded = jnp.pad(z, margins)

    def shifted(down: int, right: int) -> Array:
        start = [0] * z.ndim
        start[axes[0]], start[axes[1]] = reach + down, reach + right
        return lax.slice(padded, start, [i + size for i, size in zip(start, z.shape, strict=True)])

    return shifted


def _define(primitive: Primitive, evaluate: Callable[..., Array]) -> None:
    def implementation(*maps: Array, lines: Lines) -> Array:
        return jitted(*maps, lines=lines)

    def batched(operands, axes, *, lines: Lines):
        (size,) = {z.shape[axis] for z, axis in zip(operands, axes, strict=True) if axis is not None}
        moved = [
            jnp.broadcast_to(z, (size, *z.shape)) if axis is None else jnp.moveaxis(z, axis, 0)
            for z, axis in zip(operands, axes, strict=True)
        ]
        merged = primitive.bind(*(z.reshape(-1, *z.shape[2:]) for z in moved), lines=lines)
        return merged.reshape(moved[0].shape), 0

    jitted = jax.jit(lambda *maps, lines: primitive.bind(*maps, lines=lines), static_argnames="lines")
    primitive.def_impl(implementation)
    primitive.def_abstract_eval(lambda a, b, *, lines: a.update(weak_type=False))
    mlir.register_lowering(primitive, mlir.lower_fun(evaluate, multiple_results=False))
    batching.primitive_batchers[primitive] = batched


_define(energy_p, _energy)
_define(adjoint_p, _adjoint)
ad.defbilinear(
    energy_p,
    lambda g, a, b, *, lines: adjoint_p.bind(b, g, lines=lines),
    lambda g, a, b, *, lines: adjoint_p.bind(a, g, lines=lines),
)
ad.defbilinear(
    adjoint_p,
    lambda c, a, g, *, lines: adjoint_p.bind(c, g, lines=lines),
    lambda c, a, g, *, lines: energy_p.bind(c, a, lines=lines),
)
