"""Windowed sums of maps and of their pointwise products as one primitive: what variances and covariances are made of.

On most platforms it is `filter_maps` of both. On a GPU the products are computed within the vertical pass, from shifted
maps, instead of being written to memory first; XLA by itself computes them once and then reads them once per tap.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._types import Array
from ._filters import GPUS, Taps, abstract_filters, correlate, filter_maps, filter_some


Products = Callable[..., tuple[Array, ...]]  # pointwise, a function of a module: it is a key of caches


def filter_moments(products: Products, maps: Sequence[Array], rows: Taps, columns: Taps, *, step: int) -> list[Array]:
    """`filter_maps([*maps, *products(*maps)], ...)`, of maps `[n, h, w * step]`."""
    return moments_p.bind(*maps, products=products, rows=rows, columns=columns, step=step)


moments_p = Primitive("filter_moments")
moments_p.multiple_results = True


def _implementation(*maps: Array, products: Products, rows: Taps, columns: Taps, step: int) -> list[Array]:
    return filter_maps([*maps, *products(*maps)], rows, columns, step=step)


def on_gpu(*maps: Array, products: Products, rows: Taps, columns: Taps, step: int) -> list[Array]:
    height = maps[0].shape[1] - len(rows) + 1
    # XLA would turn a product of two slices back into a slice of the product, but not if they begin at a number that it
    # does not know.
    zero = lax.optimization_barrier(jnp.int32(0))

    def shifted(i: int) -> list[Array]:
        cut = [lax.dynamic_slice_in_dim(z, zero + i, height, axis=1) for z in maps]
        return [z.dtype.type(rows[i]) * z for z in (*cut, *products(*cut))]

    terms = zip(*map(shifted, range(len(rows))), strict=True)
    vertical = lax.optimization_barrier([functools.reduce(jnp.add, term) for term in terms])
    return [correlate(z, columns, 2, step) for z in vertical]


def _abstract(*maps, products: Products, **params):
    return abstract_filters(*maps, *maps[:1] * len(jax.eval_shape(products, *maps)), full=False, **params)


def _jvp(primals, tangents, *, products: Products, **params):
    outputs = moments_p.bind(*primals, products=products, **params)
    moving = [not isinstance(t, ad.Zero) for t in tangents]

    def of_moving(*some: Array) -> tuple[Array, ...]:
        fresh = iter(some)
        return products(*(next(fresh) if m else z for z, m in zip(primals, moving, strict=True)))

    moved, dots = (tuple(z for z, m in zip(zs, moving, strict=True) if m) for zs in (primals, tangents))
    _, changes = jax.jvp(of_moving, moved, dots)
    present = [*moving, *[True] * len(changes)]
    filtered = filter_some([*tangents, *changes], present, full=False, **params)
    zeros = [ad.Zero(jax.typeof(out).to_tangent_aval()) for out in outputs]
    return outputs, [zero if t is None else t for t, zero in zip(filtered, zeros, strict=True)]


def _batch(operands, axes, **params):
    """All mapped: one longer leading axis. Else as filters, which filter once what is not mapped over."""
    if None in axes:
        outputs = jax.vmap(functools.partial(_implementation, **params), axes)(*operands)
        return outputs, [0] * len(outputs)
    moved = [jnp.moveaxis(z, axis, 0) for z, axis in zip(operands, axes, strict=True)]
    outputs = moments_p.bind(*(z.reshape(-1, *z.shape[2:]) for z in moved), **params)
    return [out.reshape(*moved[0].shape[:2], *out.shape[1:]) for out in outputs], [0] * len(outputs)


@functools.partial(jax.jit, static_argnames=("products", "rows", "columns", "step"))
def _evaluate(*maps: Array, **params) -> list[Array]:
    return moments_p.bind(*maps, **params)


moments_p.def_impl(_evaluate)
moments_p.def_abstract_eval(_abstract)
mlir.register_lowering(moments_p, mlir.lower_fun(_implementation, multiple_results=True))
for platform in GPUS:
    mlir.register_lowering(moments_p, mlir.lower_fun(on_gpu, multiple_results=True), platform)
ad.primitive_jvps[moments_p] = _jvp
batching.primitive_batchers[moments_p] = _batch
