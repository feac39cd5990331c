"""Tables of a fit: nothing is missing, and what cannot be known is a dash."""

import io

import pytest
from rich.console import Console

from jaxloss.cli._curve_tables import analysis_tables
from jaxloss.curves import Analysis, analyze, verdict
from tests.curves._curves import random_curves


CURVES = random_curves()


def rendered(found: Analysis) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=100)
    console.print(*analysis_tables(found), sep="\n")
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


@pytest.fixture(scope="module")
def found() -> Analysis:
    return analyze(CURVES)


def test_estimates_with_their_intervals(found: Analysis) -> None:
    lines = rendered(found)
    for condition, fitted in found.fits.items():
        kappa, mu = fitted.kappa, fitted.mu
        row = lines.index(next(line for line in lines if line[:3] == [condition, "6", "66"]))
        assert lines[row][3:6] == ["mu", f"{mu.value:.3f}", f"{mu.standard_error:.3f}"]
        cells = f"kappa {kappa.value:.3f} {kappa.standard_error:.3f} {kappa.lower:.3f} to {kappa.upper:.3f}"
        assert lines[row + 1] == cells.split()
    together = lines.index(next(line for line in lines if line[:2] == ["together", "mu"]))
    assert [line[0] for line in lines[together + 1 : together + 4]] == ["sigma", "eta", "xi"]


def test_checks_tests_and_verdict(found: Analysis) -> None:
    lines = rendered(found)
    for condition, checks in found.diagnoses.items():
        row = next(line for line in lines if line[:1] == [condition] and line[1:3] != ["6", "66"])
        assert row[1] == f"{checks.normality.p_value:.3f}" and row.count("best") == 1
        assert sum(cell.startswith("+") for cell in row) == len(checks.aic) - 1
    text = [" ".join(line) for line in lines]
    assert any(line.startswith("Cochran's Q") for line in text) and any(line.startswith("Wald test") for line in text)
    assert " ".join(text).endswith(verdict(found))


def test_one_condition_has_no_tests() -> None:
    lines = rendered(analyze({"prompt": CURVES["prompt"]}))
    assert not any("together" in line or "hypothesis" in line for line in lines)
