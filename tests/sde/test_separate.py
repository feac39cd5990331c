"""The separation of sigma, eta and xi: which conditions identify what, and coverage over thousands of data sets."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from jaxloss.sde import Estimate, Fit, PerceptualLossModel, effective_volatility, fit, separate, under_condition
from tests.sde._curves import random_curves


TRUTH = PerceptualLossModel(mu=-1.0, sigma=0.5, eta=0.2, xi=0.15)
LENGTHS = {"baseline": [8, 5, 11, 6], "reference": [9, 4, 12], "prompt": [7, 7, 10, 3, 5], "both": [10, 8, 13]}
KAPPAS = {"baseline": 0.5, "reference": 0.7, "prompt": 0.35, "both": 0.55}


def random_fits(rng: np.random.Generator) -> dict[str, Fit]:
    return {name: fit(*random_curves(rng, -1.0, KAPPAS[name], lengths)) for name, lengths in LENGTHS.items()}


FITS = random_fits(np.random.default_rng(0))


def chosen(*conditions: str) -> dict[str, Fit]:
    return {condition: FITS[condition] for condition in conditions}


def test_kappas_are_those_of_the_model() -> None:
    for condition, kappa in KAPPAS.items():
        np.testing.assert_allclose(effective_volatility(under_condition(TRUTH, condition)), kappa, rtol=1e-6)


def test_parts_are_differences_of_volatilities() -> None:
    found = separate(FITS)
    base, reference, prompt = (FITS[condition].kappa for condition in ("baseline", "reference", "prompt"))
    np.testing.assert_allclose(found.parts["sigma"], base)
    for part, (more, less) in {"eta": (reference, base), "xi": (base, prompt)}.items():
        estimate = found.parts[part]
        np.testing.assert_allclose(estimate.value, more.value - less.value)
        np.testing.assert_allclose(estimate.standard_error, np.hypot(more.standard_error, less.standard_error))
        down = np.hypot(more.value - more.lower, less.upper - less.value)
        up = np.hypot(more.upper - more.value, less.value - less.lower)
        np.testing.assert_allclose(estimate[2:], [estimate.value - down, estimate.value + up])
    assert found.model == PerceptualLossModel(
        found.mu.value, *(found.parts[name].value for name in ("sigma", "eta", "xi"))
    )
    assert found.level == 0.95


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (("baseline", "reference"), {"sigma": "B", "eta": "R - B"}),
        (("baseline", "prompt"), {"sigma": "B", "xi": "B - P"}),
        (("reference", "both"), {"xi": "R - A"}),
        (("prompt", "both"), {"eta": "A - P"}),
        (("baseline", "reference", "both"), {"sigma": "B", "eta": "R - B", "xi": "R - A"}),
        (("baseline", "prompt", "both"), {"sigma": "B", "eta": "A - P", "xi": "B - P"}),
        (("reference", "prompt", "both"), {"sigma": "R + P - A", "eta": "A - P", "xi": "R - A"}),
        (("both", "prompt", "reference", "baseline"), {"sigma": "B", "eta": "R - B", "xi": "B - P"}),
    ],
    ids=str,
)
def test_what_conditions_identify(conditions: tuple[str, ...], expected: dict[str, str]) -> None:
    names = dict(zip("BRPA", ("baseline", "reference", "prompt", "both"), strict=True))
    values = {letter: FITS[name].kappa.value for letter, name in names.items()}
    found = separate(chosen(*conditions))
    assert found.parts.keys() == expected.keys()
    for part, formula in expected.items():
        np.testing.assert_allclose(found.parts[part].value, eval(formula, values), rtol=1e-9)
    assert (found.additivity is None) == (len(conditions) < 4)
    assert len(found.equal_volatilities) == len(conditions) * (len(conditions) - 1) / 2


@pytest.mark.parametrize("conditions", [(), ("baseline",), ("both",), ("baseline", "both"), ("reference", "prompt")])
def test_refuses_what_is_not_identifiable(conditions: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^separate: expected conditions that tell eta or xi apart, got .*Fit curves"):
        separate(chosen(*conditions))


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match=r"^separate: expected conditions one of .*, got 'control'"):
        separate({"baseline": FITS["baseline"], "control": FITS["prompt"]})
    with pytest.raises(ValueError, match=r"^separate: expected fits of one level, got \[0.9, 0.95\]"):
        separate({**FITS, "prompt": fit([0.5, 0.4, 0.3, 0.35], [0.1, 0.2, 0.3, 0.4], level=0.9)})


def test_common_trend_and_its_test() -> None:
    found = separate(FITS)
    spans = np.array([fitted.span for fitted in FITS.values()])
    values, errors = np.array([fitted.mu[:2] for fitted in FITS.values()]).T
    np.testing.assert_allclose(found.mu.value, spans @ values / spans.sum())
    weights = errors**-2
    statistic = weights @ (values - weights @ values / weights.sum()) ** 2
    np.testing.assert_allclose(found.equal_trends.statistic, statistic)
    np.testing.assert_allclose(found.equal_trends.p_value, stats.chi2(3).sf(statistic))


def test_wald_test_of_additivity() -> None:
    found = separate(FITS).additivity
    kappas = {name: fitted.kappa for name, fitted in FITS.items()}
    excess = kappas["both"].value - kappas["reference"].value - kappas["prompt"].value + kappas["baseline"].value
    error = np.linalg.norm([kappa.standard_error for kappa in kappas.values()])
    assert found is not None
    np.testing.assert_allclose(found.statistic, (excess / error) ** 2)
    np.testing.assert_allclose(found.p_value, 2 * stats.norm.sf(abs(excess) / error))


class Trial(NamedTuple):
    """What thousands of data sets gave."""

    estimates: dict[str, np.ndarray]  # name -> [data sets, fields of Estimate]
    p_values: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def trial() -> Trial:
    rng = np.random.default_rng(2025)
    estimates: dict[str, list[Estimate]] = {}
    p_values: dict[str, list[float]] = {}
    for _ in range(2000):
        fits = random_fits(rng)
        found = separate(fits)
        own = {f"kappa {name}": fitted.kappa for name, fitted in fits.items()}
        own |= {f"mu {name}": fitted.mu for name, fitted in fits.items()}
        for name, estimate in {**own, **found.parts, "mu": found.mu}.items():
            estimates.setdefault(name, []).append(estimate)
        assert found.additivity is not None
        for name, test in {"additivity": found.additivity, "equal trends": found.equal_trends}.items():
            p_values.setdefault(name, []).append(test.p_value)
    return Trial(
        {name: np.array(values) for name, values in estimates.items()},
        {name: np.array(values) for name, values in p_values.items()},
    )


TRUE_VALUES = (
    {"mu": -1.0, "sigma": 0.5, "eta": 0.2, "xi": 0.15}
    | {f"kappa {name}": kappa for name, kappa in KAPPAS.items()}
    | {f"mu {name}": -1.0 for name in KAPPAS}
)


@pytest.mark.parametrize("name", TRUE_VALUES)
def test_intervals_cover_the_truth(trial: Trial, name: str) -> None:
    _, _, lower, upper = trial.estimates[name].T
    covered = ((lower <= TRUE_VALUES[name]) & (TRUE_VALUES[name] <= upper)).mean()
    assert 0.935 <= covered <= 0.965, covered


@pytest.mark.parametrize("name", TRUE_VALUES)
def test_estimates_are_unbiased(trial: Trial, name: str) -> None:
    errors = trial.estimates[name][:, 0] - TRUE_VALUES[name]
    assert abs(errors.mean()) <= 2 * errors.std() / np.sqrt(errors.size), errors.mean()


@pytest.mark.parametrize("name", ["additivity", "equal trends"])
def test_tests_keep_their_size(trial: Trial, name: str) -> None:
    assert 0.03 <= (trial.p_values[name] < 0.05).mean() <= 0.07
