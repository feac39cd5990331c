"""Densities of observed curves."""

import math

import jax.numpy as jnp

from .._checks import error_text
from .._types import Array, ArrayLike
from ._model import PerceptualLossModel, drift_and_volatility


def transition_log_density(
    model: PerceptualLossModel, following: ArrayLike, previous: ArrayLike, span: ArrayLike
) -> Array:
    """Logarithm of the density of the loss, given its value a span of share before.

    `ln p(y | x, S) = -(ln(y / x) - (mu - kappa² / 2) S)² / (2 kappa² S) - ln(2 pi kappa² S y²) / 2`

    Args:
        model: Parameters.
        following: y > 0, the loss whose density is asked for.
        previous: x > 0, the loss before.
        span: S > 0, the share between them.

    Returns:
        Broadcast shape of the arguments; the density is per unit of loss.

    Gradient:
        Finite for positive losses and spans, and kappa != 0.

    Agrees with:
        `scipy.stats.lognorm.logpdf`: 1e-12 in float64.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, transition_log_density
        >>> print(transition_log_density(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.4, 0.5, 0.25).round(3))
        1.357
    """
    name = "transition_log_density"
    nu, kappa, following, previous, span = drift_and_volatility(name, model, following, previous, span)
    scale = kappa**2 * span
    log_following = jnp.log(following)
    deviation = log_following - jnp.log(previous) - nu * span
    return -(deviation**2) / (2 * scale) - jnp.log(2 * math.pi * scale) / 2 - log_following


def log_likelihood(model: PerceptualLossModel, losses: ArrayLike, shares: ArrayLike) -> Array:
    """Log-likelihood of curves, given the first loss of each: the sum of `transition_log_density` along them.

    Args:
        model: Parameters.
        losses: `[..., n]`, D > 0.
        shares: `[..., n]` or `[n]`, S, increasing, need not be regular.

    Returns:
        One number per curve, `[...]`. Curves in one fit are independent: their sum is what `fit` makes largest.

    Raises:
        ValueError: If the last axes differ or are shorter than 2.

    Gradient:
        Finite for positive losses, increasing shares, and kappa != 0.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.sde import PerceptualLossModel, log_likelihood
        >>> losses, shares = jnp.array([0.5, 0.4, 0.35]), jnp.array([0.1, 0.35, 0.5])
        >>> print(log_likelihood(PerceptualLossModel(mu=-1.0, sigma=0.5), losses, shares).round(4))
        3.1127
    """
    losses, shares = jnp.asarray(losses), jnp.asarray(shares)
    if losses.ndim < 1 or shares.ndim < 1 or losses.shape[-1] != shares.shape[-1] or losses.shape[-1] < 2:
        got = f"{losses.shape} and {shares.shape}"
        way_out = "Curves of different length: take the sum over the curves."
        raise ValueError(error_text("log_likelihood", "losses and shares [..., n], n >= 2", got, way_out))
    spans = jnp.broadcast_to(jnp.diff(shares), (*losses.shape[:-1], losses.shape[-1] - 1))
    return transition_log_density(model, losses[..., 1:], losses[..., :-1], spans).sum(axis=-1)
