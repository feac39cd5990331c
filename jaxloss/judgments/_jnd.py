"""Just noticeable differences: whether a metric is low for those pairs of images that people find the same."""

from typing import NamedTuple

import numpy as np

from .._checks import error_text
from ._columns import Column, check_columns, check_shares


class JNDThreshold(NamedTuple):
    """The distance at which people begin to see a difference.

    Attributes:
        threshold: Pairs farther apart are taken for different; -inf where all, and inf where none should be.
        accuracy: Share of judgments that this agrees with, in [0.5, 1].
    """

    threshold: float
    accuracy: float


def jnd_score(distances: Column, same: Column) -> float:
    """Average precision of a metric in telling which pairs of images people find the same.

    Pairs are called the same one after the other, from the lowest distance on. Precision is the share of judgments
    "the same" among those on the pairs so far, recall their share in all such judgments; the score is the area below
    precision, made not to increase, over recall (VOC 2010). Pairs at one distance have no order: people's judgments on
    them are pooled, and each has the mean share of all. So a metric that is constant has the share of all pairs.

    Args:
        distances: Of the two images of each pair, `[n]`; lower is nearer, and infinite is farthest.
        same: Share of people who found the two the same, `[n]`, in [0, 1].

    Returns:
        In [0, 1]; higher is better.

    Raises:
        ValueError: If nobody found any pair the same.

    Example:
        >>> from jaxloss.judgments import jnd_score
        >>> print(jnd_score([0.1, 0.2, 0.3, 0.4], [1.0, 0.5, 0.5, 0.0]))
        0.854

    Reference:
        Zhang et al., CVPR 2018, https://arxiv.org/abs/1801.03924; for distinct distances the authors' code.
    """
    distance, share = _pairs("jnd_score", distances, same, infinite=True)
    total = share.sum()
    if total == 0:
        way_out = "Precision has no meaning where there is nothing to find."
        raise ValueError(error_text("jnd_score", "a pair that somebody found the same", "none", way_out))
    _, group, sizes = np.unique(distance, return_inverse=True, return_counts=True)
    pooled = np.repeat(np.bincount(group, share) / sizes, sizes)  # in ascending order of distance
    found = np.cumsum(pooled)
    precision = found / np.arange(1, found.size + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(pooled @ envelope / found[-1])


def jnd_threshold(distances: Column, same: Column) -> JNDThreshold:
    """Distance above which to call two images different, so that most people agree.

    Of all thresholds between two distances, below all and above all, it is the lowest one of the highest accuracy,
    which is the mean of `1 - same` over the pairs above it and of `same` over the others.

    Args:
        distances: Of the two images of each pair, `[n]`; lower is nearer.
        same: Share of people who found the two the same, `[n]`, in [0, 1]; `same > 0.5` counts majorities instead.

    Returns:
        A `JNDThreshold`, half-way between two distances.

    Example:
        >>> from jaxloss.judgments import jnd_threshold
        >>> print(jnd_threshold([0.1, 0.2, 0.4, 0.5], [1.0, 0.75, 0.25, 0.0]))
        JNDThreshold(threshold=0.3, accuracy=0.875)
    """
    distance, share = _pairs("jnd_threshold", distances, same)
    levels, group, sizes = np.unique(distance, return_inverse=True, return_counts=True)
    alike = np.bincount(group, share)
    # Each level that comes below the threshold adds those who found its pairs the same, and takes away the others.
    agreed = (sizes - alike).sum() + np.append(0, np.cumsum(2 * alike - sizes))
    thresholds = np.concatenate([[-np.inf], levels[:-1] + np.diff(levels) / 2, [np.inf]])
    best = int(np.argmax(agreed > agreed.max() - 1e-9))  # sums in another order differ by roundings
    return JNDThreshold(float(thresholds[best]), float(agreed[best] / distance.size))


def _pairs(name: str, distances: Column, same: Column, infinite: bool = False) -> list[np.ndarray]:
    distance, share = check_columns(name, infinite=infinite, distances=distances, same=same)
    check_shares(name, "same", share)
    return [distance, share]
