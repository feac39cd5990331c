"""Blurs: of a lens, of a movement, and one that spares edges."""

import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import as_scalar, check_image
from ..._types import Array, Image, ImageArray, Scalar
from ...ops._filters import repeat_pixels
from ._sampling import pixel_lines, sample_lines


# Below it, neighbors have no weight in any precision: what a width of 0 means, without dividing by it.
NARROWEST = 0.01


def gaussian_blur(x: Image, *, sigma: Scalar) -> ImageArray:
    """Blur by the discrete analog of the Gaussian, whose weights are positive and have variance sigma² at any sigma.

    Its transfer function is `exp(sigma² (cos w - 1))` along each axis, `w` in radians per pixel. The image is mirrored
    at its borders, the pixel at the edge repeated.

    Args:
        x: The image.
        sigma: Standard deviation in pixels, 0 or more; 0 to 5 are useful.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Exact, of x and of sigma; of sigma 0 at 0.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import gaussian_blur
        >>> edge = jnp.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]).reshape(1, 6, 1)
        >>> blurred = jax.jit(lambda x: gaussian_blur(x, sigma=1.0))(edge)
        >>> print(" ".join(f"{value:.2f}" for value in blurred.ravel()))
        0.01 0.06 0.27 0.73 0.94 0.99

    Reference:
        Lindeberg, IEEE TPAMI 1990. https://doi.org/10.1109/34.49051
    """
    x = check_image("gaussian_blur", "x", x)
    variance = as_scalar(sigma, x.dtype) ** 2
    blurred = x
    for axis in (-3, -2):
        length = x.shape[axis]
        gain = jnp.exp(variance * jnp.asarray(np.cos(np.pi * np.arange(length + 1) / length) - 1, x.dtype))
        mirrored = jnp.concatenate([blurred, jnp.flip(blurred, axis)], axis)
        spectrum = jnp.moveaxis(jnp.fft.rfft(mirrored, axis=axis), axis, -1)
        spectrum = jnp.moveaxis(spectrum * jnp.broadcast_to(gain, spectrum.shape).astype(spectrum.dtype), -1, axis)
        blurred = jax.lax.slice_in_dim(jnp.fft.irfft(spectrum, 2 * length, axis), 0, length, axis=x.ndim + axis)
    return jnp.clip(blurred, 0, 1)


def motion_blur(x: Image, *, length: Scalar, angle: Scalar, samples: int = 33) -> ImageArray:
    """The mean along a line through each pixel, as a camera that moves evenly takes it.

    Args:
        x: The image.
        length: Of the line in pixels, 0 or more; 0 to 24 are useful.
        angle: Of the line against the horizontal, counterclockwise, in degrees.
        samples: How many points of the line are taken, bilinearly. A line longer than their number falls into dots.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x the blur along the same line; of length and angle that of the bilinear interpolation.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import motion_blur
        >>> dot = jnp.array([0.0, 0.0, 1.0, 0.0, 0.0]).reshape(1, 5, 1)
        >>> blurred = jax.jit(lambda x: motion_blur(x, length=3.0, angle=0.0))(dot)
        >>> print(" ".join(f"{value:.2f}" for value in blurred.ravel()))
        0.04 0.29 0.33 0.29 0.04
    """
    x = check_image("motion_blur", "x", x)
    radians = jnp.asarray(as_scalar(angle, x.dtype) * (np.pi / 180), x.dtype)
    rows, columns = pixel_lines(x)
    steps = jnp.asarray((np.arange(samples) + 0.5) / samples - 0.5, x.dtype) * as_scalar(length, x.dtype)

    def add(total: Array, step: Array) -> tuple[Array, None]:
        return total + sample_lines(x, rows - step * jnp.sin(radians), columns + step * jnp.cos(radians)), None

    # The derivative takes the samples again instead of keeping all of them.
    total, _ = jax.lax.scan(jax.checkpoint(add), jnp.zeros_like(x), steps)
    return jnp.clip(total / samples, 0, 1)


def bilateral_blur(x: Image, *, sigma: Scalar, tolerance: Scalar, radius: int = 6) -> ImageArray:
    """A Gaussian blur that spares edges: neighbors of other colors count less.

    The weight of a neighbor at distance d whose channels differ by the root mean square e is
    `exp(-d² / (2 sigma²) - e² / (2 tolerance²))`. The window is looped over: memory does not grow with it.

    Args:
        x: The image.
        sigma: Standard deviation in space, in pixels, 0 or more; 0 to `radius / 2` are useful.
        tolerance: Standard deviation in color, in units of the range of values, 0 or more; 0.05 to 0.3 are useful.
        radius: Of the square window, in pixels.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Exact, of x, sigma and tolerance; of sigma and tolerance 0 at 0.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import bilateral_blur
        >>> edge = jnp.array([0.0, 0.1, 0.0, 0.9, 1.0, 0.9]).reshape(1, 6, 1)
        >>> blurred = jax.jit(lambda x: bilateral_blur(x, sigma=2.0, tolerance=0.1))(edge)
        >>> print(" ".join(f"{value:.2f}" for value in blurred.ravel()))
        0.01 0.04 0.02 0.92 0.94 0.91

    Reference:
        Tomasi and Manduchi, ICCV 1998. https://doi.org/10.1109/ICCV.1998.710815
    """
    x = check_image("bilateral_blur", "x", x)
    near = jnp.maximum(jnp.asarray(sigma, x.dtype), NARROWEST)
    like = jnp.maximum(jnp.asarray(tolerance, x.dtype), NARROWEST**2)
    margin = (radius, radius)
    padded = repeat_pixels(x, margin, margin)

    def add(sums: tuple[Array, Array], offset: Array) -> tuple[tuple[Array, Array], None]:
        weighted, weights = sums
        rows = jax.lax.dynamic_slice_in_dim(padded, offset[0], x.shape[-3], x.ndim - 3)
        neighbor = jax.lax.dynamic_slice_in_dim(rows, offset[1], x.shape[-2], x.ndim - 2)
        distance = ((offset - radius) ** 2).sum().astype(x.dtype)
        difference = ((neighbor - x) ** 2).mean(-1, keepdims=True)
        weight = jnp.exp(-distance / (2 * near**2) - difference / (2 * like**2))
        return (weighted + weight * neighbor, weights + weight), None

    offsets = np.moveaxis(np.indices((2 * radius + 1, 2 * radius + 1)), 0, -1).reshape(-1, 2)
    start = jnp.zeros_like(x), jnp.zeros_like(x[..., :1])
    # The derivative computes the weights again instead of keeping those of the whole window.
    (weighted, weights), _ = jax.lax.scan(jax.checkpoint(add), start, jnp.asarray(offsets, jnp.int32))
    return jnp.clip(weighted / weights, 0, 1)
