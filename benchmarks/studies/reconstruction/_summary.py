"""What the measured curves say about the model, as a table."""

from collections.abc import Iterator
from pathlib import Path

from jaxloss.curves import Analysis, analyze, read_curves, verdict
from jaxloss.curves._fits import MODELS
from jaxloss.sde import Estimate

from .._command import command


HEADINGS = (
    "condition", "κ", "μ", "normality, p", "autocorrelation, p", "AIC, geometric", "AIC, arithmetic", "AIC, power law",
)  # fmt: skip


LETTERS = {"sigma": "σ", "eta": "η", "xi": "ξ"}


def rows(found: Analysis) -> Iterator[list[str]]:
    """A line per condition, under `HEADINGS`: estimates with intervals, p-values, and AIC less that of the best."""
    for condition, fitted in found.fits.items():
        checks = found.diagnoses[condition]
        tests = (checks.normality, checks.autocorrelation)
        best = min(checks.aic.values())
        yield [
            condition,
            interval(fitted.kappa),
            interval(fitted.mu),
            *("none" if test is None else f"{test.p_value:.0e}" for test in tests),
            *(f"{checks.aic[name] - best:.0f}" if name in checks.aic else "none" for name in MODELS),
        ]


def markdown(path: Path) -> tuple[list[list[str]], str]:
    """Rows and notes for the page, of a file of curves."""
    found = analyze(read_curves(path))
    notes = (
        f"Command: `{command('reconstruction')}`. Intervals of 95 %; AIC less that of the best model. {verdict(found)}"
    )
    return list(rows(found)), f"{notes} {parts(found)}".rstrip()


def parts(found: Analysis) -> str:
    """The separated parameters in a sentence."""
    separation = found.separation
    if separation is None:
        return ""
    values = ", ".join(f"{LETTERS[name]} = {interval(part)}" for name, part in separation.parts.items())
    if separation.additivity is None:
        return f"{values}."
    return f"{values}; Wald test of additivity: p = {separation.additivity.p_value:.1g}."


def interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.lower:.3f}, {estimate.upper:.3f}]"
