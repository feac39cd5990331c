"""Random curves of the model under some conditions, as `jaxloss sde simulate` prints them."""

import math
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from .._files import InputError
from ..sde import CONDITIONS, Curve, PerceptualLossModel, simulate, under_condition


def simulate_curves(
    parameters: Mapping[str, float],
    conditions: Sequence[str],
    *,
    initial: float,
    shares: tuple[float, float],
    steps: int,
    paths: int,
    seed: int,
) -> dict[str, dict[str, Curve]]:
    """Curves under each condition from the exact law of the model; those of two conditions are independent.

    Args:
        parameters: mu, sigma, eta and xi.
        conditions: Keys of `jaxloss.sde.CONDITIONS`.
        initial: D > 0 at the first share.
        shares: The first and the last, in [0, 1].
        steps: Of equal length between them, at least 1.
        paths: Curves under each condition, at least 1.
        seed: Of the randomness; the curves of a condition do not depend on which others there are.

    Returns:
        Condition to name to `Curve`.

    Raises:
        InputError: If a number is out of its range.
    """
    _check(parameters, initial, shares, steps, paths, seed)
    grid = np.linspace(*shares, steps + 1)
    curves = {}
    with jax.enable_x64(True):
        model = PerceptualLossModel(**parameters)
        for condition in conditions:
            key = jax.random.fold_in(jax.random.key(seed), list(CONDITIONS).index(condition))
            losses = np.asarray(simulate(key, under_condition(model, condition), initial, grid, paths=paths))
            if not ((losses > 0) & np.isfinite(losses)).all():
                raise InputError(
                    f"the losses leave the range of numbers in condition {condition}. Choose smaller parameters."
                )
            curves[condition] = {f"path {number}": Curve(grid, loss) for number, loss in enumerate(losses)}
    return curves


def _check(
    parameters: Mapping[str, float],
    initial: float,
    shares: tuple[float, float],
    steps: int,
    paths: int,
    seed: int,
) -> None:
    for name, value in parameters.items():
        if not math.isfinite(value):
            raise InputError(f"{name} must be a finite number, got {value}.")
    if not (initial > 0 and math.isfinite(initial)):
        raise InputError(f"initial must be a finite number above 0, got {initial}.")
    first, last = shares
    if not 0 <= first < last <= 1:
        raise InputError(f"first and last must be shares with 0 <= first < last <= 1, got {first} and {last}.")
    for name, value in {"steps": steps, "paths": paths}.items():
        if value < 1:
            raise InputError(f"{name} must be 1 or more, got {value}.")
    if not -(2**63) <= seed < 2**63:
        raise InputError(f"seed must be an integer of at most 64 bits, got {seed}.")
