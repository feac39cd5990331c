"""Fréchet distance on the host, in the digits of float64, as one reports it."""

import numpy as np

from ..ops._compensated import Sums
from ._frechet import check_count, check_statistics
from ._moments import Statistics, host_statistics


def frechet_score(x: Sums | Statistics, y: Sums | Statistics, *, allow_singular: bool = False) -> float:
    """Fréchet distance on the host, in float64: the number that pytorch-fid and ADM's evaluator report.

    Args:
        x: State of `update_moments`, or `Statistics`, of the images under test.
        y: Of the reference.
        allow_singular: Take sets of up to d images, too. `Statistics` do not know their number.

    Returns:
        A number, 0 or more up to rounding; lower is better.

    Raises:
        ValueError: If a state has seen at most d images, without `allow_singular`.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import Statistics, frechet_score
        >>> x, y = Statistics(np.zeros(2), np.eye(2)), Statistics(np.ones(2), 4 * np.eye(2))
        >>> print(frechet_score(x, y))
        4.0
    """
    name, found = "frechet_score", []
    for argument, given in (("x", x), ("y", y)):
        if isinstance(given, Sums):
            count, dimension = int(given.high[0, 0]), given.high.shape[0] - 1
            if not allow_singular:
                check_count(name, argument, count, dimension)
            given = host_statistics(given)
        found.append(Statistics(*(np.asarray(z, np.float64) for z in given)))
    check_statistics(name, *found)
    (mean_x, covariance_x), (mean_y, covariance_y) = found
    product = _factor(covariance_x).T @ _factor(covariance_y)
    root = np.linalg.svd(product, compute_uv=False).sum()
    return float(((mean_x - mean_y) ** 2).sum() + np.trace(covariance_x) + np.trace(covariance_y) - 2 * root)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """F with F F^T = covariance. Cholesky's takes a tenth of the time, where there is one."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0))
