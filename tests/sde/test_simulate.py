"""Simulation: exact expectations of each scheme by quadrature, strong orders, laws, grids, storage, devices."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.typing import ArrayLike
from scipy import stats

from jaxloss.sde import SCHEMES, PerceptualLossModel, integrate, mean, quantile, simulate


MU, KAPPA, INITIAL = -0.8, 0.6, 0.5
MODEL = PerceptualLossModel(mu=MU, sigma=0.5, eta=0.3, xi=0.2)
# Compiled whole: not in one program, each call would compile its loop over the steps anew.
compiled_integrate = jax.jit(integrate, static_argnames="scheme")
GRID = np.array([0.1, 0.15, 0.45, 0.7])

# How one step multiplies E[D] and E[D²].
FIRST = {
    "exact": lambda step: np.exp(MU * step),
    "euler_maruyama": lambda step: 1 + MU * step,
    "milstein": lambda step: 1 + MU * step,
}
SECOND = {
    "exact": lambda step: np.exp((2 * MU + KAPPA**2) * step),
    "euler_maruyama": lambda step: (1 + MU * step) ** 2 + KAPPA**2 * step,
    "milstein": lambda step: (1 + MU * step) ** 2 + KAPPA**2 * step + KAPPA**4 * step**2 / 2,
}

every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


@every_scheme
@pytest.mark.usefixtures("float64")
def test_moment_recursions(scheme: str) -> None:
    """Every path of quadrature nodes on an irregular grid, weighted: the expectation without a random number."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    steps = np.diff(GRID)
    increments = np.array(list(itertools.product(nodes, repeat=steps.size))) * np.sqrt(steps)
    weight = np.prod(np.array(list(itertools.product(weights / weights.sum(), repeat=steps.size))), axis=-1)
    losses = np.asarray(compiled_integrate(MODEL, INITIAL, GRID, increments, scheme=scheme))
    first = INITIAL * np.cumprod([1, *FIRST[scheme](steps)])
    second = INITIAL**2 * np.cumprod([1, *SECOND[scheme](steps)])
    np.testing.assert_allclose(weight @ losses, first, rtol=1e-10)
    np.testing.assert_allclose(weight @ losses**2, second, rtol=1e-10)


@pytest.mark.parametrize(("scheme", "order"), [("euler_maruyama", 0.5), ("milstein", 1.0)])
@pytest.mark.usefixtures("float64")
def test_strong_order(scheme: str, order: float) -> None:
    """Mean error at the end, of the same Brownian paths seen on finer and finer grids."""
    finest, paths = 256, 4000
    increments = np.random.default_rng(0).normal(scale=finest**-0.5, size=(paths, finest))
    exact = compiled_integrate(MODEL, INITIAL, np.array([0.0, 1.0]), increments.sum(axis=1, keepdims=True))[:, -1]
    counts, errors = np.array([16, 32, 64, 128, 256]), []
    for count in counts:
        coarse = increments.reshape(paths, count, -1).sum(axis=-1)
        ends = compiled_integrate(MODEL, INITIAL, np.linspace(0, 1, count + 1), coarse, scheme=scheme)[:, -1]
        errors.append(np.abs(np.asarray(ends) - np.asarray(exact)).mean())
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.1


@pytest.mark.usefixtures("float64")
def test_exact_scheme_has_no_error_on_any_grid() -> None:
    increments = np.random.default_rng(0).normal(size=(5, 12)) * 0.2
    grid = np.linspace(0, 1, 13) ** 2
    fine = compiled_integrate(MODEL, INITIAL, grid, increments)
    coarse = compiled_integrate(MODEL, INITIAL, grid[::4], increments.reshape(5, 3, 4).sum(axis=-1))
    np.testing.assert_allclose(np.asarray(fine)[:, ::4], coarse, rtol=1e-13)


@every_scheme
def test_random_paths_are_paths_along_their_increments(scheme: str) -> None:
    """What simulate draws are the increments: each step of each path solves the scheme for a normal one."""
    draw = jax.jit(lambda key: simulate(key, MODEL, INITIAL, GRID, paths=20_000, scheme=scheme))
    losses = np.asarray(draw(jax.random.key(0)), np.float64)
    assert losses.shape == (20_000, GRID.size)
    np.testing.assert_array_equal(losses[:, 0], np.float32(INITIAL))
    ratio, step = losses[:, 1:] / losses[:, :-1], np.diff(GRID)
    if scheme == "exact":
        increments = (np.log(ratio) - (MU - KAPPA**2 / 2) * step) / KAPPA
    elif scheme == "euler_maruyama":
        increments = (ratio - 1 - MU * step) / KAPPA
    else:  # Of the two solutions the one near 0.
        b, c = 1 / KAPPA, 2 * (1 + MU * step - ratio) / KAPPA**2 - step
        increments = -b + np.sqrt(np.maximum(b**2 - c, 0))
    for normal in (increments / np.sqrt(step)).T:
        assert stats.kstest(normal, "norm").pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef((increments / np.sqrt(step)).T), np.eye(3), atol=0.03)


def test_exact_paths_have_the_law() -> None:
    simulated = jax.jit(lambda key: simulate(key, MODEL, INITIAL, GRID, paths=100_000, keep=[-1]))(jax.random.key(1))
    end, span = np.asarray(simulated)[:, 0], GRID[-1] - GRID[0]
    np.testing.assert_allclose(end.mean(), jax.jit(mean)(MODEL, INITIAL, span), rtol=5e-3)
    levels = np.asarray([0.05, 0.5, 0.95])
    quantiles = np.asarray(jax.jit(quantile)(MODEL, INITIAL, span, levels))
    np.testing.assert_allclose((end < quantiles[:, None]).mean(axis=1), levels, atol=3e-3)


