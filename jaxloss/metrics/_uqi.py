"""Universal image quality index (Wang, Bovik 2002): SSIM before it had constants."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from .._checks import check_choice, check_fits, masked_pair
from .._types import Array, Image, Map, Mask, Scores
from ..ops._filters import Taps, as_taps, gaussian_window, split_channels, uniform_window
from ..ops._numerics import safe_divide
from ..ops._variances import pair_statistics
from ._statistics import Constants, Windowed, make_windowed, mean_field


NO_CONSTANTS = Constants(0.0, 0.0, 0.0)
ROUNDING = 16  # units in the last place of a mean, below which a deviation is none
WINDOWS = {"uniform": lambda size, sigma: uniform_window(size), "gaussian": gaussian_window}


def uqi(
    x: Image, y: Image, *, mask: Mask | None = None, window: str = "uniform", window_size: int = 8, sigma: float = 1.5
) -> Scores:
    r"""Universal image quality index: the mean over windows of what SSIM is without its constants.

    $$\frac{2 \mu_x \mu_y}{\mu_x^2 + \mu_y^2} \cdot \frac{2 \sigma_{xy}}{\sigma_x^2 + \sigma_y^2}$$

    A factor whose denominator is 0 is 1: that of the structure where both images are flat, but for the 16 last units of
    their mean, and that of the means where both are black.

    Args:
        x, y, mask: See `jaxloss.metrics`. Each channel on its own, 8 x 8 pixels or more; in any unit.
        window: `"uniform"` (the authors'), or `"gaussian"`, which with `window_size=11` is torchmetrics'.
        window_size: Side of the window in pixels.
        sigma: Standard deviation of the Gaussian window in pixels.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal images.

    Gradient:
        Finite, 0 for equal images; large where windows are almost flat or almost black: that is what SSIM's constants
        are for.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.uqi)(0.5 * y, y).round(2))
        0.64

    Reference:
        "A universal image quality index", IEEE Signal Processing Letters 9, 2002. https://doi.org/10.1109/97.995823
    """
    field, windowed = _windows("uqi", x, y, mask, window, window_size, sigma)
    return 1 - mean_field(field, windowed, ()).mean(axis=-1)


def uqi_map(
    x: Image, y: Image, *, mask: Mask | None = None, window: str = "uniform", window_size: int = 8, sigma: float = 1.5
) -> Map:
    """The index of each window, `[..., H - window_size + 1, W - window_size + 1, C]` in [-1, 1]; `uqi` is its mean."""
    field, windowed = _windows("uqi_map", x, y, mask, window, window_size, sigma)
    return split_channels(1 - field(windowed.channels, (), *windowed.maps), windowed.shape)


@dataclass(frozen=True)
class UQIField:
    """One minus the index of each window."""

    taps: Taps

    @property
    def halo(self) -> int:
        return len(self.taps) - 1

    def __call__(self, step: int, parameters: Any, *maps: Array) -> Array:
        x, y, *weight = maps
        # Of their sum s and their difference d: the squares of x and y add up to (s^2 + d^2) / 2.
        mu_s, mu_d, var_s, var_d = pair_statistics(x, y, *weight, taps=self.taps, step=step)
        means, variances, limits = mu_s**2 + mu_d**2, var_s + var_d, jnp.finfo(x.dtype)
        least = float(limits.tiny) ** 0.5  # whose inverse square is finite
        flat = variances <= jnp.maximum((ROUNDING * float(limits.eps)) ** 2 * means, least)
        luminance = safe_divide(2 * mu_d**2, jnp.where(means <= least, 0, means))
        structure = safe_divide(2 * var_d, jnp.where(flat, 0, variances))
        return luminance + structure - luminance * structure


def _windows(
    name: str, x: Image, y: Image, mask: Mask | None, window: str, window_size: int, sigma: float
) -> tuple[UQIField, Windowed]:
    check_choice(name, "window", window, WINDOWS)
    taps = as_taps(WINDOWS[window](window_size, sigma))
    pair = masked_pair(name, x, y, mask)
    check_fits(name, f"a window of {window_size}", window_size, pair.x, "Use a smaller window_size.")
    return UQIField(taps), make_windowed(pair, (taps,), "valid", NO_CONSTANTS)
