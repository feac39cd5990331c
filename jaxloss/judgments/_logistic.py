"""Logistic curves from the scores of a metric to people's opinions."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .._checks import error_text
from ._columns import Column, check_columns, check_varies


FORMS = (4, 5)  # numbers of coefficients
# First guesses, scores being standardized: steepness of the curve, and quantiles of the scores where its middle lies.
STEEPNESS = (1.0, 3.0, 10.0)
MIDDLES = (0.25, 0.5, 0.75)


class Logistic(NamedTuple):
    r"""A curve of 4 or of 5 coefficients, as VQEG and the LIVE laboratory fit them.

    $$q(s) = b_2 + \frac{b_1 - b_2}{1 + e^{-(s - b_3) / b_4}} \qquad
    q(s) = b_1 \left(\frac{1}{2} - \frac{1}{1 + e^{b_2 (s - b_3)}}\right) + b_4 s + b_5$$

    Attributes:
        coefficients: b, `[4]` or `[5]`, float64. Of 4 the last is positive, of 5 the second one.
    """

    coefficients: np.ndarray

    def predict(self, scores: Column) -> np.ndarray:
        """The opinions that go with scores."""
        score = np.asarray(scores, np.float64)
        if self.coefficients.size == 4:
            b1, b2, b3, b4 = self.coefficients
            return b2 + (b1 - b2) * (0.5 + _half_sigmoid((score - b3) / b4))
        b1, b2, b3, b4, b5 = self.coefficients
        return b1 * _half_sigmoid(b2 * (score - b3)) + b4 * score + b5


def fit_logistic(scores: Column, opinions: Column, *, coefficients: int = 5) -> Logistic:
    """Fit a logistic curve from scores to opinions by least squares, rising or falling as they do.

    A metric need not be linear in people's opinions to be good: the usual linear correlation is that of the opinions
    with those that the curve predicts. Where scores tell the opinions apart without error, the best curve is a step,
    which is approached.

    Args:
        scores: Of a metric, `[n]`, n > coefficients.
        opinions: Mean opinions of people, `[n]`.
        coefficients: 4, a sigmoid between two levels; 5, one and a line.

    Returns:
        A `Logistic`.

    Example:
        >>> import numpy as np
        >>> from jaxloss.judgments import fit_logistic
        >>> scores = np.linspace(0, 10, 21)
        >>> found = fit_logistic(scores, 5 - 4 / (1 + np.exp(-(scores - 6) / 0.5)), coefficients=4)
        >>> print(found.coefficients.round(3))
        [1.  5.  6.  0.5]

    Reference:
        Sheikh, Sabir, Bovik, "A statistical evaluation of recent full reference image quality assessment algorithms",
        IEEE TIP 2006, https://doi.org/10.1109/TIP.2006.881959, for 5; VQEG, final report, phase I, 2000, for 4.
    """
    name = "fit_logistic"
    if coefficients not in FORMS:
        raise ValueError(error_text(name, "4 or 5 coefficients", coefficients, "5 add a line to the sigmoid."))
    score, opinion = check_columns(name, least=coefficients + 1, scores=scores, opinions=opinions)
    check_varies(name, scores=score, opinions=opinion)
    (x, center, deviation), (y, mean, spread) = standardized(score), standardized(opinion)
    steepness, middle, height, level, *slope = first_fit(x, y, coefficients)
    # The same curve goes up with a negative height.
    steepness, height = abs(steepness) / deviation, np.sign(steepness) * spread * height
    middle, level = center + deviation * middle, mean + spread * level
    if coefficients == 4:
        return Logistic(np.array([level + height / 2, level - height / 2, middle, 1 / steepness]))
    incline = slope[0] * spread / deviation
    return Logistic(np.array([height, steepness, middle, incline, level - incline * center]))


def standardized(column: np.ndarray) -> tuple[np.ndarray, float, float]:
    """In standard deviations from the mean, with the mean and the standard deviation."""
    mean, deviation = float(column.mean()), float(column.std())
    return (column - mean) / deviation, mean, deviation


def first_fit(x: np.ndarray, y: np.ndarray, coefficients: int) -> np.ndarray:
    """Steepness, middle, height, level, and for 5 the slope, of the best curve that the first guesses lead to."""
    guesses = list(_guesses(x, y, coefficients))
    if coefficients == 5:  # which so is never worse than a curve of 4
        guesses.append(np.append(first_fit(x, y, 4), 0))
    return fit_near(x, y, guesses)


def fit_near(x: np.ndarray, y: np.ndarray, guesses: Iterable[np.ndarray], evaluations: int = 200) -> np.ndarray:
    """The best curve found from any of the guesses; what takes many evaluations is a step between two scores."""
    from scipy import optimize

    def residuals(curve: np.ndarray) -> np.ndarray:
        return curve_at(curve, x) - y

    def jacobian(curve: np.ndarray) -> np.ndarray:
        steepness, middle, height, *_ = curve
        rise = _half_sigmoid(steepness * (x - middle))
        slant = height * (0.25 - rise**2)
        columns = [slant * (x - middle), -steepness * slant, rise, np.ones_like(x), x]
        return np.stack(columns[: curve.size], axis=-1)

    solve: Any = optimize.least_squares  # whose types take no function for a Jacobian
    fits = [solve(residuals, guess, jacobian, method="lm", max_nfev=evaluations) for guess in guesses]
    return min(fits, key=lambda fit: fit.cost).x


def curve_at(curve: np.ndarray, x: np.ndarray) -> np.ndarray:
    steepness, middle, height, level, *slope = curve
    return height * _half_sigmoid(steepness * (x - middle)) + level + sum(slope) * x


def _guesses(x: np.ndarray, y: np.ndarray, coefficients: int) -> Iterator[np.ndarray]:
    """For each steepness the best middle: what else there is, is linear."""
    for steepness in STEEPNESS:
        found = []
        for middle in np.quantile(x, MIDDLES):
            columns = [_half_sigmoid(steepness * (x - middle)), np.ones_like(x), x][: coefficients - 2]
            matrix = np.stack(columns, axis=-1)
            rest = np.linalg.lstsq(matrix, y)[0]
            found.append((float(((matrix @ rest - y) ** 2).sum()), [steepness, middle, *rest]))
        yield np.array(min(found)[1])


def _half_sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) - 1/2, which does not overflow."""
    return np.tanh(x / 2) / 2
