"""Curves of a file fitted, separated and checked, and the results as JSON and CSV."""

from typing import NamedTuple

import numpy as np

from .._files import InputError
from ..evaluate._formats import csv_text, json_text
from ..sde import (
    CONDITIONS,
    Curve,
    Diagnosis,
    Estimate,
    Fit,
    HypothesisTest,
    Separation,
    diagnose,
    fit,
    separate,
)
from ._file import Curves


MODELS = {
    "geometric_brownian_motion": "geometric Brownian motion",
    "arithmetic_brownian_motion": "arithmetic Brownian motion",
    "power_law": "power law",
}
REJECTION = 0.01  # of p-values


class Analysis(NamedTuple):
    """What curves say about the model.

    Attributes:
        fits: Of each condition.
        diagnoses: Checks of the model under each condition.
        separation: sigma, eta and xi; None where the conditions do not tell them apart.
        notes: Why something is missing, a sentence each.
    """

    fits: dict[str, Fit]
    diagnoses: dict[str, Diagnosis]
    separation: Separation | None
    notes: tuple[str, ...]


def average_curves(curves: Curves, window: int) -> dict[str, dict[str, Curve]]:
    """The curves over the moving average of their share, see `jaxloss.sde.moving_average`."""
    return {
        condition: {name: _averaged(name, curve, window) for name, curve in by_name.items()}
        for condition, by_name in curves.items()
    }


def _averaged(name: str, curve: Curve, window: int) -> Curve:
    share, loss = np.asarray(curve.share, np.float64), np.asarray(curve.loss, np.float64)
    if not 1 <= window < share.size:
        raise InputError(
            f"the window of the moving average is {window}; the curve {name!r} has {share.size} measurements. "
            "Choose a window from 1 to one less than the shortest curve has."
        )
    # In float64 on the host: files hold more digits than JAX's float32.
    return Curve(np.convolve(share, np.full(window, 1 / window), "valid"), loss[window - 1 :])


def analyze(curves: Curves, *, level: float = 0.95) -> Analysis:
    """Fit each condition, separate the volatilities where that is possible, and check the model.

    Args:
        curves: What `read_curves` returns.
        level: Of the confidence intervals.

    Returns:
        An `Analysis`.

    Raises:
        InputError: If the curves of a condition are too few or too short, with the condition.
    """
    if not 0 < level < 1:
        raise InputError(f"the level of the intervals is {level:g}; it has to lie between 0 and 1, such as 0.95.")
    fits, diagnoses = {}, {}
    for condition in (name for name in CONDITIONS if name in curves):
        losses, shares = [[curve[field] for curve in curves[condition].values()] for field in (1, 0)]
        try:
            fits[condition] = fit(losses, shares, level=level)
            diagnoses[condition] = diagnose(losses, shares)
        except ValueError as error:
            raise InputError(f"condition {condition}: {error}") from error
    try:
        separation, notes = separate(fits), ()
    except ValueError as error:
        separation, notes = None, (str(error),)
    return Analysis(fits, diagnoses, separation, notes)


def verdict(found: Analysis) -> str:
    """Whether the data speak against the model."""
    best: dict[str, list[str]] = {}
    for condition, checks in found.diagnoses.items():
        best.setdefault(MODELS[min(checks.aic, key=lambda name: checks.aic[name])], []).append(condition)
    chosen = ", ".join(f"{name} ({', '.join(conditions)})" for name, conditions in best.items())
    rejected = [condition for condition, checks in found.diagnoses.items() if _rejects(checks)]
    where = f"rejected ({', '.join(rejected)})" if rejected else "not rejected"
    return f"Best by AIC: {chosen}. Normal, independent increments of ln D at the level {REJECTION}: {where}."


def _rejects(checks: Diagnosis) -> bool:
    tests = [test for test in (checks.normality, checks.autocorrelation) if test is not None]
    return min(test.p_value for test in tests) < REJECTION


def analysis_json(found: Analysis) -> str:
    """Everything but the residuals as strict JSON, with `null` for what is missing."""
    conditions = {}
    for condition, fitted in found.fits.items():
        checks = found.diagnoses[condition]
        conditions[condition] = {
            "curves": fitted.curves,
            "increments": fitted.increments,
            "span": fitted.span,
            "log_likelihood": fitted.log_likelihood,
            **{name: estimate._asdict() for name, estimate in condition_estimates(fitted).items()},
            "normality": checks.normality._asdict(),
            "autocorrelation": checks.autocorrelation and checks.autocorrelation._asdict(),
            "aic": {name: checks.aic.get(name) for name in MODELS},
        }
    together = found.separation and {
        **{name: estimate._asdict() for name, estimate in together_estimates(found.separation).items()},
        "tests": [{"about": label, **test._asdict()} for label, test in hypothesis_tests(found.separation).items()],
    }
    level = next(iter(found.fits.values())).level
    document = {"level": level, "conditions": conditions, "together": together, "notes": found.notes}
    return json_text(document)


def analysis_csv(found: Analysis) -> str:
    """The estimates as CSV with a header; what all conditions tell has the condition `together`."""
    rows = [
        (condition, name, *estimate)
        for condition, fitted in found.fits.items()
        for name, estimate in condition_estimates(fitted).items()
    ]
    rows += [("together", name, *estimate) for name, estimate in together_estimates(found.separation).items()]
    return csv_text(["condition", "parameter", *Estimate._fields], rows)


def condition_estimates(fitted: Fit) -> dict[str, Estimate]:
    return {"mu": fitted.mu, "kappa": fitted.kappa}


def together_estimates(separation: Separation | None) -> dict[str, Estimate]:
    return {"mu": separation.mu, **separation.parts} if separation else {}


def hypothesis_tests(separation: Separation) -> dict[str, HypothesisTest]:
    tests = {f"{one}, {other}": test for (one, other), test in separation.equal_volatilities.items()}
    tests["all conditions"] = separation.equal_trends
    return tests if separation.additivity is None else {**tests, "all four conditions": separation.additivity}
