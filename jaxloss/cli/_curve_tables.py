"""What `jaxloss sde fit` prints: estimates, checks of the model and tests between conditions as tables."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from ..curves import Analysis, verdict
from ..curves._fits import MODELS, condition_estimates, hypothesis_tests, together_estimates
from ..sde import Estimate, HypothesisTest, Separation
from ._terminal import table


def analysis_tables(found: Analysis) -> Iterator[RenderableType]:
    """All of them, and the verdict."""
    yield parameter_table(found)
    yield check_table(found)
    if found.separation is not None:
        yield hypothesis_table(found.separation)
    yield verdict(found)


def parameter_table(found: Analysis) -> Table:
    """Each condition's trend and volatility, then what all conditions together tell, with intervals."""
    numbers = ("estimate", "SE", f"{_percent(found)} interval")
    rows = table("", "curves", "increments", "parameter", *numbers, right=("curves", "increments", *numbers))
    for condition, fitted in found.fits.items():
        counts = str(fitted.curves), str(fitted.increments)
        for number, (name, estimate) in enumerate(condition_estimates(fitted).items()):
            first = (condition, *counts) if number == 0 else ("", "", "")
            rows.add_row(*first, name, *_estimate_cells(estimate))
    for number, (name, estimate) in enumerate(together_estimates(found.separation).items()):
        rows.add_row("" if number else "together", "", "", name, *_estimate_cells(estimate))
    return rows


def check_table(found: Analysis) -> Table:
    """P-values of the checks of each condition, and the AIC of each model less the best one's."""
    criteria = ("AIC\n" + name.replace(" ", "\n") for name in MODELS.values())
    numbers = ("normality\np", "autocorrelation\np", *criteria)
    rows = table("condition", *numbers, right=numbers)
    for condition, checks in found.diagnoses.items():
        best = min(checks.aic.values())
        rows.add_row(
            condition,
            _p_value(checks.normality),
            _p_value(checks.autocorrelation),
            *(_difference(checks.aic.get(name), best) for name in MODELS),
        )
    return rows


def hypothesis_table(separation: Separation) -> Table:
    """Tests between conditions."""
    rows = table("test", "hypothesis", "statistic", "p", right=["statistic", "p"])
    for label, test in hypothesis_tests(separation).items():
        about = f"{test.hypothesis}: {label}" if test.name == "F-test" else test.hypothesis
        rows.add_row(test.name, about, f"{test.statistic:.3g}", _p_value(test))
    return rows


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
