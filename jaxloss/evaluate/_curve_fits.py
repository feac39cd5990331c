"""Curves of a file fitted, separated and checked, and the results as tables, JSON and CSV."""

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.table import Table

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
from ._curve_file import Curves
from ._errors import InputError


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


def parameter_table(found: Analysis) -> Table:
    """Each condition's trend and volatility, then what all conditions together tell, with intervals."""
    table = _table("", "curves", "increments", "parameter", "estimate", "SE", f"{_percent(found)} interval")
    for condition, fitted in found.fits.items():
        counts = str(fitted.curves), str(fitted.increments)
        for number, (name, estimate) in enumerate(_condition_estimates(fitted).items()):
            first = (condition, *counts) if number == 0 else ("", "", "")
            table.add_row(*first, name, *_estimate_cells(estimate))
    if found.separation is not None:
        estimates = {"mu": found.separation.mu, **found.separation.parts}
        for number, (name, estimate) in enumerate(estimates.items()):
            table.add_row("" if number else "together", "", "", name, *_estimate_cells(estimate))
    return table


def check_table(found: Analysis) -> Table:
    """P-values of the checks of each condition, and the AIC of each model less the best one's."""
    models = ("AIC\n" + name.replace(" ", "\n") for name in MODELS.values())
    table = _table("condition", "normality\np", "autocorrelation\np", *models)
    for condition, checks in found.diagnoses.items():
        best = min(checks.aic.values())
        table.add_row(
            condition,
            _p_value(checks.normality),
            _p_value(checks.autocorrelation),
            *(_difference(checks.aic.get(name), best) for name in MODELS),
        )
    return table


def hypothesis_table(found: Analysis) -> Table | None:
    """Tests between conditions."""
    if found.separation is None:
        return None
    table = _table("test", "hypothesis", "statistic", "p")
    for label, test in _tests(found.separation).items():
        about = f"{test.hypothesis}: {label}" if test.name == "F-test" else test.hypothesis
        table.add_row(test.name, about, f"{test.statistic:.3g}", _p_value(test))
    return table


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
            **{name: estimate._asdict() for name, estimate in _condition_estimates(fitted).items()},
            "normality": checks.normality._asdict(),
            "autocorrelation": checks.autocorrelation and checks.autocorrelation._asdict(),
            "aic": {name: checks.aic.get(name) for name in MODELS},
        }
    together = found.separation and {
        "mu": found.separation.mu._asdict(),
        **{name: part._asdict() for name, part in found.separation.parts.items()},
        "tests": [{"about": label, **test._asdict()} for label, test in _tests(found.separation).items()],
    }
    level = next(iter(found.fits.values())).level
    document = {"level": level, "conditions": conditions, "together": together, "notes": found.notes}
    return json.dumps(_strict(document), indent=2, allow_nan=False)


def analysis_csv(found: Analysis) -> str:
    """The estimates as CSV with a header; what all conditions tell has the condition `together`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["condition", "parameter", *Estimate._fields])
    for condition, fitted in found.fits.items():
        for name, estimate in _condition_estimates(fitted).items():
            writer.writerow([condition, name, *estimate])
    if found.separation is not None:
        for name, estimate in {"mu": found.separation.mu, **found.separation.parts}.items():
            writer.writerow(["together", name, *estimate])
    return text.getvalue().rstrip("\n")


def _condition_estimates(fitted: Fit) -> dict[str, Estimate]:
    return {"mu": fitted.mu, "kappa": fitted.kappa}


def _tests(separation: Separation) -> dict[str, HypothesisTest]:
    tests = {f"{one}, {other}": test for (one, other), test in separation.equal_volatilities.items()}
    tests["all conditions"] = separation.equal_trends
    return tests if separation.additivity is None else {**tests, "all four conditions": separation.additivity}


def _strict(value: Any) -> Any:
    """JSON knows neither infinity nor NaN; the criterion of a model that curves follow exactly is -inf."""
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    words = ("", "condition", "parameter", "test", "hypothesis")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in words else "right")
    return table


def _percent(found: Analysis) -> str:
    return f"{100 * next(iter(found.fits.values())).level:g} %"


def _estimate_cells(estimate: Estimate) -> tuple[str, str, str]:
    interval = f"{estimate.lower:.3f} to {estimate.upper:.3f}"
    return f"{estimate.value:.3f}", f"{estimate.standard_error:.3f}", interval


def _p_value(test: HypothesisTest | None) -> str:
    if test is None:
        return "-"
    return f"{test.p_value:.3f}" if test.p_value >= 0.001 else "< 0.001"


def _difference(criterion: float | None, best: float) -> str:
    if criterion is None:
        return "-"
    return "best" if criterion == best else f"+{criterion - best:.1f}"
