"""Which part of the volatility belongs to the reconstruction, to the reference image and to the prompt."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from .._checks import check_choice, error_text
from ._estimates import Estimate, HypothesisTest, combine
from ._fit import Fit, equal_volatility_test
from ._model import CONDITIONS, PerceptualLossModel


PARTS = ("sigma", "eta", "xi")


class Separation(NamedTuple):
    """The parameters of the model from fits under several conditions.

    Attributes:
        parts: `"sigma"`, `"eta"` and `"xi"`, those that the conditions identify.
        mu: Trend that all conditions share: the mean of theirs, weighted by the share that their curves cover.
        equal_trends: Chi-squared test that the conditions do share it.
        equal_volatilities: F-test of each pair of conditions, by `(one, other)`.
        additivity: With all four conditions the Wald test of `kappa_both = kappa_reference + kappa_prompt -
            kappa_baseline`, which is what `sigma + eta - xi` claims; None else.
        level: Of the confidence intervals.
    """

    parts: dict[str, Estimate]
    mu: Estimate
    equal_trends: HypothesisTest
    equal_volatilities: dict[tuple[str, str], HypothesisTest]
    additivity: HypothesisTest | None
    level: float

    @property
    def model(self) -> PerceptualLossModel:
        """The model of the estimates; a part that is not identified is 0."""
        return PerceptualLossModel(self.mu.value, **{name: part.value for name, part in self.parts.items()})


def separate(fits: Mapping[str, Fit]) -> Separation:
    """Separate sigma, eta and xi: each is a difference of the volatilities under two conditions.

    `sigma = kappa_baseline`, `eta = kappa_reference - kappa_baseline`, `xi = kappa_baseline - kappa_prompt`.
    Any three conditions determine all parts, two of them some. With all four, `"both"` is left for the test of
    additivity. The standard errors are those of the delta method, `sqrt(kappa_a² / 2 n_a + kappa_b² / 2 n_b)`; the
    intervals are recovered from the exact ones of the volatilities, because those of the delta method are too narrow
    for few increments.

    Nothing keeps a part from being negative: `eta < 0` says that the reference image reduces the randomness.

    Args:
        fits: Condition (`"baseline"`, `"reference"`, `"prompt"`, `"both"`) to its fit. All fits have one level, and
            their curves are independent: different images or different seeds.

    Returns:
        A `Separation`.

    Raises:
        ValueError: If the conditions identify neither eta nor xi, for unknown ones, or if the levels differ.

    Example:
        >>> from jaxloss.sde import fit, separate
        >>> shares = [0.1, 0.2, 0.5, 0.9]
        >>> base, reference = fit([0.6, 0.5, 0.45, 0.3], shares), fit([0.6, 0.35, 0.41, 0.3], shares)
        >>> found = separate({"baseline": base, "reference": reference})
        >>> print({name: round(part.value, 3) for name, part in found.parts.items()})
        {'sigma': 0.338, 'eta': 0.956}

    Reference:
        Zou, Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
        Medicine 27, 2008.
    """
    for condition in fits:
        check_choice("separate", "conditions", condition, CONDITIONS)
    fits = {condition: fits[condition] for condition in CONDITIONS if condition in fits}
    used = {name: fitted for name, fitted in fits.items() if len(fits) < len(CONDITIONS) or name != "both"}
    weights = _weights(list(used))
    if not weights.keys() & {"eta", "xi"}:
        raise ValueError(_not_identifiable(list(fits)))
    if len({fitted.level for fitted in fits.values()}) > 1:
        levels = sorted({fitted.level for fitted in fits.values()})
        raise ValueError(error_text("separate", "fits of one level", levels, "Pass the same level to each fit."))
    kappas = [fitted.kappa for fitted in used.values()]
    return Separation(
        parts={name: combine(row, kappas) for name, row in weights.items()},
        mu=_common_trend(list(fits.values())),
        equal_trends=_equal_trends(list(fits.values())),
        equal_volatilities={
            (one, other): equal_volatility_test(fits[one], fits[other])
            for number, one in enumerate(fits)
            for other in list(fits)[number + 1 :]
        },
        additivity=_additivity(fits) if len(fits) == len(CONDITIONS) else None,
        level=next(iter(fits.values())).level,
    )


def _weights(conditions: Sequence[str]) -> dict[str, list[float]]:
    """For each identified part its weights on the volatilities of the conditions."""
    effects = [CONDITIONS[condition] for condition in conditions]
    design = np.array([(1, reference, -prompt) for reference, prompt in effects], float).reshape(-1, 3)
    inverse = np.linalg.pinv(design)
    # A part is identified if the weights give it alone, and nothing of the others.
    errors = np.abs(inverse @ design - np.eye(3)).max(axis=1)
    return {name: inverse[row].round(12).tolist() for row, name in enumerate(PARTS) if errors[row] < 1e-9}


def _not_identifiable(conditions: Sequence[str]) -> str:
    way_out = (
        "The law of one curve depends on sigma + eta - xi alone. Fit curves without guidance and with a reference "
        "image (eta = kappa_reference - kappa_baseline), and with a prompt (xi = kappa_baseline - kappa_prompt)."
    )
    return error_text("separate", "conditions that tell eta or xi apart", " and ".join(conditions) or "none", way_out)


def _common_trend(fits: Sequence[Fit]) -> Estimate:
    """Weights that do not depend on the estimates keep the mean unbiased."""
    total = sum(fitted.span for fitted in fits)
    return combine([fitted.span / total for fitted in fits], [fitted.mu for fitted in fits])


def _equal_trends(fits: Sequence[Fit]) -> HypothesisTest:
    """Cochran's Q: squared deviations from the precision-weighted mean."""
    values, errors = (np.array([fitted.mu[field] for fitted in fits]) for field in (0, 1))
    weights = errors**-2
    statistic = float((weights * (values - weights @ values / weights.sum()) ** 2).sum())
    return HypothesisTest("Cochran's Q", "equal trends mu", statistic, float(chdtrc(len(fits) - 1, statistic)))


def _additivity(fits: Mapping[str, Fit]) -> HypothesisTest:
    signs = {"baseline": 1, "reference": -1, "prompt": -1, "both": 1}
    excess = combine(list(signs.values()), [fits[condition].kappa for condition in signs])
    statistic = (excess.value / excess.standard_error) ** 2
    return HypothesisTest("Wald test", "volatilities add up", statistic, float(chdtrc(1, statistic)))
