"""How much of one set lies among the nearest neighbors of the other: counts, without derivatives."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from .._checks import error_text
from .._types import Array, FeatureSet
from ._features import centered, check_features, over_rows, squared_distances, squared_lengths


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]; higher is better.

    Attributes:
        precision: Of the images under test, those among the reference: fidelity.
        recall: Of the reference, those among the images under test: variety.
    """

    precision: Array
    recall: Array


class DensityCoverage(NamedTuple):
    """Both 1 for equal sets; higher is better.

    Attributes:
        density: How many neighborhoods of the reference an image under test is in, by k: may exceed 1.
        coverage: Of the reference, those with an image under test in their neighborhood, in [0, 1].
    """

    density: Array
    coverage: Array


def precision_recall(x: FeatureSet, y: FeatureSet, *, neighbors: int = 3) -> PrecisionRecall:
    """Improved precision and recall: shares of each set within the balls to the k-th neighbors in the other set.

    Args:
        x: Features `[n, d]` of the images under test.
        y: Of the reference, `[m, d]`. Precision and recall depend on n and m, which should be equal and are given
            beside the number.
        neighbors: k, as the paper has it; the image itself is none.

    Returns:
        `PrecisionRecall`. A distance equal to the radius is within, as in the authors' code.

    Raises:
        ValueError: Also if a set has k rows or fewer.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import precision_recall
        >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> print(jax.jit(lambda x, y: precision_recall(x, y))(0.5 * x, x).precision)
        1.0

    Reference:
        Kynkäänniemi et al., NeurIPS 2019, https://arxiv.org/abs/1904.06991.
    """
    x, y = _check("precision_recall", x, y, neighbors)
    return PrecisionRecall(_share_within(x, y, neighbors), _share_within(y, x, neighbors))


def density_coverage(x: FeatureSet, y: FeatureSet, *, neighbors: int = 5) -> DensityCoverage:
    """Density and coverage: what precision and recall become when outliers should not count.

    Args:
        x: Features `[n, d]` of the images under test.
        y: Of the reference, `[m, d]`.
        neighbors: k; the image itself is none.

    Returns:
        `DensityCoverage`. A distance equal to the radius is not within, as in the authors' code.

    Raises:
        ValueError: Also if a set has k rows or fewer.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import density_coverage
        >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> print(jax.jit(lambda x, y: density_coverage(x, y))(x, x).coverage)
        1.0

    Reference:
        Naeem et al., ICML 2020, https://arxiv.org/abs/2002.09797.
    """
    x, y = _check("density_coverage", x, y, neighbors)
    radii, lengths = _radii(y, neighbors), squared_lengths(x)

    def inside(index: Array, row: Array) -> Array:
        return (squared_distances(row, x, lengths) < radii[index]).sum()

    counts = over_rows(inside, y, x.shape[0])
    density = (counts.astype(x.dtype) / (neighbors * x.shape[0])).sum()
    return DensityCoverage(density, (counts > 0).astype(x.dtype).mean())


def _check(name: str, x: FeatureSet, y: FeatureSet, neighbors: int) -> tuple[Array, Array]:
    if neighbors < 1:
        raise ValueError(error_text(name, "neighbors >= 1", neighbors, "3 or 5 are usual."))
    way_out = f"An image with {neighbors} neighbors is one of more: take more images, or fewer neighbors."
    x, y = check_features(name, neighbors + 1, way_out, x=x, y=y)
    return centered(x, y)


def _radii(x: Array, neighbors: int) -> Array:
    """Squared distance of each row to its k-th neighbor, `[n]`."""
    lengths, count = squared_lengths(x), x.shape[0]

    def radius(index: Array, row: Array) -> Array:
        distances = jnp.where(jnp.arange(count) == index, jnp.inf, squared_distances(row, x, lengths))
        return -lax.top_k(-distances, neighbors)[0][-1]

    return over_rows(radius, x, count)


def _share_within(x: Array, y: Array, neighbors: int) -> Array:
    """Of rows of x, those within the radius of a row of y."""
    radii, lengths = _radii(y, neighbors), squared_lengths(y)

    def within(_: Array, row: Array) -> Array:
        return (squared_distances(row, y, lengths) <= radii).any()

    return over_rows(within, x, y.shape[0]).astype(x.dtype).mean()
