"""Robust pixel losses that Optax does not have."""

import math

import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_positive, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._pooling import masked_mean


def charbonnier_loss(x: Image, y: Image, *, epsilon: float = 1e-3, mask: Mask | None = None) -> Scores:
    r"""Charbonnier loss: L1 with a rounded tip.

    $$\frac{1}{N} \sum_i \left(\sqrt{(x_i - y_i)^2 + \epsilon^2} - \epsilon\right)$$

    The published loss keeps the constant $\epsilon$; without it equal images have a loss of 0. BasicSR's `eps`
    is $\epsilon^2$.

    Args:
        x, y, mask: See `jaxloss.losses`; any range of values.
        epsilon: Width of the tip, > 0, in the unit of the images: quadratic below, linear above.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for equal images.

    Gradient:
        `(x - y) / (N sqrt((x - y)² + epsilon²))`, 0 where the images agree, and continuous there, unlike that of L1.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.charbonnier_loss(x, y).round(6))
        0.249002

    Reference:
        Charbonnier, Blanc-Féraud, Aubert, Barlaud, "Two deterministic half-quadratic regularization algorithms for
        computed imaging", International Conference on Image Processing, 1994.
        https://doi.org/10.1109/ICIP.1994.413553
    """
    x, y, mask = masked_pair("charbonnier_loss", x, y, mask)
    check_positive("charbonnier_loss", "epsilon", epsilon)
    squared = (x - y) ** 2
    # sqrt(d² + e²) - e, without the cancellation of two nearly equal numbers.
    return masked_mean(squared / (jnp.sqrt(squared + epsilon**2) + epsilon), mask)


def barron_loss(x: Image, y: Image, *, alpha: Scalar = 1.0, scale: Scalar = 0.1, mask: Mask | None = None) -> Scores:
    r"""Barron's general robust loss: one formula for squared, Charbonnier, Cauchy, Geman-McClure and Welsch loss.

    $$\rho(d, \alpha, c) = \frac{|\alpha - 2|}{\alpha}
    \left(\left(\frac{(d / c)^2}{|\alpha - 2|} + 1\right)^{\alpha / 2} - 1\right)$$

    of the difference d = x - y at each pixel, averaged. It is $\frac{1}{2} (d/c)^2$ for differences much smaller than
    the scale c; alpha says how little the larger ones count:

    | alpha | loss | |
    | --- | --- | --- |
    | 2 | $\frac{1}{2} (d/c)^2$ | squared, L2 |
    | 1 | $\sqrt{(d/c)^2 + 1} - 1$ | `charbonnier_loss(x, y, epsilon=c) / c` |
    | 0 | $\log(\frac{1}{2} (d/c)^2 + 1)$ | Cauchy, Lorentzian |
    | -2 | $2 (d/c)^2 / ((d/c)^2 + 4)$ | Geman-McClure |
    | -∞ | $1 - \exp(-\frac{1}{2} (d/c)^2)$ | Welsch, Leclerc |

    Optax has the losses of Huber and of log cosh, `optax.huber_loss(x, y, delta=c)` and `optax.log_cosh(x, y)`, per
    pixel: take those from there.

    Args:
        x, y, mask: See `jaxloss.losses`; any range of values.
        alpha: Shape, any number, infinite ones too; it may be traced. Robust below 2, and the more so the lower: below
            0, an outlier costs a bounded amount, and below 1 the pull of an outlier vanishes with its size.
        scale: The c > 0 in the unit of the images, up to which a difference is no outlier; it may be traced.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images.

    Gradient:
        `(x - y) / (N c²) (((x - y) / c)² / |alpha - 2| + 1) ** (alpha / 2 - 1)`, 0 where the images agree. Also with
        respect to alpha and scale. The derivative by alpha is exact through alpha = 0, is 0 at both infinities, and is
        taken as 0 at alpha = 2, where it is infinite. To learn alpha, add the logarithm of the partition function
        as the paper does: this loss alone is lowest for the lowest alpha.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.2)
        >>> loss = jax.jit(jaxloss.barron_loss)
        >>> print(*(loss(x, y, alpha=alpha).round(4) for alpha in (2.0, 0.0, -jnp.inf)))
        2.0 1.0986 0.8647

    Reference:
        Barron, "A general and adaptive robust loss function", CVPR 2019. https://arxiv.org/abs/1701.03077
    """
    x, y, mask = masked_pair("barron_loss", x, y, mask)
    check_positive("barron_loss", "scale", scale)
    return masked_mean(_barron(((x - y) / as_scalar(scale, x.dtype)) ** 2, jnp.asarray(alpha, x.dtype)), mask)


def _barron(squared: Array, alpha: Array) -> Array:
    """The general loss of squared differences in units of the scale, written without its removable singularities.

    With `b = |alpha - 2|` and `t = b/2 log(squared/b + 1)` it is `t (exp(z) - 1) / z` at `z = alpha t / b`, where all
    limits but alpha = 2 are ordinary points: alpha = 0 is z = 0; at alpha = ±inf, t is `squared / 2` and z is ±t.
    """
    is_two, is_infinite = alpha == 2, jnp.isinf(alpha)
    finite = jnp.where(is_two | is_infinite, jnp.zeros_like(alpha), alpha)
    b = jnp.abs(finite - 2)
    t = jnp.where(is_infinite, squared / 2, b / 2 * jnp.log1p(squared / b))
    ratio = jnp.where(is_infinite, jnp.sign(alpha), finite / b)
    # Above alpha = 2 an outlier may outgrow the numbers: from there on the loss is constant, as the author has it for
    # alpha = inf.
    rising = ratio > 0
    growth = lax.stop_gradient(jnp.where(rising, ratio, jnp.ones_like(ratio)))
    largest_t = 0.9 * math.log(jnp.finfo(squared.dtype).max) / growth
    t = jnp.where(rising, jnp.minimum(t, largest_t), t)
    return jnp.where(is_two, squared / 2, t * _exponential_slope(ratio * t))


def _exponential_slope(z: Array) -> Array:
    """`(exp(z) - 1) / z`; near 0, where derivatives of the quotient cancel, by its series."""
    near = jnp.abs(z) < 0.1
    far = jnp.where(near, jnp.ones_like(z), z)
    small = jnp.where(near, z, jnp.zeros_like(z))
    series = jnp.ones_like(z)
    for k in range(10, 1, -1):
        series = 1 + small / k * series
    return jnp.where(near, series, jnp.expm1(far) / far)
