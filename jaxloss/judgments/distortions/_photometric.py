"""What happens to every pixel alike: lightness, hue, contrast, saturation."""

import jax.numpy as jnp
import numpy as np

from ..._checks import as_scalar, check_image
from ..._types import Image, ImageArray, Scalar
from ...ops._color import rgb_to_y
from ._ycbcr import check_color, ycbcr_to_rgb


def lightness_shift(x: Image, *, offset: Scalar) -> ImageArray:
    """The same added to every channel, which moves luma and leaves chroma.

    Args:
        x: The image.
        offset: In units of the range of values, in [-1, 1]; -0.4 to 0.4 are useful.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        1, of x and of the offset; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import lightness_shift
        >>> print(jax.jit(lambda x: lightness_shift(x, offset=0.25))(jnp.array([[[0.125, 0.5, 0.875]]])))
        [[[0.375 0.75  1.   ]]]
    """
    x = check_image("lightness_shift", "x", x)
    return jnp.clip(x + as_scalar(offset, x.dtype), 0, 1)


def color_shift(x: Image, *, distance: Scalar, angle: Scalar) -> ImageArray:
    """The same chroma added to every pixel: both chroma channels of YCbCr move, luma stays.

    Args:
        x: `[..., H, W, 3]`, RGB.
        distance: How far, in units of the range of values, 0 or more; 0 to 0.25 are useful.
        angle: Where to, in degrees: 0 towards blue, 90 towards red, 180 towards yellow, 270 towards cyan.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: For other than three channels.

    Gradient:
        Of x 1, of distance and angle that of the shift; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import color_shift
        >>> shifted = jax.jit(lambda x: color_shift(x, distance=0.1, angle=90.0))(jnp.full((1, 1, 3), 0.5))
        >>> print(" ".join(f"{value:.3f}" for value in shifted.ravel()))
        0.640 0.429 0.500
    """
    x = check_image("color_shift", "x", x)
    check_color("color_shift", x)
    radians = jnp.asarray(as_scalar(angle, x.dtype) * (np.pi / 180), x.dtype)
    distance = jnp.asarray(distance, x.dtype)
    shift = ycbcr_to_rgb(jnp.zeros_like(distance), distance * jnp.cos(radians), distance * jnp.sin(radians))
    return jnp.clip(x + jnp.broadcast_to(jnp.stack(shift), x.shape), 0, 1)


def contrast_change(x: Image, *, factor: Scalar) -> ImageArray:
    """Differences from the mean of the image, multiplied: `mean + factor (x - mean)`, one mean of all channels.

    Args:
        x: The image.
        factor: 0 or more: 0 leaves the mean, 1 the image, 3 is harsh.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Exact, of x and of the factor; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import contrast_change
        >>> print(jax.jit(lambda x: contrast_change(x, factor=0.5))(jnp.array([[[0.25], [0.5], [0.75]]])).ravel())
        [0.375 0.5   0.625]
    """
    x = check_image("contrast_change", "x", x)
    mean = jnp.broadcast_to(x.mean((-3, -2, -1), keepdims=True), x.shape)
    return jnp.clip(mean + as_scalar(factor, x.dtype) * (x - mean), 0, 1)


def saturation_change(x: Image, *, factor: Scalar) -> ImageArray:
    """Differences of the channels from luma, multiplied: `luma + factor (x - luma)`.

    Args:
        x: `[..., H, W, 3]`, RGB.
        factor: 0 or more: 0 leaves the gray image, 1 the image, 3 is garish.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: For other than three channels.

    Gradient:
        Exact, of x and of the factor; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import saturation_change
        >>> gray = jax.jit(lambda x: saturation_change(x, factor=0.0))(jnp.array([[[0.5, 0.3, 0.4]]]))
        >>> print(" ".join(f"{value:.3f}" for value in gray.ravel()))
        0.371 0.371 0.371
    """
    x = check_image("saturation_change", "x", x)
    check_color("saturation_change", x)
    luma = jnp.broadcast_to(rgb_to_y(x), x.shape)
    return jnp.clip(luma + as_scalar(factor, x.dtype) * (x - luma), 0, 1)
