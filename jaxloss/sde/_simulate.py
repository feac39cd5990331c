"""Paths of the loss: the exact law and two schemes for stochastic differential equations, on any grid of shares."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._checks import check_choice, error_text
from .._types import Array, ArrayLike
from ._model import PerceptualLossModel, parameters


# (loss, mu, kappa, step of share, increment of the Brownian motion) -> loss one step later
Scheme = Callable[[Array, Array, Array, Array, Array], Array]


def _exact(loss: Array, mu: Array, kappa: Array, step: Array, increment: Array) -> Array:
    return loss * jnp.exp((mu - kappa**2 / 2) * step + kappa * increment)


def _euler_maruyama(loss: Array, mu: Array, kappa: Array, step: Array, increment: Array) -> Array:
    return loss * (1 + mu * step + kappa * increment)


def _milstein(loss: Array, mu: Array, kappa: Array, step: Array, increment: Array) -> Array:
    return loss * (1 + mu * step + kappa * increment + kappa**2 * (increment**2 - step) / 2)


SCHEMES: dict[str, Scheme] = {"exact": _exact, "euler_maruyama": _euler_maruyama, "milstein": _milstein}


def integrate(
    model: PerceptualLossModel,
    initial: ArrayLike,
    shares: ArrayLike,
    increments: ArrayLike,
    *,
    scheme: str = "exact",
) -> Array:
    """The path of the loss along a given path of the Brownian motion.

    * `"exact"`: `D exp((mu - kappa² / 2) dS + kappa dW)`, without error at the shares of the grid.
    * `"euler_maruyama"`: `D (1 + mu dS + kappa dW)`, strong order 1/2; may become negative on coarse grids.
    * `"milstein"`: adds `D kappa² (dW² - dS) / 2`, strong order 1.

    Args:
        model: Parameters, each one number.
        initial: The loss at the first share, a number or `[...]`.
        shares: `[n]`, increasing, need not be regular.
        increments: `[..., n - 1]`, W at each share less W at the share before.
        scheme: A key of `SCHEMES`.

    Returns:
        `[..., n]`: the loss at each share, the first included.

    Raises:
        ValueError: If the shares do not increase, the increments do not fit them, or for an unknown scheme.

    Gradient:
        Finite, with respect to the model, the first loss and the increments.

    Agrees with:
        diffrax's `Euler` and `ItoMilstein` on the same Brownian path: 1e-12 in float64.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.sde import PerceptualLossModel, integrate
        >>> model, shares = PerceptualLossModel(mu=-1.0, sigma=0.5), jnp.array([0.0, 0.25, 1.0])
        >>> print(integrate(model, 0.5, shares, jnp.array([0.1, -0.3]), scheme="euler_maruyama"))
        [0.5  0.4  0.04]
    """
    check_choice("integrate", "scheme", scheme, SCHEMES)
    check_grid("integrate", shares)
    mu, kappa, initial, shares, increments = parameters("integrate", model, initial, shares, increments)
    if increments.ndim < 1 or increments.shape[-1] != shares.size - 1:
        way_out = "One increment lies between two shares."
        raise ValueError(
            error_text("integrate", f"increments of shape [..., {shares.size - 1}]", increments.shape, way_out)
        )

    def advance(loss: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        loss = SCHEMES[scheme](loss, mu, kappa, *step)
        return loss, loss

    first = jnp.broadcast_to(initial, increments.shape[:-1])
    _, losses = jax.lax.scan(advance, first, (jnp.diff(shares), jnp.moveaxis(increments, -1, 0)))
    return jnp.concatenate([first[..., None], jnp.moveaxis(losses, 0, -1)], axis=-1)


def simulate(
    key: Array,
    model: PerceptualLossModel,
    initial: ArrayLike,
    shares: ArrayLike,
    *,
    paths: int,
    keep: Sequence[int] | None = None,
    scheme: str = "exact",
    sharding: jax.sharding.Sharding | None = None,
) -> Array:
    """Random paths of the loss. Only what is kept is stored: 10⁶ paths of 100 steps need no more than their ends.

    Args:
        key: From `jax.random.key`.
        model: Parameters, each one number.
        initial: The loss at the first share, a number or `[paths]`.
        shares: `[n]`, increasing, need not be regular: the grid of the steps.
        paths: How many.
        keep: Positions in `shares` to return, increasing, static; `[-1]` for the last alone; None for all.
        scheme: `"exact"`, `"euler_maruyama"` or `"milstein"`, see `integrate`. The exact one has no error on any grid.
        sharding: Of an array `[paths]`, to spread the paths over devices; the numbers do not depend on it.

    Returns:
        `[paths, n]`, or `[paths, len(keep)]`. float64 if a parameter, `initial` or `shares` is, else float32.

    Raises:
        ValueError: If the shares or the kept positions do not increase, or for an unknown scheme.

    Gradient:
        Finite, along the paths that the key determines, with respect to the model and the first loss.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.sde import PerceptualLossModel, mean, simulate
        >>> model, shares = PerceptualLossModel(mu=-1.0, sigma=0.5), jnp.linspace(0.0, 1.0, 11)
        >>> losses = simulate(jax.random.key(0), model, 0.5, shares, paths=100_000, keep=[-1])
        >>> print(losses.shape, mean(model, 0.5, 1.0).round(4), losses.mean().round(2))
        (100000, 1) 0.1839 0.18
    """
    check_choice("simulate", "scheme", scheme, SCHEMES)
    check_grid("simulate", shares)
    mu, kappa, initial, shares = parameters("simulate", model, initial, shares)
    kept = _positions(shares.size, keep)
    steps = jnp.diff(shares)
    # Each step writes into the place of the next kept share; what stands there in the end was written at that share.
    places = jnp.asarray(np.searchsorted(kept, np.arange(1, kept[-1] + 1)))

    def spread(losses: Array) -> Array:
        return losses if sharding is None else jax.lax.with_sharding_constraint(losses, sharding)

    def advance(carry: tuple[Array, Array], step: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        loss, stored = carry
        number, length, place = step
        normal = spread(jax.random.normal(jax.random.fold_in(key, number), (paths,), shares.dtype))
        loss = SCHEMES[scheme](loss, mu, kappa, length, jnp.sqrt(length) * normal)
        return (loss, stored.at[place].set(loss)), None

    first = spread(jnp.broadcast_to(initial, (paths,)))
    stored = jnp.broadcast_to(first, (len(kept), paths))
    sequence = jnp.arange(places.size), steps[: places.size], places  # no steps beyond what is kept
    (_, stored), _ = jax.lax.scan(advance, (first, stored), sequence)
    return stored.T


def check_grid(name: str, shares: ArrayLike) -> None:
    """One axis of at least two shares that increase; traced ones cannot be looked at."""
    shape = jnp.shape(shares)
    if len(shape) != 1 or shape[0] < 2:
        raise ValueError(error_text(name, "shares of shape [n], n >= 2", shape, "One grid serves all paths."))
    if not isinstance(shares, Tracer) and not (np.diff(np.asarray(shares)) > 0).all():
        raise ValueError(error_text(name, "shares that increase", shares, "Sort them, and merge equal ones."))


def _positions(count: int, keep: Sequence[int] | None) -> np.ndarray:
    """Kept positions, counted from the front."""
    positions = np.arange(count) if keep is None else np.asarray(keep, int)
    inside = positions.ndim == 1 and positions.size > 0 and (np.abs(positions + 0.5) < count).all()
    positions = np.where(positions < 0, positions + count, positions)
    if not inside or not (np.diff(positions) > 0).all():
        expected = f"keep of increasing positions from 0 to {count - 1}"
        raise ValueError(error_text("simulate", expected, keep, "[-1] keeps the last share, None all."))
    return positions
