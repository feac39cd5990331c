"""Numbers rounded, with a derivative or without, and images of few levels."""

import jax
import jax.numpy as jnp

from ..._checks import as_scalar, check_choice, check_image
from ..._types import Array, Image, ImageArray, Scalar


def nearest(value: Array) -> Array:
    """The nearest integer; of two the one farther from 0, as libjpeg does. The derivative is 0."""
    # Not copysign: XLA, where it evaluates constants ahead of time, takes signs from wrong places (jaxlib 0.10).
    return jnp.trunc(value + jnp.where(value < 0, -0.5, 0.5))


def straight_through(value: Array) -> Array:
    """The nearest integer with the derivative 1."""
    return jax.lax.stop_gradient(nearest(value)) + (value - jax.lax.stop_gradient(value))


def cubic(value: Array) -> Array:
    """Up to 1/8 from the nearest integer, with the derivative `3 (value - integer)²`."""
    integer = jax.lax.stop_gradient(nearest(value))
    return integer + (value - integer) ** 3


ROUNDINGS = {"hard": nearest, "soft": cubic, "straight-through": straight_through}


def quantization(x: Image, *, levels: Scalar, rounding: str = "hard") -> ImageArray:
    """Few levels of each channel, evenly spaced, black and white among them: posterization.

    `round((levels - 1) x) / (levels - 1)`

    Args:
        x: The image.
        levels: How many, a whole number, 2 or more; 256 are those of 8 bits.
        rounding: `"hard"`; `"soft"` is up to 1/8 of a step off (Shin and Song); `"straight-through"` is the same as
            hard except in its gradient.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: For another rounding.

    Gradient:
        Of x, hard: 0. Soft: `3 d²`, d the distance in steps from the level. Straight-through: 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import quantization
        >>> print(quantization(jnp.array([[[0.1], [0.4], [0.9]]]), levels=3)[..., 0])
        [[0.  0.5 1. ]]
    """
    x = check_image("quantization", "x", x)
    check_choice("quantization", "rounding", rounding, ROUNDINGS)
    steps = as_scalar(levels, x.dtype) - 1
    return jnp.clip(ROUNDINGS[rounding](x * steps) / steps, 0, 1)
