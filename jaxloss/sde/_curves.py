"""Observed curves: checked, and taken apart into the transitions from one share to the next."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._checks import error_text
from .._types import ArrayLike


LEAST_INCREMENTS = 3  # for a drift, a volatility and something left to judge them by

# One curve [n], several of one length [m, n], or a list of curves of any lengths; a curve may be a list of numbers.
Curves = ArrayLike | Sequence[ArrayLike | Sequence[float]]


class Transitions(NamedTuple):
    """All transitions of several curves, one after the other, each array `[n]`, float64.

    Attributes:
        curve: Number of the curve, from 0.
        previous: Loss before.
        following: Loss after.
        begin: Share before.
        span: Share after less share before.
    """

    curve: np.ndarray
    previous: np.ndarray
    following: np.ndarray
    begin: np.ndarray
    span: np.ndarray

    @property
    def log_ratio(self) -> np.ndarray:
        return np.log(self.following) - np.log(self.previous)

    @property
    def end(self) -> np.ndarray:
        return self.begin + self.span

    @property
    def curves(self) -> int:
        return int(self.curve[-1]) + 1

    def about_drift(self) -> tuple[float, np.ndarray]:
        """The drift of ln D, and the deviations of its increments from it per square root of share."""
        drift = float(self.log_ratio.sum() / self.span.sum())
        return drift, (self.log_ratio - drift * self.span) / np.sqrt(self.span)


def transitions(name: str, losses: Curves, shares: Curves) -> Transitions:
    """The transitions of curves, or an error of the function `name` that says which curve is wrong and what to do."""
    pairs = list(_pairs(name, losses, shares))
    for number, (loss, share) in enumerate(pairs):
        _check_curve(name, number, loss, share)
    found = Transitions(
        np.repeat(np.arange(len(pairs)), [loss.size - 1 for loss, _ in pairs]),
        np.concatenate([loss[:-1] for loss, _ in pairs]),
        np.concatenate([loss[1:] for loss, _ in pairs]),
        np.concatenate([share[:-1] for _, share in pairs]),
        np.concatenate([np.diff(share) for _, share in pairs]),
    )
    if found.span.size < LEAST_INCREMENTS:
        way_out = "Measure the loss at more shares, or pool more curves of the same condition."
        raise ValueError(
            error_text(name, f"at least {LEAST_INCREMENTS} increments in all curves", found.span.size, way_out)
        )
    _check_randomness(name, found)
    return found


def _check_randomness(name: str, found: Transitions) -> None:
    _, deviations = found.about_drift()
    rounding = np.finfo(np.float64).eps * np.abs(np.log(found.previous)).max() / np.sqrt(found.span.min())
    if np.abs(deviations).max() <= 8 * rounding:
        way_out = "Without volatility there is nothing to estimate; are these measurements?"
        raise ValueError(error_text(name, "curves with some randomness", "exactly exponential ones", way_out))


def _pairs(name: str, losses: Curves, shares: Curves) -> list[tuple[np.ndarray, np.ndarray]]:
    """Losses and shares of each curve; one row of shares serves all curves."""
    loss_curves, share_curves = _rows(losses), _rows(shares)
    if len(share_curves) == 1:
        share_curves *= len(loss_curves)
    if len(loss_curves) != len(share_curves) or not loss_curves:
        got = f"{len(loss_curves)} and {len(share_curves)}"
        raise ValueError(error_text(name, "as many curves of losses as of shares", got, "Give two lists of arrays."))
    return list(zip(loss_curves, share_curves, strict=True))


def _rows(curves: Curves) -> list[np.ndarray]:
    if isinstance(curves, Sequence) and len(curves) and np.ndim(curves[0]) > 0:
        return [np.asarray(curve, np.float64) for curve in curves]
    array = np.asarray(curves, np.float64)
    return list(array) if array.ndim == 2 else [array]


def _check_curve(name: str, number: int, loss: np.ndarray, share: np.ndarray) -> None:
    if loss.ndim != 1 or loss.shape != share.shape or loss.size < 2:
        expected = f"losses and shares [n], n >= 2, in curve {number}"
        raise ValueError(error_text(name, expected, f"{loss.shape} and {share.shape}", "One loss per share."))
    bad = ~((loss > 0) & np.isfinite(loss))
    if bad.any():
        way_out = (
            "Geometric Brownian motion never reaches 0: begin where the image first differs from the target, "
            "and leave out losses of 0."
        )
        where = int(np.argmax(bad))
        expected = f"losses > 0 and finite in curve {number}"
        raise ValueError(error_text(name, expected, f"{loss[where]} at position {where}", way_out))
    steps = np.diff(share)
    bad = ~((steps > 0) & np.isfinite(steps))
    if bad.any():
        where = int(np.argmax(bad))
        got = f"{share[where]} and then {share[where + 1]} at position {where + 1}"
        way_out = "Sort each curve by share, and merge the losses of equal shares into one."
        raise ValueError(error_text(name, f"shares that increase in curve {number}", got, way_out))