@every_scheme
def test_kept_losses_are_those_of_the_whole_paths(scheme: str) -> None:
    key, grid = jax.random.key(2), np.linspace(0, 1, 11) ** 1.5
    keeps = [-1], [0, 3, 4, 10], [2], [0], list(range(11)), [1, -3]

    @jax.jit
    def simulate_all(key: jax.Array) -> list[jax.Array]:
        return [simulate(key, MODEL, INITIAL, grid, paths=7, keep=keep, scheme=scheme) for keep in (None, *keeps)]

    whole, *parts = map(np.asarray, simulate_all(key))
    for keep, some in zip(keeps, parts, strict=True):
        np.testing.assert_allclose(some, whole[:, keep], rtol=1e-6)


def test_each_path_may_begin_at_a_loss_of_its_own() -> None:
    initial = jnp.linspace(0.1, 0.9, 5)
    start = jax.jit(lambda initial: simulate(jax.random.key(0), MODEL, initial, GRID, paths=5))
    losses, alone = start(initial), start(1.0)
    np.testing.assert_array_equal(losses[:, 0], initial)
    np.testing.assert_allclose(losses, alone * initial[:, None], rtol=1e-6)


def test_devices_share_the_paths_and_change_no_number() -> None:
    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("paths",)), PartitionSpec("paths"))
    assert len(jax.devices()) == 8

    def run(sharding: NamedSharding | None) -> jax.Array:
        draw = jax.jit(lambda key: simulate(key, MODEL, INITIAL, GRID, paths=4096, keep=[1, -1], sharding=sharding))
        return draw(jax.random.key(3))

    spread = run(sharding)
    assert len(spread.sharding.device_set) == 8
    assert {shard.data.shape for shard in spread.addressable_shards} == {(512, 2)}
    np.testing.assert_allclose(spread, run(None), rtol=1e-6)


@every_scheme
def test_memory_does_not_grow_with_the_steps(scheme: str) -> None:
    paths = 100_000

    def planned(steps: int) -> int:
        grid = np.linspace(0, 1, steps + 1)
        run = jax.jit(lambda key: simulate(key, MODEL, INITIAL, grid, paths=paths, keep=[-1], scheme=scheme))
        plan: Any = run.lower(jax.random.key(0)).compile().memory_analysis()
        return plan.temp_size_in_bytes

    many, few = planned(100), planned(10)
    assert abs(many - few) < 0.01 * paths
    assert many < 8 * 4 * paths  # bytes: eight float32 per path


def test_transformations() -> None:
    key, keys = jax.random.key(4), jax.random.split(jax.random.key(5), 3)

    def end(key: jax.Array, model: PerceptualLossModel, shares: ArrayLike) -> jax.Array:
        return simulate(key, model, INITIAL, shares, paths=6, keep=[-1], scheme="milstein")

    @jax.jit
    def evaluate(key: jax.Array, keys: jax.Array, model: PerceptualLossModel, shares: ArrayLike) -> tuple[Any, ...]:
        batch = jax.vmap(end, in_axes=(0, None, None))(keys, model, shares)
        gradient = jax.grad(lambda model: end(key, model, shares).mean())(model)
        return end(key, model, shares), batch, [end(one, model, shares) for one in keys], gradient

    one, batch, each, gradient = evaluate(key, keys, MODEL, GRID)
    np.testing.assert_allclose(one, jax.jit(end)(key, MODEL, GRID), rtol=1e-6)
    np.testing.assert_allclose(batch, np.stack(each), rtol=1e-6)
    assert np.isfinite(jax.tree.leaves(gradient)).all()


@pytest.mark.usefixtures("float64")
def test_gradient_along_the_paths() -> None:
    """d D / d mu = S D, for the exact solution along a fixed Brownian path."""

    def ends(mu: float) -> jax.Array:
        return simulate(jax.random.key(0), PerceptualLossModel(mu, 0.6), INITIAL, GRID, paths=5, keep=[-1])[:, 0]

    losses, derivatives = jax.jit(lambda mu: (ends(mu), jax.jacfwd(ends)(mu)))(MU)
    np.testing.assert_allclose(derivatives, (GRID[-1] - GRID[0]) * losses, rtol=1e-12)
    assert losses.dtype == jnp.float64


def test_refusals() -> None:
    key = jax.random.key(0)
    for shares in ([0.1, 0.1, 0.2], [0.3, 0.2], [0.1, float("nan")]):
        with pytest.raises(ValueError, match=r"^simulate: expected shares that increase, got .* Sort them"):
            simulate(key, MODEL, INITIAL, np.array(shares), paths=2)
    with pytest.raises(ValueError, match=r"^integrate: expected shares of shape \[n\], n >= 2, got \(1,\)\."):
        integrate(MODEL, INITIAL, np.array([0.5]), np.ones(0))
    with pytest.raises(ValueError, match=r"^integrate: expected increments of shape \[\.\.\., 3\], got \(2, 4\)\."):
        integrate(MODEL, INITIAL, GRID, np.ones((2, 4), np.float32))
    for keep in ([], [4], [-5], [2, 1], [3, -1]):
        with pytest.raises(ValueError, match=r"^simulate: expected keep of increasing positions from 0 to 3, got"):
            simulate(key, MODEL, INITIAL, GRID, paths=2, keep=keep)
    for call in (
        lambda: simulate(key, MODEL, INITIAL, GRID, paths=2, scheme="heun"),
        lambda: integrate(MODEL, INITIAL, GRID, np.ones(3), scheme="heun"),
    ):
        with pytest.raises(ValueError, match=r"expected scheme one of \['euler_maruyama', 'exact', 'milstein'\]"):
            call()
