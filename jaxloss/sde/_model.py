"""The stochastic model: geometric Brownian motion of a perceptual loss D over the reconstructed share S."""

from dataclasses import dataclass, replace

import jax

from .._checks import check_choice, one_dtype
from .._types import Array, ArrayLike


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PerceptualLossModel:
    """Parameters of `dD = mu D dS + (sigma + eta - xi) D dW(S)`; S is the moving average of the reconstructed share.

    The same Brownian motion drives all three random terms, so that their strengths add up to one volatility
    `kappa = sigma + eta - xi`. (Independent drivers would give `kappa² = sigma² + eta² + xi²`, where a prompt could not
    reduce anything.) The law of D depends on mu and kappa² alone: kappa >= 0 is a convention, and sigma, eta and xi
    can only be told apart by curves under different conditions, see `separate`.

    A pytree: `jax.grad` with respect to a model gives a model, and fields of shape `[n]` make n models for `jax.vmap`.

    Attributes:
        mu: Trend per unit of share, the ability of the reconstruction; negative where the loss falls.
        sigma: Randomness of the reconstruction without guidance.
        eta: Additional randomness from a reference image.
        xi: Reduction of randomness by a prompt.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, effective_volatility
        >>> print(effective_volatility(PerceptualLossModel(mu=-1.0, sigma=0.3, eta=0.1, xi=0.2)).round(4))
        0.2

    Reference:
        "Mathematical Modeling of Perceptual Loss in Image Reconstruction", equation 1.
    """

    mu: ArrayLike
    sigma: ArrayLike
    eta: ArrayLike = 0.0
    xi: ArrayLike = 0.0


# Which of (eta, xi) act.
CONDITIONS: dict[str, tuple[bool, bool]] = {
    "baseline": (False, False),
    "reference": (True, False),
    "prompt": (False, True),
    "both": (True, True),
}


def under_condition(model: PerceptualLossModel, condition: str) -> PerceptualLossModel:
    """The model under a condition: what does not act is 0. A model as it stands is under both a reference and a prompt.

    Args:
        model: Parameters.
        condition: `"baseline"`, `"reference"`, `"prompt"` or `"both"`.

    Returns:
        The model with `eta` 0 where there is no reference and `xi` 0 where there is no prompt.

    Raises:
        ValueError: For another condition.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, effective_volatility, under_condition
        >>> model = PerceptualLossModel(mu=-1.0, sigma=0.3, eta=0.1, xi=0.2)
        >>> print(effective_volatility(under_condition(model, "prompt")).round(4))
        0.1
    """
    check_choice("under_condition", "condition", condition, CONDITIONS)
    with_reference, with_prompt = CONDITIONS[condition]
    return replace(model, eta=model.eta if with_reference else 0.0, xi=model.xi if with_prompt else 0.0)


def effective_volatility(model: PerceptualLossModel) -> Array:
    """Volatility of the loss, `kappa = sigma + eta - xi`; also the diffusion of ln D.

    Args:
        model: Parameters.

    Returns:
        Shape of the parameters; per square root of share.

    Gradient:
        1, 1 and -1 with respect to sigma, eta and xi.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, effective_volatility
        >>> print(effective_volatility(PerceptualLossModel(mu=0.0, sigma=0.5, eta=0.25)))
        0.75
    """
    return parameters("effective_volatility", model)[1]


def drift(model: PerceptualLossModel, loss: ArrayLike) -> Array:
    """Drift of the loss, `mu D`.

    Args:
        model: Parameters.
        loss: D, any shape.

    Returns:
        Expected change of D per unit of share, same shape.

    Gradient:
        mu with respect to D.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, drift
        >>> print(drift(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.25))
        -0.25
    """
    mu, _, loss = parameters("drift", model, loss)
    return mu * loss


def diffusion(model: PerceptualLossModel, loss: ArrayLike) -> Array:
    """Diffusion of the loss, `(sigma + eta - xi) D`.

    Args:
        model: Parameters.
        loss: D, any shape.

    Returns:
        Standard deviation of D per square root of share, same shape.

    Gradient:
        kappa with respect to D.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, diffusion
        >>> print(diffusion(PerceptualLossModel(mu=-1.0, sigma=0.5), 0.25))
        0.125
    """
    _, kappa, loss = parameters("diffusion", model, loss)
    return kappa * loss


def log_drift(model: PerceptualLossModel) -> Array:
    """Drift of ln D by Itô's formula, `nu = mu - kappa² / 2`; the diffusion of ln D is `effective_volatility`.

    Args:
        model: Parameters.

    Returns:
        Expected change of ln D per unit of share, shape of the parameters.

    Gradient:
        1 with respect to mu, -kappa with respect to kappa.

    Example:
        >>> from jaxloss.sde import PerceptualLossModel, log_drift
        >>> print(log_drift(PerceptualLossModel(mu=-1.0, sigma=0.5)))
        -1.125

    Reference:
        "Mathematical Modeling of Perceptual Loss in Image Reconstruction", equation 2.
    """
    return drift_and_volatility("log_drift", model)[0]


def drift_and_volatility(name: str, model: PerceptualLossModel, *values: ArrayLike) -> tuple[Array, ...]:
    """`(nu, kappa, *values)`: of ln D, as arrays of one floating dtype."""
    mu, kappa, *rest = parameters(name, model, *values)
    return mu - kappa**2 / 2, kappa, *rest


def parameters(name: str, model: PerceptualLossModel, *values: ArrayLike) -> tuple[Array, ...]:
    """`(mu, kappa, *values)` as arrays of one floating dtype."""
    mu, sigma, eta, xi, *rest = one_dtype(name, model.mu, model.sigma, model.eta, model.xi, *values)
    return mu, sigma + eta - xi, *rest
