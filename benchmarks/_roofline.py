"""The least time a metric can take here: its arithmetic and its memory traffic, at rates measured in the same race."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ._timing import Contestant, Timing


class Work(NamedTuple):
    """Per pixel and channel of one image of a pair."""

    multiply_adds: float
    transfers: float  # values read or written, each once per pass that cannot do without


# SSIM: four maps through 11 + 11 taps, and with the gradient their adjoints; the gradient reads the pair a second time.
_SSIM, _SSIM_GRADIENT = Work(88, 2), Work(190, 5)
# Each scale of MS-SSIM is an SSIM of a quarter of the pixels.
_SCALES = sum(0.25**scale for scale in range(5))
_MS_SSIM, _MS_SSIM_GRADIENT = (Work(_SCALES * a, _SCALES * b) for a, b in (_SSIM, _SSIM_GRADIENT))

WORK: dict[str, dict[str, Work]] = {
    "mae": {"value": Work(1, 2), "value_and_grad": Work(2, 3)},
    "mse": {"value": Work(1, 2), "value_and_grad": Work(2, 3)},
    # Their gradients have a factor that is known after the whole image has been read once.
    "rmse": {"value": Work(1, 2), "value_and_grad": Work(2, 5)},
    "psnr": {"value": Work(1, 2), "value_and_grad": Work(2, 5)},
    "ssim": {"value": _SSIM, "value_and_grad": _SSIM_GRADIENT},
    "ssim_loss": {"value": _SSIM, "value_and_grad": _SSIM_GRADIENT},
    "ms_ssim": {"value": _MS_SSIM, "value_and_grad": _MS_SSIM_GRADIENT},
    "ms_ssim_loss": {"value": _MS_SSIM, "value_and_grad": _MS_SSIM_GRADIENT},
}
"""What a metric cannot do without, for those for which it is known."""

MATRIX, TRIAD = "matrix product", "triad"


def kernels(x: jax.Array, y: jax.Array) -> dict[str, Contestant]:
    """Two contestants that show what the machine can do on a pair of images of this size.

    A matrix product runs multiply-adds as fast as they come. The triad `x + y / 2` moves three values per element; on
    the pair itself, so that data which fit into a cache are not held against the rate of the main memory.
    """
    side = _side()
    # Half-precision images are computed in float32, which a GPU would round to fewer bits unless told not to.
    matrix = jnp.full((side, side), 0.5, jnp.promote_types(x.dtype, jnp.float32))
    product = jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    return {MATRIX: Contestant(product, (matrix,)), TRIAD: Contestant(jax.jit(lambda x, y: x + 0.5 * y), (x, y))}


class Rates(NamedTuple):
    """Per second."""

    multiply_adds: float
    transfers: float


def measured_rates(timings: dict[str, Timing], pixels: int) -> Rates:
    return Rates(_side() ** 3 / timings[MATRIX].median, 3 * pixels / timings[TRIAD].median)


def floor_seconds(work: Work, rates: Rates, pixels: int) -> float:
    """Arithmetic and transfers overlap: the longer of the two."""
    return pixels * max(work.multiply_adds / rates.multiply_adds, work.transfers / rates.transfers)


def _side() -> int:
    """Of the matrix: large enough to reach the peak, small enough for many turns."""
    return 1024 if jax.default_backend() == "cpu" else 8192
