"""Fréchet distance of features, and of means and covariances: differentiable, on any device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import error_text, one_dtype
from .._types import Array, FeatureSet, ScalarArray
from ..ops._numerics import safe_divide, safe_sqrt
from ._features import check_features
from ._moments import Statistics


FEW = (
    "Its covariance is singular, and the distance depends on n more than on the images: take more images, or features "
    "of fewer dimensions; allow_singular=True computes it all the same."
)


def frechet_distance(x: FeatureSet, y: FeatureSet, *, allow_singular: bool = False) -> ScalarArray:
    r"""Fréchet distance of two sets of features, as if they were normal: FID, where they are those of Inception v3.

    $$d^2 = |\mu_x - \mu_y|^2 + \mathrm{tr}(\Sigma_x + \Sigma_y - 2 (\Sigma_x \Sigma_y)^{1/2})
    = |\mu_x - \mu_y|^2 + \min_W |A - W B|^2$$

    with covariances $\Sigma_x = A^T A$ and $\Sigma_y = B^T B$ of centered features, and W orthogonal: what turns B
    closest to A, from a singular value decomposition. No root of a matrix, no complex numbers, and near-equal sets lose
    no digits, as a difference of traces does. For sets that do not fit memory there are `update_moments` and
    `frechet_score`.

    Args:
        x: Features `[n, d]` of the images under test.
        y: Of the reference, `[m, d]`.
        allow_singular: Take n or m of up to d, too, as for a training loss of one batch.

    Returns:
        A number, 0 or more; lower is better.

    Raises:
        ValueError: If n or m is at most d, without `allow_singular`.

    Gradient:
        Finite, and 0 for equal sets. Of second order where no two pairs of singular values of the product add to 0.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import frechet_distance
        >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> print(f"{jax.jit(lambda x, y: frechet_distance(x, y))(x + 1, x):.4f}")
        3.0000

    Reference:
        Heusel et al., NeurIPS 2017, https://arxiv.org/abs/1706.08500.
    """
    name = "frechet_distance"
    x, y = check_features(name, 2, x=x, y=y)
    if not allow_singular:
        for argument, features in (("x", x), ("y", y)):
            check_count(name, argument, *features.shape)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    factors = [(z - mean) / (z.shape[0] - 1) ** 0.5 for z, mean in ((x, mean_x[None]), (y, mean_y[None]))]
    return ((mean_x - mean_y) ** 2).sum() + _distance_of_factors(*factors)


def frechet_of_statistics(x: Statistics, y: Statistics) -> ScalarArray:
    """Fréchet distance of means and covariances, differentiable and within `jit`.

    In float32 a covariance has lost what is below 1e-7 of its largest eigenvalue, and its root 3e-4: use it to watch
    training, or in float64. `frechet_score` is what one reports.

    Args:
        x: `Statistics` of the images under test.
        y: Of the reference.

    Returns:
        A number, 0 or more; lower is better.

    Gradient:
        Finite: where a covariance is singular, as if the other had nothing in its null space.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import Statistics, frechet_of_statistics
        >>> normal, other = (Statistics(np.full(2, m), s * np.eye(2)) for m, s in ((0.0, 1.0), (1.0, 4.0)))
        >>> print(f"{jax.jit(lambda x: frechet_of_statistics(x, other))(normal):.4f}")
        4.0000
    """
    check_statistics("frechet_of_statistics", x, y)
    mean_x, covariance_x, mean_y, covariance_y = one_dtype("frechet_of_statistics", *x, *y)
    return ((mean_x - mean_y) ** 2).sum() + _distance_of_covariances(covariance_x, covariance_y)


def check_count(name: str, argument: str, count: int, dimension: int) -> None:
    if count <= dimension:
        expected = f"more than d = {dimension} rows of {argument}"
        raise ValueError(error_text(name, expected, count, FEW))


def check_statistics(name: str, x: Statistics, y: Statistics) -> None:
    shapes = [np.shape(z) for z in (*x, *y)]
    if len(shapes[0]) != 1 or shapes != 2 * [shapes[0], 2 * shapes[0]]:
        got = ", ".join(map(str, shapes))
        expected = "means of shape [d] and covariances of shape [d, d]"
        raise ValueError(error_text(name, expected, got, "Use features of one network for both."))


def _product(a: Array, b: Array) -> Array:
    return jnp.dot(a, b, precision=lax.Precision.HIGHEST)


@jax.custom_jvp
def _polar(square: Array) -> Array:
    """The orthogonal matrix nearest to a square one."""
    u, _, v = jnp.linalg.svd(square)
    return _product(u, v)


@_polar.defjvp
def _polar_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (square,), (change,) = primals, tangents
    u, s, v = jnp.linalg.svd(square)
    turned = _product(_product(u.T, change), v.T)
    sums = s[:, None] + s[None]
    sums = jnp.where(sums > s.max() * s.size * jnp.finfo(s.dtype).eps, sums, 0)
    return _product(u, v), _product(_product(u, safe_divide(turned - turned.T, sums)), v)


class _Alignment(NamedTuple):
    """How far two factors are from each other when one is turned towards the other."""

    distance: Array  # |A - W B|²
    slope_a: Array  # A - W B, half of its derivative with respect to A: W, which is best, has none
    slope_b: Array  # B - W^T A


@jax.jit  # one program for those who call it without
def _align(a: Array, b: Array) -> _Alignment:
    """Of `[n, d]` and `[m, d]`, by the triangular factors of what is tall: `A = Q R`."""
    (qa, ra), (qb, rb) = (jnp.linalg.qr(z) if z.shape[0] > z.shape[1] else (None, z) for z in (a, b))
    rows = max(ra.shape[0], rb.shape[0])
    square_a, square_b = (jnp.pad(r, ((0, rows - r.shape[0]), (0, 0))) for r in (ra, rb))
    turn = _polar(_product(square_a, square_b.T))
    left_a = square_a - _product(turn, square_b)
    slope_a, slope_b = left_a[: ra.shape[0]], (square_b - _product(turn.T, square_a))[: rb.shape[0]]
    return _Alignment(
        (left_a**2).sum(),
        slope_a if qa is None else _product(qa, slope_a),
        slope_b if qb is None else _product(qb, slope_b),
    )


@jax.custom_jvp
def _distance_of_factors(a: Array, b: Array) -> Array:
    return _align(a, b).distance


@_distance_of_factors.defjvp
def _distance_of_factors_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # A rule of its own: the derivatives of decompositions are infinite where rows are few or features constant.
    found, (change_a, change_b) = _align(*primals), tangents
    return found.distance, 2 * ((found.slope_a * change_a).sum() + (found.slope_b * change_b).sum())


def _roots(covariance: Array) -> tuple[Array, Array]:
    """Q and the roots of the eigenvalues, so that `Q diag(roots)² Q^T` is the covariance."""
    values, vectors = jnp.linalg.eigh(covariance)
    return vectors, safe_sqrt(values)


@jax.custom_jvp
def _distance_of_covariances(x: Array, y: Array) -> Array:
    (vectors_x, roots_x), (vectors_y, roots_y) = _roots(x), _roots(y)
    a, b = (vectors_x * roots_x[None]).T, (vectors_y * roots_y[None]).T
    return ((a - _product(_polar(_product(a, b.T)), b)) ** 2).sum()


@_distance_of_covariances.defjvp
def _distance_of_covariances_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """The slope of the trace of the root is `F^-T U S U^T F^-1 / 2`, with `F_x^T F_y = U S V^T`."""
    x, y = primals
    (vectors_x, roots_x), (vectors_y, roots_y) = _roots(x), _roots(y)
    a, b = (vectors_x * roots_x[None]).T, (vectors_y * roots_y[None]).T
    u, s, v = jnp.linalg.svd(_product(a, b.T))
    distance = ((a - _product(_product(u, v), b)) ** 2).sum()
    change = jnp.zeros_like(distance)
    sides = (vectors_x, roots_x, u, tangents[0]), (vectors_y, roots_y, v.T, tangents[1])
    for vectors, roots, turned, tangent in sides:
        above = roots**2 > (roots**2).max() * roots.size * jnp.finfo(roots.dtype).eps
        inverse = safe_divide(1.0, jnp.where(above, roots, 0))
        h = _product(vectors * inverse[None], turned * safe_sqrt(s)[None])
        change += jnp.trace(tangent) - (_product(tangent, h) * h).sum()
    return distance, change
