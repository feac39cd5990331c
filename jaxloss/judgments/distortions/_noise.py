"""Noise of any color, impulses, and the checkerboard that upsampling networks leave."""

import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import as_scalar, check_image
from ..._types import Array, Image, ImageArray, Scalar


def gaussian_noise(key: Array, x: Image, *, deviation: Scalar) -> ImageArray:
    """White Gaussian noise, independent in every pixel and channel: `clip(x + deviation n)`, n standard normal.

    Args:
        key: From `jax.random.key`.
        x: The image.
        deviation: Standard deviation before clipping, in units of the range of values; 0 to 0.3 are useful.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x 1, of the deviation n; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from jaxloss.judgments.distortions import gaussian_noise
        >>> noise = jax.jit(lambda x: gaussian_noise(jax.random.key(0), x, deviation=0.1))
        >>> noisy = np.asarray(noise(jnp.full((256, 256, 1), 0.5)))
        >>> print(f"{noisy.std():.3f}")
        0.100
    """
    x = check_image("gaussian_noise", "x", x)
    return jnp.clip(x + as_scalar(deviation, x.dtype) * jax.random.normal(key, x.shape, x.dtype), 0, 1)


def uniform_noise(key: Array, x: Image, *, deviation: Scalar) -> ImageArray:
    """White noise of equal density, independent in every pixel and channel: within `sqrt(3) deviation` of x.

    Args:
        key: From `jax.random.key`.
        x: The image.
        deviation: Standard deviation before clipping, in units of the range of values; 0 to 0.3 are useful.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x 1, of the deviation the noise of deviation 1; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from jaxloss.judgments.distortions import uniform_noise
        >>> noise = jax.jit(lambda x: uniform_noise(jax.random.key(0), x, deviation=0.1))
        >>> noisy = np.asarray(noise(jnp.full((256, 256, 1), 0.5)))
        >>> print(f"{noisy.std():.3f} {noisy.max():.3f}")
        0.100 0.673
    """
    x = check_image("uniform_noise", "x", x)
    noise = jax.random.uniform(key, x.shape, x.dtype, -(3**0.5), 3**0.5)
    return jnp.clip(x + as_scalar(deviation, x.dtype) * noise, 0, 1)


def colored_noise(key: Array, x: Image, *, deviation: Scalar, exponent: Scalar) -> ImageArray:
    """Gaussian noise whose power per unit of area of the frequency plane goes with `frequency ** exponent`.

    Independent in each channel, without a part that is constant over the image, periodic at the borders.

    Args:
        key: From `jax.random.key`.
        x: The image.
        deviation: Standard deviation before clipping, in units of the range of values; 0 to 0.3 are useful.
        exponent: -2 for brown noise, -1 pink, 0 white, 1 blue, 2 violet, or any number between them.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x 1, of the deviation the noise of deviation 1; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from jaxloss.judgments.distortions import colored_noise
        >>> key, gray = jax.random.key(0), jnp.full((256, 256, 1), 0.5)
        >>> brown = np.asarray(jax.jit(lambda x: colored_noise(key, x, deviation=0.1, exponent=-2.0))(gray))
        >>> print(f"{brown.std():.2f} {np.corrcoef(brown[1:].ravel(), brown[:-1].ravel())[0, 1]:.1f}")
        0.10 0.8
    """
    x = check_image("colored_noise", "x", x)
    height, width = x.shape[-3:-1]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    logarithm = jnp.asarray(np.log(np.where(frequency > 0, frequency, 1)), x.dtype)
    gain = jnp.where(frequency > 0, jnp.exp(as_scalar(exponent, x.dtype) / 2 * logarithm), 0)
    gain = gain / jnp.sqrt(jnp.maximum((gain**2).mean(), jnp.finfo(x.dtype).tiny))  # one pixel has constants only
    spectrum = jnp.fft.fft2(jax.random.normal(key, x.shape, x.dtype), axes=(-3, -2))
    gain = jnp.broadcast_to(gain[..., None], x.shape)
    noise = jnp.fft.ifft2(spectrum * gain.astype(spectrum.dtype), axes=(-3, -2)).real
    return jnp.clip(x + as_scalar(deviation, x.dtype) * noise, 0, 1)


def impulse_noise(key: Array, x: Image, *, share: Scalar) -> ImageArray:
    """Salt and pepper: each value of each channel is lost with probability `share`, and is then 0 or 1.

    Args:
        key: From `jax.random.key`. With one key, what is lost for one share is lost for every larger one.
        x: The image.
        share: Probability, in [0, 1].

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x 1 where the value is kept, else 0; of the share 0.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from jaxloss.judgments.distortions import impulse_noise
        >>> salted = jax.jit(lambda x: impulse_noise(jax.random.key(0), x, share=0.2))(jnp.full((256, 256, 1), 0.5))
        >>> print([f"{np.mean(np.asarray(salted) == value):.2f}" for value in (0.0, 0.5, 1.0)])
        ['0.10', '0.80', '0.10']
    """
    x = check_image("impulse_noise", "x", x)
    lost, color = jax.random.split(key)
    is_lost = jax.random.uniform(lost, x.shape, x.dtype) < as_scalar(share, x.dtype)
    impulses = jax.random.bernoulli(color, shape=x.shape).astype(x.dtype)
    return jnp.where(is_lost, impulses, jnp.clip(x, 0, 1))


def checkerboard(x: Image, *, amplitude: Scalar, side: Scalar) -> ImageArray:
    """Squares that are brighter and darker by turns, as transposed convolutions leave them.

    Args:
        x: The image.
        amplitude: What is added to the first square of each two and taken from the second, in units of the range of
            values; 0 to 0.3 are useful.
        side: Of a square, in pixels, 1 or more; deconvolutions of stride 2 leave 1.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x 1, of the amplitude 1 or -1, of the side 0; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import checkerboard
        >>> print(jax.jit(lambda x: checkerboard(x, amplitude=0.25, side=1))(jnp.full((2, 4, 1), 0.5))[..., 0])
        [[0.75 0.25 0.75 0.25]
         [0.25 0.75 0.25 0.75]]
    """
    x = check_image("checkerboard", "x", x)
    side = as_scalar(side, x.dtype)
    height, width = x.shape[-3:-1]
    row = jnp.floor(jnp.arange(height, dtype=x.dtype) / side)
    column = jnp.floor(jnp.arange(width, dtype=x.dtype) / side)
    signs = 1 - 2 * jnp.mod(row[:, None] + column[None, :], 2)
    pattern = jnp.broadcast_to((as_scalar(amplitude, x.dtype) * signs)[..., None], x.shape)
    return jnp.clip(x + pattern, 0, 1)
