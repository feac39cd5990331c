"""The law of the loss after a span of share, given where it began: ln D is normal, all else follows."""

import jax.numpy as jnp
from jax.scipy.special import ndtri

from .._types import Array, ArrayLike
from ._model import PerceptualLossModel, drift_and_volatility, parameters


def log_mean(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike) -> Array:
    """Expectation of the logarithm of the loss.

    `E[ln D] = ln D_0 + (mu - kappa² / 2) S`, and the variance of ln D is `kappa² S`.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.

    Returns:
        Broadcast shape of the arguments.

    Gradient:
        Finite for `initial > 0`.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, log_mean
        >>> print(log_mean(PerceptualLossModel(mu=-1.0, sigma=0.5), 1.0, 0.5))
        -0.5625

    Reference:
        "Mathematical Modeling of Perceptual Loss in Image Reconstruction", section 2.3.
    """
    nu, _, initial, span = drift_and_volatility("log_mean", model, initial, span)
    return jnp.log(initial) + nu * span


def mean(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike) -> Array:
    """Expectation of the loss, `D_0 exp(mu S)`.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.

    Returns:
        Broadcast shape of the arguments.

    Gradient:
        Finite; 0 with respect to the volatility.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, mean
        >>> print(mean(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0).round(4))
        0.1839
    """
    mu, _, initial, span = parameters("mean", model, initial, span)
    return initial * jnp.exp(mu * span)


def variance(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike) -> Array:
    """Variance of the loss, `D_0² exp(2 mu S) (exp(kappa² S) - 1)`.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.

    Returns:
        Broadcast shape of the arguments, >= 0.

    Gradient:
        Finite.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, variance
        >>> print(variance(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0).round(5))
        0.00961
    """
    mu, kappa, initial, span = parameters("variance", model, initial, span)
    return (initial * jnp.exp(mu * span)) ** 2 * jnp.expm1(kappa**2 * span)


def covariance(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike, other: ArrayLike) -> Array:
    """Covariance of the loss after two spans, `D_0² exp(mu (s + t)) (exp(kappa² min(s, t)) - 1)`.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where both spans begin.
        span: s >= 0, the one span of share.
        other: t >= 0, the other.

    Returns:
        Broadcast shape of the arguments, >= 0.

    Gradient:
        Finite; where the spans are equal each gets half of the derivative of the minimum.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, covariance
        >>> print(covariance(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0, 0.5).round(5))
        0.00743
    """
    mu, kappa, initial, span, other = parameters("covariance", model, initial, span, other)
    return initial**2 * jnp.exp(mu * (span + other)) * jnp.expm1(kappa**2 * jnp.minimum(span, other))


def moment(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike, order: ArrayLike) -> Array:
    """Moment of any order, `E[D^p] = D_0^p exp(p mu S + p (p - 1) kappa² S / 2)`.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.
        order: p, any real number.

    Returns:
        Broadcast shape of the arguments, > 0.

    Gradient:
        Finite for `initial > 0`.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, moment
        >>> print(moment(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0, 2).round(4))
        0.0434
    """
    mu, kappa, initial, span, p = parameters("moment", model, initial, span, order)
    return initial**p * jnp.exp((p * mu + p * (p - 1) * kappa**2 / 2) * span)


def median(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike) -> Array:
    """Median of the loss, `D_0 exp((mu - kappa² / 2) S)`: the typical curve, below the mean.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.

    Returns:
        Broadcast shape of the arguments.

    Gradient:
        Finite.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, median
        >>> print(median(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0).round(4))
        0.1623
    """
    nu, _, initial, span = drift_and_volatility("median", model, initial, span)
    return initial * jnp.exp(nu * span)


def mode(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike) -> Array:
    """Most likely loss, `D_0 exp((mu - 3 kappa² / 2) S)`, where the density is highest.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.

    Returns:
        Broadcast shape of the arguments.

    Gradient:
        Finite.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, mode
        >>> print(mode(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0).round(4))
        0.1264
    """
    nu, kappa, initial, span = drift_and_volatility("mode", model, initial, span)
    return initial * jnp.exp((nu - kappa**2) * span)


def quantile(model: PerceptualLossModel, initial: ArrayLike, span: ArrayLike, level: ArrayLike) -> Array:
    """Quantile of the loss, `D_0 exp((mu - kappa² / 2) S + |kappa| sqrt(S) z)` with the normal quantile z of the level.

    Args:
        model: Parameters.
        initial: D_0 > 0, the loss where the span begins.
        span: S >= 0, the share that has been reconstructed since.
        level: Probability in (0, 1).

    Returns:
        Broadcast shape of the arguments; a fraction `level` of all curves lies below.

    Gradient:
        Finite where `span > 0`; with respect to the span infinite at 0, as that of a square root.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.sde import PerceptualLossModel, quantile
        >>> print(quantile(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.5, 1.0, jnp.array([0.05, 0.95])).round(2))
        [0.07 0.37]
    """
    nu, kappa, initial, span, level = drift_and_volatility("quantile", model, initial, span, level)
    return initial * jnp.exp(nu * span + jnp.abs(kappa) * jnp.sqrt(span) * ndtri(level))
