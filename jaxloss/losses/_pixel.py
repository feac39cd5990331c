"""Robust pixel losses that Optax does not have."""

import jax.numpy as jnp

from .._checks import check_pair, check_positive
from .._types import Image, Mask, Scores
from ..ops._numerics import masked_mean


def charbonnier_loss(x: Image, y: Image, *, epsilon: float = 1e-3, mask: Mask | None = None) -> Scores:
    r"""Charbonnier loss: L1 with a rounded tip.

    $$\frac{1}{N} \sum_i \left(\sqrt{(x_i - y_i)^2 + \epsilon^2} - \epsilon\right)$$

    The published loss keeps the constant $\epsilon$; without it equal images have a loss of 0.

    Args:
        x: Prediction, `[..., H, W, C]`, floating, any range.
        y: Target, same shape.
        epsilon: Width of the tip, > 0, in the unit of the images: quadratic below, linear above.
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 have no influence.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ or epsilon is not positive.
        TypeError: For integer images.

    Gradient:
        `(x - y) / (N sqrt((x - y)² + epsilon²))`, 0 where the images agree, and continuous there, unlike that of L1.

    Agrees with:
        BasicSR's `CharbonnierLoss` (whose `eps` is `epsilon²`) less the constant `epsilon`: 1e-6.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((4, 4, 3)), jnp.full((4, 4, 3), 0.25)
        >>> print(jaxloss.charbonnier_loss(x, y).round(6))
        0.249002

    Reference:
        Charbonnier, Blanc-Féraud, Aubert, Barlaud, "Two deterministic half-quadratic regularization algorithms for
        computed imaging", International Conference on Image Processing, 1994.
    """
    x, y, mask = check_pair("charbonnier_loss", x, y, mask)
    check_positive("charbonnier_loss", "epsilon", epsilon)
    squared = (x - y) ** 2
    # sqrt(d² + e²) - e, without the cancellation of two nearly equal numbers.
    return masked_mean(squared / (jnp.sqrt(squared + epsilon**2) + epsilon), mask)
