"""Bjøntegaard deltas of curves whose distance is known."""

import numpy as np
import pytest

from jaxloss.evaluate import bd_metric, bd_rate
from jaxloss.evaluate._bjontegaard import METHODS, overlap


RATES = np.array([0.2, 0.35, 0.9, 1.7, 4.0])
SCORES = 30 + 4 * np.log2(RATES) + 0.3 * np.log2(RATES) ** 2  # rises over these rates


@pytest.mark.parametrize("method", METHODS)
def test_curve_moved_along_the_rate_or_up(method: str) -> None:
    for factor in (0.5, 0.8, 2.0):
        assert bd_rate(RATES, SCORES, factor * RATES, SCORES, method=method) == pytest.approx(100 * (factor - 1))
        back = bd_rate(factor * RATES, SCORES, RATES, SCORES, method=method)
        assert back == pytest.approx(100 * (1 / factor - 1))
    for offset in (-1.5, 0, 2):
        assert bd_metric(RATES, SCORES, RATES, SCORES + offset, method=method) == pytest.approx(offset)


@pytest.mark.parametrize("method", METHODS)
def test_order_of_points_and_direction_of_scores_do_not_matter(method: str) -> None:
    other = SCORES[:4] + np.array([0.5, 0.2, 0.3, 0.9])
    expected = bd_rate(RATES, SCORES, RATES[:4], other, method=method)
    assert -30 < expected < -1
    shuffled = [4, 0, 3, 1, 2]
    assert bd_rate(RATES[shuffled], SCORES[shuffled], RATES[:4][::-1], other[::-1], method=method) == pytest.approx(
        expected
    )
    assert bd_rate(RATES, -SCORES, RATES[:4], -other, method=method) == pytest.approx(expected)
    metric = bd_metric(RATES, SCORES, RATES[:4], other, method=method)
    assert bd_metric(RATES, -SCORES, RATES[:4], -other, method=method) == pytest.approx(-metric)
    assert metric > 0.1


def test_cubic_of_cubics_is_their_mean_difference() -> None:
    """The integral over the common rates, of polynomials whose values are on a fine grid."""
    first, second = np.polynomial.Polynomial([30, 4, 0.3, -0.2]), np.polynomial.Polynomial([31, 3, -0.1, 0.1])
    log_rates, other = np.log(RATES), np.log(RATES[1:] * 2)
    grid = np.linspace(other.min(), log_rates.max(), 100_001)
    expected = np.trapezoid(second(grid) - first(grid), grid) / (grid[-1] - grid[0])
    found = bd_metric(RATES, first(log_rates), np.exp(other), second(other), method="cubic")
    assert found == pytest.approx(expected, rel=1e-8)


def test_overlap() -> None:
    assert overlap(np.array([3.0, 1]), np.array([2.0, 5])) == (2, 3, 0.25)
    assert overlap(np.array([1.0, 2]), np.array([4.0, 5])).share == 0
    assert overlap(np.array([1.0]), np.array([1.0])).share == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2, 3], [1, 2, 3], [1, 2], [4, 5]), "bd_rate: expected scores that overlap, got 1 to 3 and 4 to 5."),
        (([1, 2, 3], [1, 3, 2], [1, 2], [1, 2]), "bd_rate: expected anchor_scores that move one way with the rate"),
        (([2, 1], [2, 1], [3, 2, 1], [1, 1, 2]), "bd_rate: expected scores that move one way with the rate, got 2,"),
        (([1, 0], [1, 2], [1, 2], [1, 2]), "bd_rate: expected anchor_rates above 0, got 0."),
        (([1, 2], [1, 2], [2, 2], [1, 2]), "bd_rate: expected rates that differ, got 2, 2. Keep one point"),
        (([1, 2], [1, 2], [1], [1]), "bd_rate: expected at least 2 points for the method 'pchip', got 1."),
        (([1, 2], [1, np.inf], [1], [1]), "bd_rate: expected finite anchor_scores, got inf at 1."),
        (([1, 2], [1], [1], [1]), "bd_rate: expected anchor_rates and anchor_scores of one shape"),
    ],
)  # fmt: skip
def test_curves_that_are_refused(arguments: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        bd_rate(*arguments)
    assert str(caught.value).startswith(message)


def test_rates_that_do_not_overlap_and_few_points() -> None:
    with pytest.raises(ValueError, match=r"^bd_metric: expected rates that overlap, got"):
        bd_metric([1, 2], [1, 2], [3, 4], [1, 2])
    with pytest.raises(ValueError, match=r"^bd_metric: expected at least 4 points for the method 'cubic', got 3"):
        bd_metric([1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3], method="cubic")
    with pytest.raises(ValueError, match=r"^bd_metric: expected method one of \['akima', 'cubic', 'pchip'\]"):
        bd_metric([1, 2], [1, 2], [1, 2], [1, 2], method="linear")
