"""Curves are fitted, separated and checked by the functions of `jaxloss.sde`, and the results have their numbers."""

import csv
import io
import json

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.curves import analysis_csv, analysis_json, analyze, average_curves, verdict
from jaxloss.sde import CONDITIONS, Curve, diagnose, fit, separate
from tests.curves._curves import random_curves


CURVES = random_curves()


def arrays(condition: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Losses and shares."""
    pairs = CURVES[condition].values()
    return [np.asarray(curve.loss) for curve in pairs], [np.asarray(curve.share) for curve in pairs]


def test_json_has_the_numbers_of_the_functions() -> None:
    found = json.loads(analysis_json(analyze(CURVES, level=0.9)))
    fits = {condition: fit(*arrays(condition), level=0.9) for condition in CONDITIONS}
    separation = separate(fits)
    assert found["level"] == 0.9 and found["notes"] == []
    for condition, fitted in fits.items():
        entry, checks = found["conditions"][condition], diagnose(*arrays(condition))
        assert entry["mu"] == fitted.mu._asdict() and entry["kappa"] == fitted.kappa._asdict()
        assert entry["aic"] == checks.aic and entry["normality"]["p_value"] == checks.normality.p_value
        assert (entry["curves"], entry["increments"]) == (6, 66)
    assert found["together"]["xi"] == separation.parts["xi"]._asdict()
    assert separation.additivity is not None
    assert found["together"]["tests"][-1] == {"about": "all four conditions", **separation.additivity._asdict()}


def test_csv_has_the_estimates() -> None:
    rows = list(csv.DictReader(io.StringIO(analysis_csv(analyze(CURVES)))))
    assert [row["parameter"] for row in rows] == ["mu", "kappa"] * 4 + ["mu", "sigma", "eta", "xi"]
    assert float(rows[1]["value"]) == fit(*arrays("baseline")).kappa.value
    assert rows[-1]["condition"] == "together"


def test_window_averages_the_share() -> None:
    losses, shares = arrays("baseline")
    averaged = [(share[2:] + share[1:-1] + share[:-2]) / 3 for share in shares]
    expected = fit([loss[2:] for loss in losses], averaged)
    found = analyze(average_curves({"baseline": CURVES["baseline"]}, 3)).fits["baseline"]
    assert found.mu.value == pytest.approx(expected.mu.value, rel=1e-12)
    assert found.increments == 54


def test_what_one_condition_does_not_tell_is_said() -> None:
    found = analyze({"baseline": CURVES["baseline"]})
    (note,) = found.notes
    assert found.separation is None and "tell eta or xi apart" in note
    assert json.loads(analysis_json(found))["together"] is None
    assert "together" not in analysis_csv(found)


def test_verdict() -> None:
    assert verdict(analyze(CURVES)).endswith("increments of ln D at the level 0.01: not rejected.")
    jumps = {f"curve {i}": Curve(np.linspace(0, 1, 31), np.exp(-np.tile([0, 2], 16)[:31] + 0.01 * i)) for i in range(3)}
    assert "rejected (prompt)" in verdict(analyze({"prompt": jumps}))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_level_is_a_probability(level: float) -> None:
    with pytest.raises(InputError, match="it has to lie between 0 and 1"):
        analyze(CURVES, level=level)


@pytest.mark.parametrize("window", [0, 12])
def test_window_fits_into_the_curves(window: int) -> None:
    with pytest.raises(InputError, match=f"average is {window}; the curve 'curve 0' has 12 measurements"):
        average_curves(CURVES, window)


def test_too_few_measurements_name_their_condition() -> None:
    with pytest.raises(InputError, match=r"^condition prompt: fit: expected at least 3 increments"):
        analyze({"prompt": {"a": Curve(np.array([0.1, 0.2]), np.array([0.5, 0.4]))}})
