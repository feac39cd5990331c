"""Color conversions that metrics are defined on."""

from .._checks import check_image, error_text
from .._types import GrayArray, Image


def rgb_to_y(image: Image) -> GrayArray:
    """Luma of an RGB image (the Y of YIQ, and of JPEG's YCbCr): what most classical metrics were defined on.

    Args:
        image: `[..., H, W, 3]`, RGB, floating.

    Returns:
        `[..., H, W, 1]`: `0.299 R + 0.587 G + 0.114 B`, in the range of the input.

    Raises:
        ValueError: If the last axis is not 3 long.
        TypeError: For integer images.

    Gradient:
        The three weights, everywhere.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.rgb_to_y(jnp.ones((1, 1, 3))).round(6))
        [[[1.]]]

    Reference:
        Recommendation ITU-R BT.601.
    """
    image = check_image("rgb_to_y", "image", image)
    if image.shape[-1] != 3:
        raise ValueError(error_text("rgb_to_y", "3 channels (RGB)", image.shape, "Gray images are their own luma."))
    red, green, blue = (image[..., i : i + 1] for i in range(3))
    return 0.299 * red + 0.587 * green + 0.114 * blue
