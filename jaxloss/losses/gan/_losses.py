"""Adversarial losses on logits: one table, kind -> the two formulas of discriminator and generator."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import relu, softplus

from ..._checks import error_text, suggestion
from ..._types import Array, ArrayLike


AxisName = str | tuple[str, ...]
Formula = Callable[[Array, Array], Array]


class GANLoss(NamedTuple):
    """The losses of both players, elementwise in the logits r of real and f of generated images.

    Relative to "pair", r stands for r - f and f for f - r; relative to "mean", for r - E f and f - E r.
    """

    discriminator: Formula
    generator: Formula
    relative_to: Literal["nothing", "pair", "mean"] = "nothing"


_RELATIVISTIC = GANLoss(lambda r, f: softplus(-r), lambda r, f: softplus(-f), "pair")

GAN_LOSSES: dict[str, GANLoss] = {
    "minimax": GANLoss(lambda r, f: softplus(-r) + softplus(f), lambda r, f: -softplus(f)),
    "non_saturating": GANLoss(lambda r, f: softplus(-r) + softplus(f), lambda r, f: softplus(-f)),
    "least_squares": GANLoss(lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda r, f: (f - 1) ** 2 / 2),
    "hinge": GANLoss(lambda r, f: relu(1 - r) + relu(1 + f), lambda r, f: -f),
    "wasserstein": GANLoss(lambda r, f: f - r, lambda r, f: -f),
    "relativistic": _RELATIVISTIC,
    "relativistic_average": GANLoss(
        lambda r, f: (softplus(-r) + softplus(f)) / 2, lambda r, f: (softplus(r) + softplus(-f)) / 2, "mean"
    ),
    "relativistic_average_least_squares": GANLoss(
        lambda r, f: ((r - 1) ** 2 + (f + 1) ** 2) / 2, lambda r, f: ((r + 1) ** 2 + (f - 1) ** 2) / 2, "mean"
    ),
    "relativistic_average_hinge": GANLoss(
        lambda r, f: (relu(1 - r) + relu(1 + f)) / 2, lambda r, f: (relu(1 + r) + relu(1 - f)) / 2, "mean"
    ),
    "r3gan": _RELATIVISTIC,  # with r1_penalty and r2_penalty in the step of the discriminator
}


def discriminator_loss(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    kind: str = "non_saturating",
    axis_name: AxisName | None = None,
    detach_means: bool = False,
) -> Array:
    """What the discriminator minimizes, for each pair of logits: r of a real and f of a generated image.

    | kind | loss |
    |---|---|
    | minimax, non_saturating | softplus(-r) + softplus(f), that is -log σ(r) - log(1 - σ(f)) |
    | least_squares | ½(r - 1)² + ½f² |
    | hinge | max(0, 1 - r) + max(0, 1 + f) |
    | wasserstein | f - r |
    | relativistic, r3gan | softplus(-(r - f)) |
    | relativistic_average | ½ softplus(-(r - E f)) + ½ softplus(f - E r) |
    | relativistic_average_least_squares | ½(r - E f - 1)² + ½(f - E r + 1)² |
    | relativistic_average_hinge | ½ max(0, 1 - (r - E f)) + ½ max(0, 1 + (f - E r)) |

    E is the mean over all logits of the batch. `wasserstein` needs a critic of bounded slope, by weights clipped to
    ±0.01 or by `gradient_penalty`, and 5 steps of the critic for each of the generator (`n_critic`); `r3gan` is
    `relativistic` plus `r1_penalty` and `r2_penalty` in every step, each generated image paired with a real one.
    TransCNN-HAE and GAN_stability write the Wasserstein loss for a critic of the opposite sign: negate its logits.
    LaMa counts what it kept of a generated image as real: with its binary mask at the size of the logits, 1 = known,
    `discriminator_loss(real, (1 - 2 * mask) * fake)`.

    Args:
        real, fake: See `jaxloss.losses.gan`.
        kind: A key of `GAN_LOSSES`.
        axis_name: Of the mapped axes that the batch is spread over, for E under `vmap`, `pmap` and `shard_map`. Under
            `jit` a sharded batch needs none. Kinds without E do not look at it.
        detach_means: Whether E carries no gradient, as in BasicSR (ESRGAN). In the code of the relativistic paper, the
            default, it does. Kinds without E do not look at it.

    Returns:
        Shape of the logits; lower is better for the discriminator. At least 0, but for `wasserstein` unbounded. Optax
        has the terms of three kinds, `sigmoid_binary_cross_entropy`, `l2_loss` and `hinge_loss`.

    Gradient:
        Finite for all logits; that of `minimax` is `σ(r) - 1` and `σ(f)`. 0 at the corner of a hinge.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> real, fake = jnp.array([2.0, 1e4]), jnp.array([0.5, 1e4])
        >>> print(jaxloss.discriminator_loss(real, fake, kind="hinge"))
        [1.5000e+00 1.0001e+04]

    Reference:
        Goodfellow 2014 (minimax, non_saturating), https://arxiv.org/abs/1406.2661. Mao 2017 (least squares),
        https://arxiv.org/abs/1611.04076. Lim and Ye 2017 (hinge), https://arxiv.org/abs/1705.02894. Arjovsky 2017
        (Wasserstein), https://arxiv.org/abs/1701.07875. Jolicoeur-Martineau 2019 (relativistic),
        https://arxiv.org/abs/1807.00734. Huang 2024 (R3GAN), https://arxiv.org/abs/2501.05441.
    """
    row = _row("discriminator_loss", kind)
    real, fake = _check_logits("discriminator_loss", real=real, fake=fake)
    real, fake = _relative(row, real, fake, axis_name, detach_means)
    return row.discriminator(real, fake)


def generator_loss(
    fake: ArrayLike,
    real: ArrayLike | None = None,
    *,
    kind: str = "non_saturating",
    axis_name: AxisName | None = None,
) -> Array:
    """What the generator minimizes, for each logit f of a generated image, and r of a real one where it has a part.

    | kind | loss |
    |---|---|
    | minimax | -softplus(f), that is log(1 - σ(f)) |
    | non_saturating | softplus(-f), that is -log σ(f) |
    | least_squares | ½(f - 1)² |
    | hinge, wasserstein | -f |
    | relativistic, r3gan | softplus(-(f - r)) |
    | relativistic_average | ½ softplus(r - E f) + ½ softplus(-(f - E r)) |
    | relativistic_average_least_squares | ½(r - E f + 1)² + ½(f - E r - 1)² |
    | relativistic_average_hinge | ½ max(0, 1 + (r - E f)) + ½ max(0, 1 - (f - E r)) |

    E is the mean over all logits of the batch. CTN, T-former and CoordFill take the cross-entropy of probabilities,
    which saturates at 100; `non_saturating` has its value and does not.

    Args:
        fake, real: See `jaxloss.losses.gan`; the relativistic kinds and `r3gan` need the real ones.
        kind, axis_name: As in `discriminator_loss`.

    Returns:
        Shape of the logits; lower is better for the generator. At least 0 but for `minimax` (at most 0), `hinge` and
        `wasserstein` (unbounded). In Optax `non_saturating` is `sigmoid_binary_cross_entropy(fake, 1)` and
        `least_squares` is `l2_loss(fake, 1)`.

    Raises:
        ValueError: If `real` is missing where the kind needs it.

    Gradient:
        Finite for all logits. Where the discriminator is sure (f far below 0) that of `minimax` fades, `-σ(f)`, and
        that of `non_saturating` does not, `-σ(-f)`. It reaches both arguments, as in the code of the relativistic paper
        and of R3GAN, where `real` does not depend on the generator; BasicSR (ESRGAN) detaches it, which is
        `jax.lax.stop_gradient(real)`.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.generator_loss(jnp.array([0.0, -1e4])))
        [6.9315e-01 1.0000e+04]
        >>> print(jaxloss.generator_loss(jnp.array([0.0]), jnp.array([2.0]), kind="r3gan"))
        [2.1269]

    Reference:
        As for `discriminator_loss`; Goodfellow et al. 2014. https://arxiv.org/abs/1406.2661
    """
    row = _row("generator_loss", kind)
    if real is None and row.relative_to != "nothing":
        expected = f"the logits of real images for kind={kind!r}"
        raise ValueError(
            error_text("generator_loss", expected, "none", "Pass them second: generator_loss(fake, real).")
        )
    # Formulas relative to nothing do not look at the real logits.
    fake, real = _check_logits("generator_loss", fake=fake, real=fake if real is None else real)
    return row.generator(*_relative(row, real, fake, axis_name))


def gan_value(real: ArrayLike, fake: ArrayLike) -> Array:
    r"""The value of the game of Goodfellow et al., on probabilities: the discriminator maximizes it.

    $$V(D, G) = \mathbb{E} \log D(x) + \mathbb{E} \log(1 - D(G(z)))$$

    elementwise, before the expectations. Logarithms are at least -100, as in torch's `BCELoss`, so that a probability
    of exactly 0 or 1 has a value; train on logits, where nothing saturates: with probabilities from a sigmoid,
    `-gan_value(real, fake)` is `discriminator_loss(..., kind="minimax")` of the logits.

    Args:
        real, fake: Probabilities that real and that generated images are real, D(x) and D(G(z)): any one shape, in
            [0, 1].

    Returns:
        Shape of the arguments, in [-200, 0]: 0 for a perfect discriminator, -2 log 2 for one that cannot tell. Minus
        torch's `BCELoss` of real images against 1 and generated ones against 0.

    Gradient:
        `1 / real` and `-1 / (1 - fake)`; finite at 0 and 1, where it is 0 if the logarithm is -100. So it is for
        `real` below the smallest normal number of the dtype, 1.2e-38 in float32. (torch has 1e12 there, which the
        slope of the sigmoid makes 0, too.)

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.gan_value(jnp.array([0.5, 0.0]), jnp.array([0.5, 0.0])).round(4))
        [  -1.3863 -100.    ]

    Reference:
        Goodfellow et al., "Generative adversarial nets", NeurIPS 2014. https://arxiv.org/abs/1406.2661
    """
    real, fake = _check_logits("gan_value", real=real, fake=fake)
    floor = max(float(jnp.finfo(real.dtype).tiny), math.exp(_LOG_OF_ZERO))
    zero, one = real < floor, 1 - fake < floor
    log_real = jnp.where(zero, _LOG_OF_ZERO, jnp.log(jnp.where(zero, 1, real)))
    return log_real + jnp.where(one, _LOG_OF_ZERO, jnp.log1p(-jnp.where(one, 0, fake)))


_LOG_OF_ZERO = -100.0


def _row(name: str, kind: str) -> GANLoss:
    if kind not in GAN_LOSSES:
        raise ValueError(error_text(name, "a kind of GAN_LOSSES", repr(kind), suggestion(kind, GAN_LOSSES)))
    return GAN_LOSSES[kind]


def _relative(
    row: GANLoss, real: Array, fake: Array, axis_name: AxisName | None, detach_means: bool = False
) -> tuple[Array, Array]:
    """The logits relative to what the formulas of the row compare them with."""
    if row.relative_to == "nothing":
        return real, fake
    if row.relative_to == "pair":
        return real - fake, fake - real
    means = real.mean(), fake.mean()
    if axis_name is not None:
        means = jax.lax.pmean(means, axis_name)
    mean_real, mean_fake = jax.lax.stop_gradient(means) if detach_means else means
    return real - mean_fake, fake - mean_real


def _check_logits(name: str, **logits: ArrayLike) -> list[Array]:
    """The arrays in one dtype, float32 or float64, of equal shape."""
    arrays = {argument: jnp.asarray(values) for argument, values in logits.items()}
    for argument, values in arrays.items():
        if not jnp.issubdtype(values.dtype, jnp.floating):
            way_out = f"Convert it: {argument}.astype(jnp.float32)."
            raise TypeError(error_text(name, f"{argument} of a floating dtype", values.dtype, way_out))
    shapes = {values.shape for values in arrays.values()}
    if len(shapes) > 1:
        got = " and ".join(str(values.shape) for values in arrays.values())
        way_out = "Nothing is broadcast: let the discriminator score as many real as generated images."
        raise ValueError(error_text(name, f"{' and '.join(arrays)} of equal shape", got, way_out))
    double = any(values.dtype == jnp.float64 for values in arrays.values())
    return [values.astype(jnp.float64 if double else jnp.float32) for values in arrays.values()]
