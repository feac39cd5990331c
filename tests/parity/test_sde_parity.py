"""The schemes against diffrax, on the same Brownian path."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.sde import PerceptualLossModel, drift, effective_volatility, integrate
from tests.parity._peers import foreign_code, peer


MODEL = PerceptualLossModel(mu=-1.1, sigma=0.5, eta=0.3, xi=0.1)
GRID = np.array([0.05, 0.1, 0.22, 0.3, 0.5, 0.55, 0.8, 1.0])


def diffrax_path(diffrax: Any, solver: str) -> tuple[np.ndarray, np.ndarray]:
    """The losses on the grid, and the increments of the Brownian motion that drove them."""
    volatility = effective_volatility(MODEL)
    tree = diffrax.VirtualBrownianTree(GRID[0], GRID[-1], tol=1e-6, shape=(), key=jax.random.key(0))
    terms = diffrax.MultiTerm(
        diffrax.ODETerm(lambda share, loss, arguments: drift(MODEL, loss)),
        diffrax.ControlTerm(lambda share, loss, arguments: volatility * loss, tree),
    )
    found = diffrax.diffeqsolve(
        terms,
        getattr(diffrax, solver)(),
        GRID[0],
        GRID[-1],
        None,
        jnp.asarray(0.45),
        saveat=diffrax.SaveAt(ts=GRID),
        stepsize_controller=diffrax.StepTo(GRID),
    )
    increments = [tree.evaluate(one, other) for one, other in itertools.pairwise(GRID)]
    return np.asarray(found.ys), np.asarray(increments)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("solver", "scheme"), [("Euler", "euler_maruyama"), ("ItoMilstein", "milstein")])
def test_agrees_with_diffrax(solver: str, scheme: str) -> None:
    diffrax = peer("diffrax")
    with foreign_code():
        expected, increments = diffrax_path(diffrax, solver)
    np.testing.assert_allclose(integrate(MODEL, 0.45, GRID, increments, scheme=scheme), expected, rtol=1e-12)
    other = {"euler_maruyama": "milstein", "milstein": "euler_maruyama"}[scheme]
    assert np.abs(integrate(MODEL, 0.45, GRID, increments, scheme=other) / expected - 1).max() > 1e-3
