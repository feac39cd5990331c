"""Eigenvalues and inverse of small covariance matrices, in plain arithmetic that every device compiles.

XLA calls a library of each kind of device for eigenvalues, and exports no program of it for all of them; and the
derivative of eigenvectors is not finite where eigenvalues are equal. Jacobi's method needs a few dozen rotations for a
10 x 10 matrix. What functions of a covariance are made of, its eigenvalues and its inverse, has a derivative
everywhere, which is the rule here.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._types import Array
from ._numerics import safe_divide


SWEEPS = 8  # after which off-diagonal elements of 10 x 10 matrices are rounding, in float64 too


class Spectrum(NamedTuple):
    """Of covariances: directions without variance have eigenvalue 0, and none of the inverse."""

    values: Array  # [..., n], in no particular order
    inverse: Array  # [..., n, n]


@jax.custom_jvp
def spectrum(covariance: Array) -> Spectrum:
    """Eigenvalues and (pseudo-)inverse of symmetric matrices `[..., n, n]` >= 0."""
    return _solve(covariance)[0]


@spectrum.defjvp
def _spectrum_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Spectrum, Spectrum]:
    """Of an eigenvalue, v'dCv; of the inverse -PdCP, as long as no direction gains or loses all variance."""
    result, vectors = _solve(*primals)
    (change,) = tangents
    moved = (vectors * _multiply(change, vectors)).sum(axis=-2)
    values = jnp.where(result.values > 0, moved, 0)
    return result, Spectrum(values, -_multiply(_multiply(result.inverse, change), result.inverse))


def _solve(covariance: Array) -> tuple[Spectrum, Array]:
    values, vectors = symmetric_eigen(covariance)
    total = jnp.trace(covariance, axis1=-2, axis2=-1)[..., None]
    varies = values > 10 * jnp.finfo(values.dtype).eps * (1 + total)  # beyond the rounding of sums of products
    values = jnp.where(varies, values, 0)
    inverse = _multiply(vectors * safe_divide(1, values)[..., None, :], jnp.matrix_transpose(vectors))
    return Spectrum(values, inverse), vectors


def symmetric_eigen(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues `[..., n]` and eigenvectors `[..., n, n]` (columns), by Jacobi's method in parallel order.

    Rows i and i + n/2 are a pair. A round rotates all pairs at once, so that the elements between the two become 0, and
    then seats them anew as in a round-robin tournament: a sweep of n - 1 rounds brings every two together once, and
    everybody back to his seat.
    """
    size = matrix.shape[-1]
    if size % 2:
        larger = jnp.pad(matrix, [(0, 0)] * (matrix.ndim - 2) + [(0, 1), (0, 1)])
        values, vectors = symmetric_eigen(larger)  # a row of zeros is never rotated
        return values[..., :size], vectors[..., :size, :size]
    half = size // 2
    seats = np.array([0, half, *range(1, half - 1), *range(half + 1, size), half - 1][:size])

    def rotate(rows: Array, cosine: Array, sine: Array) -> Array:
        top, bottom = rows[..., :half, :], rows[..., half:, :]
        return jnp.concatenate([cosine * top - sine * bottom, sine * top + cosine * bottom], axis=-2)[..., seats, :]

    def play(_: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        matrix, rows = state
        diagonal = jnp.diagonal(matrix, axis1=-2, axis2=-1)
        twice = 2 * jnp.diagonal(matrix[..., :half, half:], axis1=-2, axis2=-1)
        difference = diagonal[..., half:] - diagonal[..., :half]
        sign = jnp.where(difference < 0, -1, 1).astype(matrix.dtype)
        tangent = safe_divide(sign * twice, sign * difference + jnp.hypot(difference, twice))
        cosine = lax.rsqrt(1 + tangent**2)[..., None]
        sine = tangent[..., None] * cosine
        turned = rotate(jnp.matrix_transpose(rotate(matrix, cosine, sine)), cosine, sine)
        return turned, rotate(rows, cosine, sine)

    start = jnp.zeros_like(matrix) + jnp.eye(size, dtype=matrix.dtype).reshape((1,) * (matrix.ndim - 2) + (size, size))
    matrix, rows = lax.fori_loop(0, SWEEPS * (size - 1), play, (matrix, start))
    return jnp.diagonal(matrix, axis1=-2, axis2=-1), jnp.matrix_transpose(rows)


def _multiply(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
