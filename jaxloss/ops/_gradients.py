"""Gradients and curvature of images by small kernels."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import check_choice, check_fits, check_image
from .._types import Array, Image, Map
from ._filters import BORDERS, GPUS, as_taps, extend_border, filter_maps, merge_channels, split_channels
from ._numerics import safe_sqrt


# How each kernel smooths along an edge; across it all of them take the central difference.
SMOOTHING = {"prewitt": (1, 1, 1), "sobel": (1, 2, 1), "scharr": (3, 10, 3)}
DIFFERENCE = as_taps((-0.5, 0.0, 0.5))


def gradient_magnitude(image: Image, *, kernel: str = "scharr", border: str = "zero", scale: float = 1.0) -> Map:
    r"""Length of the gradient at each pixel, $\sqrt{(K * z)^2 + (K^T * z)^2}$.

    Args:
        image: `[..., H, W, C]`, floating; each channel on its own.
        kernel: `"prewitt"`, `"sobel"` or `"scharr"`, 3 x 3: it gives 1 on a ramp of slope 1.
        border: `"zero"`, `"reflect"`, or `"valid"` as in `separable_filter`.
        scale: Factor on the result. Published kernels that take the difference of neighbors two pixels apart need 2.

    Returns:
        `[..., H, W, C]`, with `"valid"` without a pixel on each side, >= 0.

    Raises:
        ValueError: For an unknown kernel or border, or an image smaller than the kernel.

    Gradient:
        That of the length, 0 where the image is flat: there the root has none.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> ramp = jnp.broadcast_to(jnp.arange(5.0)[:, None], (4, 5, 1))
        >>> print(jaxloss.ops.gradient_magnitude(ramp, border="valid")[..., 0])
        [[1. 1. 1.]
         [1. 1. 1.]]

    Reference:
        Scharr, "Optimal operators in digital image processing", 2000. https://doi.org/10.11588/heidok.00000962
    """
    name = "gradient_magnitude"
    image = check_image(name, "image", image)
    check_choice(name, "kernel", kernel, SMOOTHING)
    check_choice(name, "border", border, BORDERS)
    image = extend_border(image, 3, 3, border)
    check_fits(name, "the kernel", 3, image, "Use another border.")
    smooth = as_taps(scale * np.divide(SMOOTHING[kernel], sum(SMOOTHING[kernel])))
    maps, step = [merge_channels(image)], image.shape[-1]
    (down,), (along,) = (
        filter_maps(maps, rows, columns, step=step) for rows, columns in ((DIFFERENCE, smooth), (smooth, DIFFERENCE))
    )
    return split_channels(safe_sqrt(down * down + along * along), image.shape)


@jax.jit
def laplacian(image: Array) -> Array:
    """Eight times each pixel less its neighbors, mirrored at the border; exactly 0 where the image is flat."""
    return lax.platform_dependent(image, default=_bend, **dict.fromkeys(GPUS, laplacian_by_neighbors))


def _bend(image: Array) -> Array:
    """Along each axis, then both: passes that a CPU has vectors for."""
    around = jnp.pad(image, [(0, 0)] * (image.ndim - 3) + [(1, 1), (1, 1), (0, 0)], mode="symmetric")
    along = jnp.diff(around, n=2, axis=-2)
    across = jnp.diff(3 * around[..., 1:-1, :] + along, n=2, axis=-3)
    return -(across + 3 * along[..., 1:-1, :, :])


def laplacian_by_neighbors(image: Array) -> Array:
    """In one pass: a GPU would write each difference, and what is mirrored, to memory."""
    height, width, channels = image.shape[-3:]
    leading = (1,) * (image.ndim - 3)
    lines = image.reshape(*image.shape[:-2], width * channels)
    around = jnp.pad(lines, [(0, 0)] * len(leading) + [(1, 1), (channels, channels)])
    rows, columns = np.expand_dims(_counts(height, 1), -1), np.expand_dims(_counts(width, channels), -2)
    total = jnp.zeros_like(lines)
    for i, j in itertools.product(range(3), repeat=2):
        neighbor = around[..., i : i + height, j * channels : (j + width) * channels]
        down, along = (jnp.asarray(z, image.dtype).reshape(*leading, *z.shape) for z in (rows[i], columns[j]))
        total += down * along * (lines - neighbor)
    return total.reshape(image.shape)


def _counts(size: int, step: int) -> np.ndarray:
    """How often the pixel before, a pixel itself and that after it stand in a mirrored line, `[3, size * step]`."""
    before = (np.arange(size) > 0).astype(float)
    after = before[::-1]
    return np.repeat([before, 3 - before - after, after], step, axis=1)
