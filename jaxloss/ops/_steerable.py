"""Steerable pyramids (Simoncelli, Freeman 1995): an image by scale and orientation.

That of small filters for what is defined on them, and a complex one in the frequency domain. Both are of planes
`[n, H, W]`, and compute the bands that are asked for alone.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from .._types import Array
from ._convolution import convolution
from ._fft import ifft2, rfft2


def _mirrored(quarter: Sequence[Sequence[float]], *, down: int = 1, right: int = 1) -> np.ndarray:
    """A filter from its upper left quarter, with the middle row and column; of sign -1 where it is odd."""
    half = np.array(quarter)
    half = np.concatenate([half, right * half[:, -2::-1]], axis=1)
    return np.concatenate([half, down * half[-2::-1]])


# The filters `sp5Filters` of matlabPyrTools: before the first level, between levels, and the derivative along a row.
FIRST = _mirrored((
    (0.00341614, -0.01551246, -0.03848215),
    (-0.01551246, 0.05586982, 0.15925570),
    (-0.03848215, 0.15925570, 0.40304148),
))  # fmt: skip
LOW = 2 * _mirrored((
    (0.00085404, -0.00244917, -0.00387812, -0.00944432, -0.00962054),
    (-0.00244917, -0.00523281, -0.00661117, 0.00410600, 0.01002988),
    (-0.00387812, -0.00661117, 0.01396746, 0.03277038, 0.03981393),
    (-0.00944432, 0.00410600, 0.03277038, 0.06426333, 0.08169618),
    (-0.00962054, 0.01002988, 0.03981393, 0.08169618, 0.10096540),
))  # fmt: skip
BAND = _mirrored((
    (0.00277643, -0.00986904, -0.01021852, 0),
    (0.00496194, -0.00893064, -0.03075356, 0),
    (0.01026699, 0.01189859, -0.08226445, 0),
    (0.01455399, 0.02755155, -0.11732297, 0),
), right=-1)  # fmt: skip

BLOCK = 4  # a side, in pixels; as large as the margin that filters of up to 9 x 9 need


def steerable_bands(planes: Array, *, levels: int) -> list[Array]:
    """The horizontal and the vertical one of six orientations at each level, from fine to coarse.

    Args:
        planes: `[n, H, W]`, at least 5 pixels a side at each level; mirrored at their border pixels.
        levels: How many, each of half the size and twice the amplitude.

    Returns:
        For each level `[n, 2, ceil(H / 2^k), ceil(W / 2^k)]`, derivatives along rows and along columns.
    """
    bands = []
    (low,) = _correlate(planes, [(FIRST, 1)])
    for _ in range(levels - 1):
        along, down, low = _correlate(low, [(BAND, 1), (BAND.T, 1), (LOW, 2)])
        bands.append(jnp.stack([along, down], axis=1))
    return [*bands, jnp.stack(_correlate(low, [(BAND, 1), (BAND.T, 1)]), axis=1)]


def _correlate(planes: Array, filters: Sequence[tuple[np.ndarray, int]]) -> list[Array]:
    """Correlate with filters of odd sides up to 9, and keep every so many rows and columns of each.

    One channel fills no vector and no matrix unit. As sixteen, the pixels of a block, and all filters at once it is a
    convolution as devices like them; on a CPU ten times as fast.
    """
    n, height, width = planes.shape
    rows, columns = (-(-side // BLOCK) for side in (height, width))
    around = jnp.pad(planes, ((0, 0), (BLOCK, BLOCK), (BLOCK, BLOCK)), mode="reflect")
    around = jnp.pad(around, ((0, 0), (0, rows * BLOCK - height), (0, columns * BLOCK - width)))
    # One axis at a time: of more than one JAX would not know on an explicit mesh how the result is spread.
    blocks = around.reshape(n, rows + 2, BLOCK, (columns + 2) * BLOCK)
    blocks = blocks.reshape(n, rows + 2, BLOCK, columns + 2, BLOCK)
    blocks = blocks.transpose(0, 1, 3, 2, 4)
    blocks = blocks.reshape(n, rows + 2, columns + 2, BLOCK**2)
    kernel = np.concatenate([_block_kernel(taps, step) for taps, step in filters], axis=-1)
    layout = ("NHWC", "HWIO", "NHWC")
    out = convolution(blocks, jnp.asarray(kernel, planes.dtype), (1, 1), "VALID", dimension_numbers=layout)
    counts = [BLOCK // step for _, step in filters]
    parts = jnp.split(out, np.cumsum([count**2 for count in counts])[:-1], axis=-1)
    maps = []
    for part, count, (_, step) in zip(parts, counts, filters, strict=True):
        part = part.reshape(n, rows, columns, count, count).transpose(0, 1, 3, 2, 4)
        part = part.reshape(n, rows * count, columns, count).reshape(n, rows * count, columns * count)
        maps.append(part[:, : -(-height // step), : -(-width // step)])
    return maps


def _block_kernel(taps: np.ndarray, step: int) -> np.ndarray:
    """Of 3 x 3 blocks, for each pixel of theirs and each output of the middle one: `[3, 3, 16, outputs]`."""
    first, side = BLOCK - len(taps) // 2, len(taps)
    kernel = np.zeros((3 * BLOCK, 3 * BLOCK, BLOCK // step, BLOCK // step))
    for i in range(0, BLOCK, step):
        for j in range(0, BLOCK, step):
            kernel[first + i : first + i + side, first + j : first + j + side, i // step, j // step] = taps
    return kernel.reshape(3, BLOCK, 3, BLOCK, -1).transpose(0, 2, 1, 3, 4).reshape(3, 3, BLOCK**2, -1)


def complex_bands(planes: Array, *, level: int, orientations: int) -> Array:
    r"""The bands of one level of the complex steerable pyramid (Portilla, Simoncelli 2000): amplitude and phase.

    $$2 a \cos\left(\frac{\pi}{2} \log_2 2^L r\right) \cos^{K - 1}(\theta - \theta_k), \quad
    a = \frac{2^{K - 1} (K - 1)!}{\sqrt{K (2 K - 2)!}}$$

    of the frequency r (1 is half a cycle per pixel) within an octave of $2^{-L}$, in the half plane around each
    orientation. The spectrum is cut to these frequencies, so that bands are as small as they can be.

    Args:
        planes: `[..., H, W]`, at least `2^(L + 2)` pixels a side; they go on periodically.
        level: L, from 1.
        orientations: K.

    Returns:
        Complex `[..., K, ceil(H / 2^(L - 1)), ceil(W / 2^(L - 1))]`.
    """
    height, width = planes.shape[-2:]
    h, w = (-(-side // 2 ** (level - 1)) for side in (height, width))
    # The half of the spectrum that real images have, and the other half from it.
    columns = rfft2(planes)[..., : w // 2 + 1]
    low = jnp.concatenate([columns[..., : (h + 1) // 2, :], columns[..., height - h // 2 :, :]], axis=-2)
    opposite = jnp.conj(jnp.roll(low[..., ::-1, :], 1, axis=-2))  # at the frequencies -v, in the order of v
    spectrum = jnp.concatenate([low[..., : (w + 1) // 2], opposite[..., w // 2 : 0 : -1]], axis=-1)
    v, u = (np.fft.fftfreq(n, 1 / n) / (side / 2) for n, side in ((h, height), (w, width)))
    gains = _complex_gains(v[:, None], u, level, orientations, planes.dtype)
    gains = gains.reshape((1,) * (planes.ndim - 2) + gains.shape)
    real, imaginary = (gains * z[..., None, :, :] for z in (spectrum.real, spectrum.imag))
    return ifft2(lax.complex(real, imaginary))


def _complex_gains(v: np.ndarray, u: np.ndarray, level: int, orientations: int, dtype: DTypeLike) -> Array:
    radius = np.hypot(v, u)
    somewhere = np.where(radius > 0, radius, 1)
    octaves = np.log2(somewhere) + level
    radial = np.where((radius > 0) & (abs(octaves) < 1), np.cos(math.pi / 2 * octaves), 0).astype(dtype)
    down, right = ((z / somewhere)[None].astype(dtype) for z in (v, u))
    angles = np.arange(orientations)[:, None, None] * math.pi / orientations
    # Here, for as constants of the program they would be as many as the orientations.
    toward = np.sin(angles).astype(dtype) * jnp.asarray(down) + np.cos(angles).astype(dtype) * jnp.asarray(right)
    order = orientations - 1
    amplitude = 2 ** (order + 1) * math.factorial(order) / math.sqrt(orientations * math.factorial(2 * order))
    return jnp.where(toward > 0, amplitude * radial[None] * toward**order, 0)
