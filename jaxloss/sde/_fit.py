"""Maximum likelihood for curves of one condition: closed forms, exact intervals, and tests between conditions."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, fdtr, fdtrc, gammaln, stdtrit

from ._curves import Curves, Transitions, transitions
from ._estimates import Estimate, HypothesisTest, check_level, combine
from ._model import PerceptualLossModel


class Fit(NamedTuple):
    """Geometric Brownian motion fitted to curves of one condition.

    The estimates are unbiased. Those of maximum likelihood, where `log_likelihood` is largest, are in `likeliest`; they
    divide by the number of increments instead of the degrees of freedom.

    Attributes:
        mu: Trend of the loss.
        kappa: Effective volatility, >= 0 by convention: the data do not tell its sign.
        log_drift: `nu = mu - kappa² / 2`, trend of the logarithm of the loss.
        variance: Unbiased estimate of kappa²; its square root is smaller than kappa on average.
        likeliest: Model of maximum likelihood; its `sigma` is the whole volatility of this condition.
        log_likelihood: At `likeliest`, of all curves, each given its first loss.
        curves: Number of curves.
        increments: Number of increments in all curves, n.
        span: Share that all curves cover together, T. The precision of mu grows with it, not with n.
        level: Of the confidence intervals.
    """

    mu: Estimate
    kappa: Estimate
    log_drift: Estimate
    variance: float
    likeliest: PerceptualLossModel
    log_likelihood: float
    curves: int
    increments: int
    span: float
    level: float

    @property
    def degrees_of_freedom(self) -> int:
        return self.increments - 1


def fit(losses: Curves, shares: Curves, *, level: float = 0.95) -> Fit:
    """Fit the model to curves of one condition, which may differ in length and in their grids.

    With `r` the increments of ln D and `d` those of S in all curves, `n` increments over the share `T = sum d`:
    `nu = sum r / T`, `kappa² = sum (r - nu d)² / d / n`, `mu = nu + kappa² / 2` have the maximum likelihood.
    `nu` is normal, `n kappa²` chi-squared with n - 1 degrees of freedom, and they are independent: the intervals of
    `nu` (Student's t) and `kappa` (chi-squared) are exact, that of `mu` is recovered from them.

    A share is at most 1, so one curve gives mu no better than to `± kappa`, however fine its grid: pool many images.

    Args:
        losses: D > 0: one curve `[n]`, curves of one length `[m, n]`, or a list of arrays.
        shares: S, increasing in each curve; the same shape, or one grid `[n]` for all.
        level: Of the confidence intervals, in (0, 1).

    Returns:
        A `Fit`, in float64.

    Raises:
        ValueError: If a loss is not positive, shares repeat or are not sorted, there are fewer than 3 increments,
            or the curves are exactly exponential.

    Example:
        >>> from jaxloss.sde import fit
        >>> found = fit([[0.6, 0.5, 0.45, 0.3], [0.5, 0.4, 0.2]], [[0.1, 0.2, 0.5, 0.9], [0.2, 0.4, 0.9]])
        >>> print(round(found.mu.value, 3), round(found.kappa.value, 3), found.increments)
        -1.04 0.273 5

    Reference:
        Kessler, Lindner, Sørensen (ed.), "Statistical methods for stochastic differential equations", 2012. Zou,
        Huo, Taleban, "Simple confidence intervals for lognormal means", Environmetrics 20, 2009, for mu.
    """
    check_level("fit", level)
    data = transitions("fit", losses, shares)
    count, total = data.span.size, float(data.span.sum())
    nu, deviations = data.about_drift()
    squares = float(deviations @ deviations)
    likeliest, variance = squares / count, squares / (count - 1)
    log_drift = _normal_mean(nu, math.sqrt(variance / total), count - 1, level)
    square = _variance(variance, count - 1, level)
    return Fit(
        mu=combine((1, 0.5), (log_drift, square)),
        kappa=_standard_deviation(square, count - 1),
        log_drift=log_drift,
        variance=variance,
        likeliest=PerceptualLossModel(mu=nu + likeliest / 2, sigma=math.sqrt(likeliest)),
        log_likelihood=_largest_log_likelihood(data, likeliest),
        curves=data.curves,
        increments=count,
        span=total,
        level=level,
    )


def _normal_mean(value: float, standard_error: float, freedom: int, level: float) -> Estimate:
    half_width = float(stdtrit(freedom, (1 + level) / 2)) * standard_error
    return Estimate(value, standard_error, value - half_width, value + half_width)


def _variance(value: float, freedom: int, level: float) -> Estimate:
    lower, upper = (freedom * value / float(chdtri(freedom, tail)) for tail in ((1 - level) / 2, (1 + level) / 2))
    return Estimate(value, value * math.sqrt(2 / freedom), lower, upper)


def _standard_deviation(variance: Estimate, freedom: int) -> Estimate:
    """The root of an unbiased variance is too small on average, by 1 / (4 freedom): it has the mean of a chi."""
    root, lower, upper = math.sqrt(variance.value), math.sqrt(variance.lower), math.sqrt(variance.upper)
    mean = math.sqrt(2 / freedom) * math.exp(gammaln((freedom + 1) / 2) - gammaln(freedom / 2))
    return Estimate(root / mean, root / math.sqrt(2 * freedom), lower, upper)


def _largest_log_likelihood(data: Transitions, variance: float) -> float:
    logarithms = np.log(2 * np.pi * variance * data.span) + 1
    return float(-logarithms.sum() / 2 - np.log(data.following).sum())


def equal_volatility_test(first: Fit, second: Fit) -> HypothesisTest:
    """F-test of equal volatilities in two conditions; exact, two-sided.

    Args:
        first: Fit of one condition.
        second: Fit of another; its curves are independent of those of the first.

    Returns:
        The ratio of the two estimates of kappa², and its p-value.

    Example:
        >>> from jaxloss.sde import equal_volatility_test, fit
        >>> shares = [0.1, 0.2, 0.5, 0.9]
        >>> found = equal_volatility_test(fit([0.6, 0.5, 0.45, 0.3], shares), fit([0.6, 0.55, 0.41, 0.3], shares))
        >>> print(round(found.statistic, 3), round(found.p_value, 3))
        26.683 0.072
    """
    freedoms = first.degrees_of_freedom, second.degrees_of_freedom
    ratio = first.variance / second.variance
    tails = fdtr(*freedoms, ratio), fdtrc(*freedoms, ratio)
    return HypothesisTest("F-test", "equal volatilities", ratio, float(min(1, 2 * min(tails))))
