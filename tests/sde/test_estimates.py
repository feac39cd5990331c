"""Intervals of sums, recovered from those of the terms."""

import numpy as np
import pytest

from jaxloss.sde import Estimate
from jaxloss.sde._estimates import combine


SKEW, EVEN = Estimate(1.0, 0.2, 0.7, 1.6), Estimate(2.0, 0.5, 1.0, 3.0)


def test_sum_and_difference() -> None:
    np.testing.assert_allclose(
        combine((1, 1), (SKEW, EVEN)), [3, np.hypot(0.2, 0.5), 3 - np.hypot(0.3, 1), 3 + np.hypot(0.6, 1)]
    )
    np.testing.assert_allclose(
        combine((1, -1), (EVEN, SKEW)), [1, np.hypot(0.2, 0.5), 1 - np.hypot(1, 0.6), 1 + np.hypot(1, 0.3)]
    )


@pytest.mark.parametrize("weight", [1, 0.5, -2])
def test_one_term_keeps_its_own_interval(weight: float) -> None:
    found = combine((weight,), (SKEW,))
    np.testing.assert_allclose(found, [weight, abs(weight) * 0.2, *sorted((weight * 0.7, weight * 1.6))])


def test_symmetric_intervals_give_those_of_the_delta_method() -> None:
    terms = [Estimate(value, error, value - 1.96 * error, value + 1.96 * error) for value, error in ((1, 0.3), (4, 2))]
    found = combine((3, -1), terms)
    error = np.hypot(0.9, 2)
    np.testing.assert_allclose(found, [-1, error, -1 - 1.96 * error, -1 + 1.96 * error])
