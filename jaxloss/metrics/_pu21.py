"""Metrics of images as a display shows them, on the scale PU21 of visible steps (Mantiuk and Azimi 2021)."""

import inspect
from collections.abc import Callable
from typing import Any, Unpack

import jax.numpy as jnp

from .._checks import Pair, check_choice, check_positive, masked_pair, take_options
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._displays import Display, check_display, color_planes, light_planes, luminance
from ..ops._pooling import gray_mean
from ..ops._pu21 import pu21_encode
from ._ms_ssim import MSSSIMDefaults, MSSSIMOptions, channel_scores, check_scales
from ._pixel import decibels, squared_error
from ._ssim import SSIMDefaults, SSIMOptions, ssim_windows
from ._statistics import SSIMField, dissimilarity, mean_field


WHITE = 256.0  # the range that metrics made for [0, 255] are told; 100 cd/m2 are 256.4, and brighter is more
CHANNELS = ("luminance", "rgb")


def pu_psnr(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, display: str | Display = "standard_4k",
    peak: Scalar = WHITE,
) -> Scores:  # fmt: skip
    r"""PU21-PSNR: peak signal-to-noise ratio of luminance in equally visible steps, for any dynamic range.

    $$10 \log_{10} \frac{256^2}{\mathrm{mean}\,(\mathrm{PU}(Y_x) - \mathrm{PU}(Y_y))^2}$$

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`; gray or RGB, as encoded for the display. On a linear one pixels
            are in cd/m2, and have no range.
        display: One of `jaxloss.ops.DISPLAYS` by its name, or any other `Display`; static. `"absolute"` takes pixels
            for light as it is.
        peak: 256 as the authors' MATLAB code, or `pu21_encode(100.0)`, 256.384, as pycvvdp's `pu_psnr_y`: 0.013 dB.

    Returns:
        `[...]` in dB; higher is better, `inf` for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jnp.full((4, 4, 3), 0.5), jnp.full((4, 4, 3), 0.6)
        >>> print(jax.jit(jaxloss.pu_psnr)(x, y, data_range=1.0).round(3))
        20.551

    Reference:
        Mantiuk and Azimi, "PU21: a novel perceptually uniform encoding for adapting existing quality metrics for HDR",
        Picture Coding Symposium 2021. https://doi.org/10.1109/PCS50896.2021.9477471
    """
    pair = encoded("pu_psnr", masked_pair("pu_psnr", x, y, mask), data_range, display)
    return decibels(gray_mean(squared_error(pair.x, pair.y), pair.mask), peak)


def pu_ssim(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, display: str | Display = "standard_4k",
    **options: Unpack[SSIMOptions],
) -> Scores:  # fmt: skip
    """PU21-SSIM: `ssim` of luminance in equally visible steps, with the dynamic range 256.

    Args:
        x, y, data_range, mask, display: See `pu_psnr`.
        options: As for `ssim`.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.pu_ssim)(1 - y, y, data_range=1.0).round(3))
        -0.852

    Reference:
        Mantiuk and Azimi 2021. https://doi.org/10.1109/PCS50896.2021.9477471
    """
    pair = masked_pair("pu_ssim", x, y, mask)
    take_options("pu_ssim", SSIMDefaults, options).check_size("pu_ssim", pair.x)
    pair = encoded("pu_ssim", pair, data_range, display)
    windowed = ssim_windows("pu_ssim", pair.x, pair.y, WHITE, pair.mask, options)
    return 1 - mean_field(SSIMField(windowed.windows[0], dissimilarity), windowed).mean(axis=-1)


def pu_ms_ssim(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, display: str | Display = "standard_4k",
    **options: Unpack[MSSSIMOptions],
) -> Scores:  # fmt: skip
    """PU21-MS-SSIM: `ms_ssim` of luminance in equally visible steps, with the dynamic range 256.

    Args:
        x, y, data_range, mask, display: See `pu_psnr`.
        options: As for `ms_ssim`.

    Returns:
        `[...]` in [0, 1]; higher is better, 1 for equal images.

    Gradient:
        As that of `ms_ssim`.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (44, 44, 3))
        >>> pu_ms_ssim = jax.jit(jaxloss.pu_ms_ssim, static_argnames="weights")
        >>> print(pu_ms_ssim(0.5 * y, y, data_range=1.0, weights=(0.3, 0.3, 0.4)).round(3))
        0.911

    Reference:
        Mantiuk and Azimi 2021. https://doi.org/10.1109/PCS50896.2021.9477471
    """
    pair, chosen = masked_pair("pu_ms_ssim", x, y, mask), take_options("pu_ms_ssim", MSSSIMDefaults, options)
    check_scales("pu_ms_ssim", pair.x, len(chosen.weights), chosen.window_size, chosen.odd)
    pair = encoded("pu_ms_ssim", pair, data_range, display)
    return channel_scores("pu_ms_ssim", pair.x, pair.y, WHITE, pair.mask, options).mean(axis=-1)


def pu21_metric(
    metric: Callable[..., Any], *, display: str | Display = "standard_4k", channels: str = "luminance"
) -> Callable[..., Any]:
    """Any metric or map, of images as a display shows them: light in equally visible steps, where 256 is white.

    Args:
        metric: `metric(x, y, *, ...)`; its `data_range` becomes 256. `functools.partial` supplies further arguments.
        display: See `pu_psnr`.
        channels: `"luminance"` hands it one channel, `"rgb"` all three, each encoded by itself: as the authors do for
            FSIM and VSI.

    Returns:
        A function `(x, y, *, data_range, mask=None, **options)` of images as they are encoded for the display.

    Raises:
        ValueError: For an unknown display, or one that cannot be.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> pu_psnr_rgb = jaxloss.pu21_metric(jaxloss.psnr, display="standard_hdr_linear", channels="rgb")
        >>> y = jnp.linspace(0.1, 1000.0, 48).reshape(4, 4, 3)  # cd/m2
        >>> print(jax.jit(pu_psnr_rgb)(0.9 * y, y, data_range=1.0).round(2))
        30.66

    Reference:
        Mantiuk and Azimi 2021. https://github.com/gfxdisp/pu21
    """
    check_choice("pu21_metric", "channels", channels, CHANNELS)
    check_display("pu21_metric", display)
    needed = {"data_range": WHITE} if "data_range" in inspect.signature(metric).parameters else {}

    def scores(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, **options: Any) -> Any:
        pair = encoded("pu21_metric", masked_pair("pu21_metric", x, y, mask), data_range, display, channels)
        given = {} if mask is None else {"mask": pair.mask}
        return metric(pair.x, pair.y, **needed, **given, **options)

    return scores


def encoded(name: str, pair: Pair, data_range: Scalar, display: str | Display, channels: str = "luminance") -> Pair:
    """The pair as light in steps of PU21."""
    shown = check_display(name, display)
    check_positive(name, "data_range", data_range)

    def encode(image: Array) -> Array:
        light = light_planes(color_planes(name, image), shown, data_range)
        return pu21_encode(luminance(light, shown) if channels == "luminance" else jnp.concatenate(light, axis=-1))

    return pair._replace(x=encode(pair.x), y=encode(pair.y))
