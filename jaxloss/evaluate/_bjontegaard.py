"""Bjøntegaard deltas: how far two rate-distortion curves lie apart on average, where both are defined."""

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice, error_text
from ..judgments._columns import Column, check_columns


# Way to join the points -> the least number of points.
METHODS = {"akima": 3, "cubic": 4, "pchip": 2}


class Overlap(NamedTuple):
    """Where two curves are defined.

    Attributes:
        low: Where both begin.
        high: Where the first of them ends.
        share: Of the span of both together, in [0, 1].
    """

    low: float
    high: float
    share: float


def bd_rate(
    anchor_rates: Column, anchor_scores: Column, rates: Column, scores: Column, *, method: str = "pchip"
) -> float:
    r"""Bjøntegaard delta of the rate: by how many percent a codec's files are larger than another's at equal scores.

    $$100 \, \Big(\exp\Big(\frac{1}{b - a} \int_a^b \ln R(s) - \ln R_0(s) \, ds\Big) - 1\Big)$$

    over the scores s from a to b that both reach.

    Args:
        anchor_rates: Bytes or bits per pixel of the codec that is held against, `[n]`, above 0.
        anchor_scores: Of a metric at these rates, `[n]`, rising with the rate, or falling, without standing still.
        rates: Of the codec in question, `[m]`.
        scores: Likewise.
        method: How points are joined: `"pchip"`, monotone piecewise cubics (JCT-VC); `"akima"`, piecewise cubics
            (JVET); `"cubic"`, one polynomial of degree 3 through or near all points (Bjøntegaard's).

    Returns:
        Percent, above -100; lower is better, 0 for equal curves.

    Raises:
        ValueError: If the scores do not overlap, do not move one way, or are too few: 2, 3 or 4 by method.

    Example:
        >>> from jaxloss.evaluate import bd_rate
        >>> print(round(bd_rate([1, 2, 4, 8], [30, 33, 36, 39], [0.5, 1, 2, 4], [30, 33, 36, 39]), 6))
        -50.0

    Reference:
        Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001. The package
        `bjontegaard` gives the same numbers.
    """
    curves = _curves("bd_rate", anchor_rates, anchor_scores, rates, scores)
    for (rate, score), which in zip(curves, ("anchor_scores", "scores"), strict=True):
        steps = np.diff(score[np.argsort(rate)])
        if not ((steps > 0).all() or (steps < 0).all()):
            way_out = "Leave out points at which a higher rate does not change the score for the better."
            got = ", ".join(f"{value:g}" for value in score[np.argsort(rate)])
            raise ValueError(error_text("bd_rate", f"{which} that move one way with the rate", got, way_out))
    (anchor_rate, anchor_score), (rate, score) = curves
    delta = _mean_difference("bd_rate", "scores", (anchor_score, np.log(anchor_rate)), (score, np.log(rate)), method)
    return float(100 * np.expm1(delta))


def bd_metric(
    anchor_rates: Column, anchor_scores: Column, rates: Column, scores: Column, *, method: str = "pchip"
) -> float:
    r"""Bjøntegaard delta of a metric: how much higher a codec's scores are than another's at equal rates.

    $$\frac{1}{\ln b / a} \int_{\ln a}^{\ln b} s(R) - s_0(R) \, d \ln R$$

    over the rates R from a to b that both have.

    Args:
        anchor_rates: Bytes or bits per pixel of the codec that is held against, `[n]`, above 0, all different.
        anchor_scores: Of a metric at these rates, `[n]`.
        rates: Of the codec in question, `[m]`.
        scores: Likewise.
        method: As for `bd_rate`.

    Returns:
        In units of the scores: dB of PSNR; 0 for equal curves. Above 0 is better for a metric that is better when
        higher, below 0 for the others.

    Raises:
        ValueError: If the rates do not overlap, or are too few: 2, 3 or 4 by method.

    Example:
        >>> from jaxloss.evaluate import bd_metric
        >>> print(round(bd_metric([1, 2, 4, 8], [30, 33, 36, 39], [0.5, 1, 2, 4], [30, 33, 36, 39]), 6))
        3.0

    Reference:
        Bjøntegaard, VCEG-M33, 2001; `bd_psnr` of the package `bjontegaard` gives the same numbers.
    """
    curves = _curves("bd_metric", anchor_rates, anchor_scores, rates, scores)
    anchor, other = ((np.log(rate), score) for rate, score in curves)
    return _mean_difference("bd_metric", "rates", anchor, other, method)


def overlap(first: np.ndarray, second: np.ndarray) -> Overlap:
    low, high = max(first.min(), second.min()), min(first.max(), second.max())
    span = max(first.max(), second.max()) - min(first.min(), second.min())
    return Overlap(float(low), float(high), float(max(0, high - low) / span) if span else 0.0)


Points = tuple[np.ndarray, np.ndarray]


def _curves(
    name: str, anchor_rates: Column, anchor_scores: Column, rates: Column, scores: Column
) -> tuple[Points, Points]:
    anchor_rate, anchor_score = check_columns(name, anchor_rates=anchor_rates, anchor_scores=anchor_scores)
    rate, score = check_columns(name, rates=rates, scores=scores)
    for argument, column in {"anchor_rates": anchor_rate, "rates": rate}.items():
        if column.min() <= 0:
            way_out = "They are bytes or bits per pixel, or per second."
            raise ValueError(error_text(name, f"{argument} above 0", f"{column.min():g}", way_out))
        if np.unique(column).size < column.size:
            got = ", ".join(f"{value:g}" for value in np.sort(column))
            raise ValueError(error_text(name, f"{argument} that differ", got, "Keep one point of each rate."))
    return (anchor_rate, anchor_score), (rate, score)


def _mean_difference(name: str, what: str, anchor: Points, other: Points, method: str) -> float:
    """Of the second coordinate, over where both have the first one, which is called `what`."""
    check_choice(name, "method", method, METHODS)
    for points, _ in (anchor, other):
        if points.size < METHODS[method]:
            expected = f"at least {METHODS[method]} points for the method {method!r}"
            raise ValueError(error_text(name, expected, points.size, "Encode at more qualities."))
    shared = overlap(anchor[0], other[0])
    if not shared.share:
        spans = " and ".join(f"{points.min():g} to {points.max():g}" for points, _ in (anchor, other))
        way_out = "Choose qualities at which both curves meet."
        raise ValueError(error_text(name, f"{what} that overlap", spans, way_out))
    integrals = [_integral(points, method, shared) for points in (anchor, other)]
    return (integrals[1] - integrals[0]) / (shared.high - shared.low)


def _integral(points: Points, method: str, shared: Overlap) -> float:
    from scipy import interpolate

    order = np.argsort(points[0])
    x, y = points[0][order], points[1][order]
    if method == "cubic":
        whole = np.polynomial.Polynomial.fit(x, y, 3).integ()
        return float(whole(shared.high) - whole(shared.low))
    join: Any = {"akima": interpolate.Akima1DInterpolator, "pchip": interpolate.PchipInterpolator}[method]
    return float(join(x, y).integrate(shared.low, shared.high))
