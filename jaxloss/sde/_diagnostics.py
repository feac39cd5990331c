"""Whether geometric Brownian motion describes the curves: residuals, their normality and correlation, other models."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from .._checks import error_text
from ._curves import Curves, Transitions, transitions
from ._estimates import HypothesisTest


LONGEST_SHAPIRO = 5000  # increments; beyond, SciPy does not vouch for its p-values


class Diagnosis(NamedTuple):
    """Checks of the model on curves of one condition.

    Attributes:
        residuals: Standardized increments of ln D, `[n]`: independent standard normal under the model, nearly.
        shares: Middle of the step that each belongs to, `[n]`.
        normality: Shapiro-Wilk test of the residuals; Jarque-Bera beyond 5000 increments.
        autocorrelation: Ljung-Box test of the residuals along the curves; None where no curve has two increments. A
            small p-value is to be expected if the shares or the losses are smoothed.
        aic: Akaike's criterion by model, lower is better: `"geometric_brownian_motion"`, `"arithmetic_brownian_motion"`
            and, where all shares are positive, `"power_law"`.
    """

    residuals: np.ndarray
    shares: np.ndarray
    normality: HypothesisTest
    autocorrelation: HypothesisTest | None
    aic: dict[str, float]


def diagnose(losses: Curves, shares: Curves, *, lags: int = 5) -> Diagnosis:
    """Check the model on curves of one condition.

    Each model is a density of the same observations, the losses after the first of each curve given the first, per unit
    of loss, and has two parameters at their maximum likelihood, so that the criteria `4 - 2 log-likelihood` compare:

    * geometric Brownian motion: `ln D' ~ N(ln D + nu d, kappa² d)` over a step d of share;
    * arithmetic Brownian motion: `D' ~ N(D + a d, b² d)`;
    * power law: `ln D = c + p ln S + e` at each share, the first too, with independent `e ~ N(0, t²)`: deterministic
      but for errors of measurement. The level c of each curve is integrated out with a flat prior, which leaves the
      density of the differences to the first loss, hence of the losses given the first.

    Args:
        losses: D > 0: one curve `[n]`, curves of one length `[m, n]`, or a list of arrays.
        shares: S, increasing in each curve; the same shape, or one grid `[n]` for all.
        lags: Greatest lag of the Ljung-Box test, in increments; fewer where no curve is long enough.

    Returns:
        A `Diagnosis`.

    Raises:
        ValueError: As `fit`, and for lags < 1.

    Example:
        >>> from jaxloss.sde import diagnose
        >>> found = diagnose([0.6, 0.5, 0.45, 0.3, 0.28, 0.2], [0.1, 0.2, 0.5, 0.7, 0.8, 0.9])
        >>> print(found.residuals.round(2), min(found.aic, key=lambda name: found.aic[name]))
        [-0.33  1.52 -0.73  0.5  -1.45] arithmetic_brownian_motion

    Reference:
        Ljung, Box, "On a measure of lack of fit in time series models", Biometrika 65, 1978.
    """
    if lags < 1:
        raise ValueError(error_text("diagnose", "lags >= 1", lags, "The test looks at correlations up to this lag."))
    data = transitions("diagnose", losses, shares)
    residuals = _residuals(data)
    return Diagnosis(
        residuals=residuals,
        shares=data.begin + data.span / 2,
        normality=_normality(residuals),
        autocorrelation=_ljung_box(residuals, data.curve, lags),
        aic={name: 4 - 2 * value for name, value in _log_likelihoods(data).items()},
    )


def _residuals(data: Transitions) -> np.ndarray:
    _, deviations = data.about_drift()
    variance = deviations @ deviations / (deviations.size - 1)
    # A long step pulls the drift towards itself, which leaves it a smaller deviation.
    return deviations / np.sqrt(variance * (1 - data.span / data.span.sum()))


def _normality(residuals: np.ndarray) -> HypothesisTest:
    from scipy import stats  # half a second, which only this test needs

    if residuals.size > LONGEST_SHAPIRO:
        name, found = "Jarque-Bera test", stats.jarque_bera(residuals)
    else:
        name, found = "Shapiro-Wilk test", stats.shapiro(residuals)
    statistic, p_value = np.array([*found], np.float64).tolist()
    return HypothesisTest(name, "normal increments of ln D", statistic, p_value)


def _ljung_box(residuals: np.ndarray, curve: np.ndarray, lags: int) -> HypothesisTest | None:
    """`n (n + 2) sum rho_k² / n_k` with the n_k pairs at lag k within curves: n - k of them in a single curve."""
    count, statistic, used = residuals.size, 0.0, 0
    for lag in range(1, lags + 1):
        together = curve[lag:] == curve[:-lag]
        pairs = int(together.sum())
        if pairs:
            products = residuals[lag:] * residuals[:-lag]
            correlation = products[together].sum() / (residuals**2).sum()
            statistic += count * (count + 2) * correlation**2 / pairs
            used += 1
    if not used:
        return None
    hypothesis = f"no correlation of increments up to lag {used}"
    return HypothesisTest("Ljung-Box test", hypothesis, float(statistic), float(chdtrc(used, statistic)))


def _log_likelihoods(data: Transitions) -> dict[str, float]:
    count, jacobian = data.span.size, np.log(data.following).sum()  # of d ln D / d D = 1 / D

    def gaussian(squares: float, log_determinant: float) -> float:
        """At the variance of maximum likelihood, squares / count, with the determinant of the unscaled covariance."""
        with np.errstate(divide="ignore"):  # Curves that a model follows exactly have an infinite density.
            return float(-(count * (np.log(2 * np.pi * squares / count) + 1) + log_determinant) / 2)

    def motion(change: np.ndarray) -> float:
        drift = change.sum() / data.span.sum()
        squares = ((change - drift * data.span) ** 2 / data.span).sum()
        return gaussian(squares, np.log(data.span).sum())

    found = {
        "geometric_brownian_motion": motion(data.log_ratio) - jacobian,
        "arithmetic_brownian_motion": motion(data.following - data.previous),
    }
    if (data.begin > 0).all():
        found["power_law"] = gaussian(*_power_law(data)) - jacobian
    return found


def _power_law(data: Transitions) -> tuple[float, float]:
    """Sum of squares about the regression with one intercept per curve, and the logarithm of the determinant.

    The differences of k + 1 independent errors to the first have the covariance I + 1 1ᵀ, of determinant k + 1; their
    quadratic form is the sum of squares of all k + 1 about their mean.
    """
    squares_x = squares_y = products = log_determinant = 0.0
    for number in range(data.curves):
        own = data.curve == number
        x = np.log(np.append(data.begin[own][0], data.end[own]))
        y = np.log(np.append(data.previous[own][0], data.following[own]))
        x, y = x - x.mean(), y - y.mean()
        squares_x, squares_y, products = squares_x + x @ x, squares_y + y @ y, products + x @ y
        log_determinant += np.log(x.size)
    return float(squares_y - products**2 / squares_x), log_determinant
