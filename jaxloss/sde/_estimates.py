"""Estimates with intervals, results of tests, and the one rule by which intervals of several become that of a sum."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._checks import error_text


class Estimate(NamedTuple):
    """A parameter estimated from data.

    Attributes:
        value: Unbiased estimate.
        standard_error: By the delta method where it is not exact; `value ± 1.96 standard_error` is that method's
            interval at 95 %.
        lower: Lower end of the confidence interval.
        upper: Upper end.
    """

    value: float
    standard_error: float
    lower: float
    upper: float


class HypothesisTest(NamedTuple):
    """A test of a hypothesis.

    Attributes:
        name: Of the test.
        hypothesis: What a small p-value speaks against.
        statistic: Its value in these data.
        p_value: Probability of a value at least as extreme under the hypothesis.
    """

    name: str
    hypothesis: str
    statistic: float
    p_value: float


def combine(coefficients: Sequence[float], estimates: Sequence[Estimate]) -> Estimate:
    """The weighted sum of independent estimates.

    Its interval is recovered from theirs (Zou and Donner 2008): `c·e - sqrt(sum (c_i (e_i - end_i))²)` with the end of
    each that is on the side in question. Skew intervals, as those of volatilities, so keep their skew, where the delta
    method's would be symmetric and miss the coverage; for symmetric ones both are the same.
    """
    weights = np.asarray(coefficients)
    values, errors, lower, upper = np.asarray(estimates).T
    below, above = weights * (values - lower), weights * (upper - values)
    # A negative weight turns an interval round.
    down = np.where(weights > 0, below, above)
    up = np.where(weights > 0, above, below)
    value = float(weights @ values)
    return Estimate(
        value,
        float(np.linalg.norm(weights * errors)),
        value - float(np.linalg.norm(down)),
        value + float(np.linalg.norm(up)),
    )


def check_level(name: str, level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(error_text(name, "level between 0 and 1", level, "0.95 is usual."))
