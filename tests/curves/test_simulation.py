"""Simulated curves follow the model, each condition for itself."""

from typing import Any

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.curves import analyze, simulate_curves
from jaxloss.sde import Curve


TRUE = {"mu": -1.0, "sigma": 0.3, "eta": 0.1, "xi": 0.2}
CHOICES = {"initial": 0.5, "shares": (0.1, 1.0), "steps": 20, "paths": 20, "seed": 0}


def simulated(*conditions: str, parameters: dict[str, float] = TRUE, **changes: Any) -> dict[str, dict[str, Curve]]:
    return simulate_curves(parameters, conditions, **{**CHOICES, **changes})


def test_fit_finds_the_parameters() -> None:
    curves = simulated("baseline", "reference", "prompt", paths=40, steps=30)
    assert {condition: len(by_name) for condition, by_name in curves.items()} == {
        "baseline": 40, "reference": 40, "prompt": 40,
    }  # fmt: skip
    share, loss = curves["prompt"]["path 39"]
    np.testing.assert_allclose(share, np.linspace(0.1, 1, 31), rtol=1e-6)
    assert np.asarray(loss)[0] == 0.5
    separation = analyze(curves, level=0.999).separation
    assert separation is not None
    for name, value in TRUE.items():
        estimate = separation.mu if name == "mu" else separation.parts[name]
        assert estimate.lower < value < estimate.upper, name


def test_a_condition_depends_on_its_seed_alone() -> None:
    one, same, other = (simulated("baseline", seed=seed)["baseline"]["path 3"].loss for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    both = simulated("both", "baseline", seed=1)
    np.testing.assert_array_equal(both["baseline"]["path 3"].loss, one)
    assert not np.array_equal(both["both"]["path 3"].loss, one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial": 0.0}, "initial must be a finite number above 0, got 0.0."),
        ({"initial": np.inf}, "initial must be a finite number above 0, got inf."),
        ({"paths": 0}, "paths must be 1 or more, got 0."),
        ({"steps": 0}, "steps must be 1 or more, got 0."),
        ({"shares": (0.5, 0.5)}, "first and last must be shares with 0 <= first < last <= 1, got 0.5 and 0.5."),
        ({"shares": (0.5, 1.5)}, "first and last must be shares with 0 <= first < last <= 1, got 0.5 and 1.5."),
        ({"seed": 2**63}, "seed must be an integer of at most 64 bits"),
        ({"parameters": {**TRUE, "xi": np.nan}}, "xi must be a finite number, got nan."),
        ({"parameters": {**TRUE, "mu": -9999.0}}, "the losses leave the range of numbers in condition baseline."),
    ],
)
def test_numbers_out_of_range(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        simulated("baseline", **changes)
    assert str(caught.value).startswith(message)
