"""Logistic fits recover the curve that opinions were made of, in both directions."""

import numpy as np
import pytest

from jaxloss.judgments import Logistic, fit_logistic


# Coefficients of rising and falling curves, of scores of several magnitudes.
CURVES = [
    [5.0, 1.0, 30.0, 2.0],
    [1.0, 5.0, 0.3, 0.05],
    [90.0, 10.0, -2e4, 3e3],
    [60.0, 0.4, 30.0, 0.5, 3.0],
    [-3.0, 20.0, 0.3, -1.0, 4.0],
]


@pytest.mark.parametrize("coefficients", CURVES, ids=str)
def test_known_coefficients_are_recovered(coefficients: list[float], rng: np.random.Generator) -> None:
    known = Logistic(np.array(coefficients))
    width = coefficients[3] if len(coefficients) == 4 else 1 / coefficients[1]
    scores = coefficients[2] + width * rng.uniform(-5, 4, 60)
    opinions = known.predict(scores)
    found = fit_logistic(scores, opinions, coefficients=len(coefficients))
    np.testing.assert_allclose(found.coefficients, coefficients, rtol=1e-6)
    noisy = opinions + 0.05 * opinions.std() * rng.standard_normal(60)
    refound = fit_logistic(scores, noisy, coefficients=len(coefficients))
    residual = [((noisy - curve.predict(scores)) ** 2).sum() for curve in (refound, known)]
    assert 0.7 * residual[1] < residual[0] < residual[1]


def test_formulas() -> None:
    score = np.array([1.0, 2.0])
    four, five = Logistic(np.array([4.0, 1, 1.5, 0.5])), Logistic(np.array([4.0, 2, 1.5, 3, 1]))
    np.testing.assert_allclose(four.predict(score), 1 + 3 / (1 + np.exp(-(score - 1.5) / 0.5)))
    np.testing.assert_allclose(five.predict(score), 4 * (0.5 - 1 / (1 + np.exp(2 * (score - 1.5)))) + 3 * score + 1)


def test_five_coefficients_are_never_worse(rng: np.random.Generator) -> None:
    for opinions in (rng.random(20), np.arange(20.0), (np.arange(20) > 7) * 1.0):
        scores = np.arange(20) + 0.1 * rng.random(20)
        squares = [
            ((fit_logistic(scores, opinions, coefficients=count).predict(scores) - opinions) ** 2).sum()
            for count in (4, 5)
        ]
        line = np.polyval(np.polyfit(scores, opinions, 1), scores)
        assert squares[1] <= min(squares[0], ((line - opinions) ** 2).sum()) + 1e-9


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match=r"^fit_logistic: expected 4 or 5 coefficients, got 3\."):
        fit_logistic([1, 2, 3], [1, 2, 3], coefficients=3)
    with pytest.raises(ValueError, match=r"^fit_logistic: expected at least 6 trials, got 5"):
        fit_logistic([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match=r"^fit_logistic: expected scores that vary, got 1 throughout"):
        fit_logistic(np.ones(6), np.arange(6))
    with pytest.raises(ValueError, match=r"^fit_logistic: expected finite opinions, got nan at 0"):
        fit_logistic(np.arange(6), [np.nan, 1, 2, 3, 4, 5])
