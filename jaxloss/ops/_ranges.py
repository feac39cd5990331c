"""Value ranges: integer images to [0, 1], and [-1, 1] to [0, 1]."""

import jax.numpy as jnp

from .._checks import error_text
from .._types import Array, ArrayLike


def to_float(image: ArrayLike) -> Array:
    """Integer image to float32 in [0, 1].

    Args:
        image: Any shape; uint8 (divided by 255) or uint16 (divided by 65535). Floating images and bool masks of any
            shape are accepted too: floats pass through unchanged, True becomes 1.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: For other dtypes: their largest value is not a convention one could know.

    Gradient:
        1 for images that are floating already; integers have none.

    Example:
        >>> import numpy as np, jaxloss
        >>> print(jaxloss.ops.to_float(np.array([0, 255], np.uint8)))
        [0. 1.]
    """
    image = jnp.asarray(image)
    if jnp.issubdtype(image.dtype, jnp.floating):
        return image
    if image.dtype == jnp.bool_:
        return image.astype(jnp.float32)
    if image.dtype not in (jnp.uint8, jnp.uint16):
        raise TypeError(
            error_text(
                "to_float",
                "dtype uint8, uint16, bool or floating",
                image.dtype,
                "Divide by the largest possible value.",
            )
        )
    return image.astype(jnp.float32) / jnp.iinfo(image.dtype).max


def to_unit(image: ArrayLike) -> Array:
    """Image in [-1, 1], as many generators put out, to [0, 1].

    Args:
        image: Any shape, floating, values in [-1, 1].

    Returns:
        `(image + 1) / 2`, same shape and dtype.

    Raises:
        TypeError: For integer images.

    Gradient:
        1/2 everywhere.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.to_unit(jnp.array([-1.0, 0.0, 1.0])))
        [0.  0.5 1. ]
    """
    image = jnp.asarray(image)
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(error_text("to_unit", "a floating dtype", image.dtype, "Integer images: jaxloss.ops.to_float."))
    return (image + 1) / 2
