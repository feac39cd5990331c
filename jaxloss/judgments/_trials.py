"""What people were shown, and what they said."""

from typing import NamedTuple

from .._types import ArrayLike


class Choices(NamedTuple):
    """Two-alternative choices: which of two images is nearer to the reference?

    Attributes:
        reference: `[n, H, W, 3]`, values in [0, 1].
        first: Of the same shape.
        second: Of the same shape.
        judge: `[n]`, the share of people who found the second one nearer, in [0, 1].
        weight: `[n]`, 1 for a choice that counts, 0 for one that only fills a batch.
    """

    reference: ArrayLike
    first: ArrayLike
    second: ArrayLike
    judge: ArrayLike
    weight: ArrayLike


class Comparisons(NamedTuple):
    """Just noticeable differences: are the two images the same?

    Attributes:
        first: `[n, H, W, 3]`, values in [0, 1].
        second: Of the same shape.
        same: `[n]`, the share of people who found them the same, in [0, 1].
        weight: `[n]`, 1 for a comparison that counts, 0 for one that only fills a batch.
    """

    first: ArrayLike
    second: ArrayLike
    same: ArrayLike
    weight: ArrayLike
