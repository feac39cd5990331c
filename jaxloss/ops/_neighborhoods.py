"""Moments and quadratic forms of the 3 x 3 neighborhoods of a plane, of which Gaussian scale mixtures are made."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array


SIDE = 3
BLOCK = 4  # of neighborhoods, a side
PATCH = BLOCK + SIDE - 1  # pixels that they cover


def neighborhood_covariance(planes: Array) -> Array:
    """Of all 3 x 3 neighborhoods that lie within planes `[n, H, W]`, row by row: `[n, 9, 9]`."""
    mean, products = neighborhood_moments(planes)
    return products - mean[:, :, None] * mean[:, None]


def neighborhood_moments(planes: Array, beside: Array | None = None) -> tuple[Array, Array]:
    """Mean neighborhood, and mean product of any two of its pixels, `[n, 9]` and `[n, 9, 9]`.

    With a map `[n, H - 2, W - 2]` beside it, its value at each neighborhood is a tenth pixel of that.

    From the second moments of patches of 6 x 6, each of which holds sixteen neighborhoods: in a fourth of the memory of
    the neighborhoods themselves, and on a CPU in less than half of the time. Where patches reach beyond the plane, the
    last row and column of them are counted once more, to take away the neighborhoods that they hold in excess.
    """
    n = planes.shape[0]
    height, width = (side - SIDE + 1 for side in planes.shape[1:])
    rows, columns = (-(-count // BLOCK) for count in (height, width))
    patches = _patches(planes, rows, columns)
    if beside is not None:
        patches = jnp.concatenate([patches, _patches(beside, rows, columns, reach=0)], axis=3)
    groups = [patches, patches[:, -1:], patches[:, :, -1:], patches[:, -1:, -1:]]
    groups = [group.reshape(n, group.shape[1] * group.shape[2], group.shape[3]) for group in groups]
    moments = [jnp.matmul(jnp.matrix_transpose(z), z, precision=lax.Precision.HIGHEST) for z in groups]
    totals = jnp.stack([group.sum(axis=1) for group in groups], axis=1)
    held = _held(beside is not None)
    i, j = np.indices((BLOCK, BLOCK)).reshape(2, -1)
    below, beyond = (rows - 1) * BLOCK + i >= height, (columns - 1) * BLOCK + j >= width
    times = np.stack([np.ones(BLOCK**2), -1.0 * below, -1.0 * beyond, below & beyond])
    counted, held = (jnp.asarray(z, planes.dtype) for z in (times[:, :, None, None] * held, held))
    high = lax.Precision.HIGHEST
    products = jnp.einsum("gkap,ngpq,kbq->nab", counted, jnp.stack(moments, axis=1), held, precision=high)
    mean = jnp.einsum("gkap,ngp->na", counted, totals, precision=high)
    return mean / (height * width), products / (height * width)


def _patches(planes: Array, rows: int, columns: int, reach: int = SIDE - 1) -> Array:
    """`[n, rows, columns, (4 + reach)^2]`, of a plane that goes on with zeros: blocks and what lies beyond them."""
    n, height, width = planes.shape
    more = min(reach, 1)
    lacking = [(0, BLOCK * (count + more) - side) for side, count in ((height, rows), (width, columns))]
    # One axis at a time: of more than one JAX would not know on an explicit mesh how the result is spread.
    patches = jnp.pad(planes, ((0, 0), *lacking)).reshape(n, rows + more, BLOCK, (columns + more) * BLOCK)
    patches = patches.reshape(n, rows + more, BLOCK, columns + more, BLOCK)
    if reach:
        tall = jnp.concatenate([patches[:, :-1], patches[:, 1:, :reach]], axis=2)
        patches = jnp.concatenate([tall[:, :, :, :-1], tall[:, :, :, 1:, :reach]], axis=4)
    return patches.transpose(0, 1, 3, 2, 4).reshape(n, rows, columns, (BLOCK + reach) ** 2)


def _held(beside: bool) -> np.ndarray:
    """Which of its pixels are those of each neighborhood that a patch holds: zeros and ones, `[16, 9, 36]`.

    With a map beside, whose block follows the patch: `[16, 10, 52]`.
    """
    pixels = np.arange(PATCH**2).reshape(PATCH, PATCH)
    neighborhoods = np.lib.stride_tricks.sliding_window_view(pixels, (SIDE, SIDE)).reshape(BLOCK**2, SIDE**2)
    if not beside:
        return np.eye(PATCH**2)[neighborhoods]
    tenth = PATCH**2 + np.arange(BLOCK**2)[:, None]
    return np.eye(PATCH**2 + BLOCK**2)[np.concatenate([neighborhoods, tenth], axis=1)]


@jax.custom_jvp
def quadratic_form(z: Sequence[Array], matrix: Array) -> Array:
    """`z' A z` at each place of k maps `[n, h, w]`, of symmetric matrices `[n, k, k]`."""
    size = len(z)
    upper = matrix * (2 - np.eye(size, dtype=matrix.dtype))[None]  # where those below the diagonal count, too
    rows = [lax.split(row, (1,) * size, axis=2) for row in lax.split(upper, (1,) * size, axis=1)]
    return _dot(z, [_dot(row[i:], z[i:]) for i, row in enumerate(rows)])


@quadratic_form.defjvp
def _quadratic_form_jvp(
    primals: tuple[Sequence[Array], Array], tangents: tuple[Sequence[Array], Array]
) -> tuple[Array, Array]:
    """By products, whose transposes are products; that of each element of A would be a sum of its own."""
    (z, matrix), (dz, change) = primals, tangents
    n, height, width = z[0].shape
    flat = jnp.stack(z, axis=1).reshape(n, len(z), height * width)

    def times(matrix: Array) -> list[Array]:
        product = jnp.matmul(matrix, flat, precision=lax.Precision.HIGHEST)
        return [row.reshape(n, height, width) for row in jnp.unstack(product, axis=1)]

    product = times(matrix)
    return _dot(z, product), 2 * _dot(dz, product) + _dot(z, times(change))


def _dot(a: Sequence[Array], b: Sequence[Array]) -> Array:
    return functools.reduce(jnp.add, (p * q for p, q in zip(a, b, strict=True)))
