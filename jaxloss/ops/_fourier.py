"""Filters in the frequency domain: log-Gabor filters, and phase congruency by a bank of them.

Frequencies are in cycles per pixel, in the order of the Fourier transform. Filters are computed where they are used:
as constants of the program they would be larger than the images.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike

from .._types import Array, Scalar
from ._fft import irfft2, rfft2
from ._numerics import fast_arctan2, safe_abs, safe_divide, safe_sqrt
from ._selection import RANK, median


# The bank of Kovesi's `phasecong2` with the choices of FSIM.
ORIENTATIONS = 4
WAVELENGTHS = (6, 12, 24, 48)
BANDWIDTH = -math.log(0.55)  # deviation of the logarithm of the frequency
SPREAD = math.pi / ORIENTATIONS / 1.2  # deviation of the angle
CUTOFF, ORDER = 0.45, 15  # of the low-pass filter without which the corners of the spectrum would count
# The threshold is two deviations above the mean of what noise gives, and that is overestimated by so much.
THRESHOLD = (math.sqrt(math.pi / 2) + 2 * math.sqrt(2 - math.pi / 2)) / 1.7


def frequencies(size: int) -> np.ndarray:
    """Of the Fourier transform, as MATLAB codes have them: 1/2 is in the grid for odd sizes, too."""
    return np.fft.ifftshift(np.arange(size) - size // 2) / max(1, size - size % 2)


def log_gabor(radius: Array, center: float, bandwidth: float) -> Array:
    r"""$\exp(-\log^2(r / r_0) / 2 \sigma^2)$, a Gaussian on a logarithmic axis; 0 at frequency 0."""
    defined = radius > 0
    octaves = jnp.log(jnp.where(defined, radius, 1) / center)
    return jnp.where(defined, jnp.exp(-(octaves**2) / (2 * bandwidth**2)), 0)


class _Filters(NamedTuple):
    """Of each orientation, on the half plane of the real Fourier transform.

    Each filter is a radial factor times the sum of two angular ones. The even one responds to lines and the odd one to
    edges: they give the real and the imaginary part of what the whole filter gives.
    """

    even: Array  # [orientations, 1, H, W // 2 + 1]
    odd: Array
    gain: Array  # [orientations], thresholds in roots of the median power of the responses to the smallest filter


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _filters(height: int, width: int, dtype: DTypeLike) -> tuple[list[Array], _Filters]:
    """The radial factor of each scale `[1, H, W // 2 + 1]`, and what depends on the orientation."""
    column = np.arange(width // 2 + 1)
    v = frequencies(height).astype(dtype).reshape(1, height, 1)
    u = frequencies(width).astype(dtype).reshape(1, 1, width)
    radius = jnp.sqrt(_square(jnp.asarray(v)) + _square(jnp.asarray(u[..., column])))
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radial = [low_pass * log_gabor(radius, 1 / wavelength, BANDWIDTH) for wavelength in WAVELENGTHS]
    here = _angular(jnp.asarray(v), jnp.asarray(u[..., column]))
    opposite = _angular(jnp.asarray(v[:, -np.arange(height)]), jnp.asarray(u[..., -column]))
    even, odd = (here + opposite) / 2, (here - opposite) / 2
    # Sums over the whole plane, in which the columns between the first and the last of an even number are two.
    copies = np.where((column > 0) & (2 * column < width), 2, 1).astype(dtype).reshape(1, 1, 1, -1)
    # Of the filters themselves the published code takes the even parts, summed over the scales.
    noise = (copies * _square(_add(radial))[None] * _square(even)).sum(axis=(-3, -2, -1))
    smallest = (copies * _square(radial[0])[None] * (_square(even) + _square(odd))).sum(axis=(-3, -2, -1))
    return radial, _Filters(even, odd, THRESHOLD * jnp.sqrt(noise / smallest / math.log(2)))


def _angular(v: Array, u: Array) -> Array:
    angle = fast_arctan2(-v, u)
    turned = (angle - math.pi * i / ORIENTATIONS for i in range(ORIENTATIONS))
    distances = jnp.stack([jnp.where(z < -math.pi, z + 2 * math.pi, z) for z in turned])
    return jnp.exp(-_square(distances) / (2 * SPREAD**2))


def phase_congruency(planes: Sequence[Array], *, floor: Scalar) -> list[Array]:
    r"""How far the frequencies agree in phase at each pixel, as they do at edges and lines of any contrast.

    $$\mathrm{PC} = \frac{\sum_o \max\left(E_o - T_o, 0\right)}{\sum_{so} |r_{so}|}, \quad
    E_o = \frac{|r_o|^2 - \sum_s |\mathrm{Im}(r_{so} \overline{r_o})|}{|r_o| + \epsilon}, \quad r_o = \sum_s r_{so}$$

    of the responses r to log-Gabor filters of 4 scales and 4 orientations, even and odd ones as a complex number. T is
    what noise would give, judged by the median response to the smallest filter.

    Args:
        planes: `[..., H, W]` each, all of one shape, floating.
        floor: epsilon, in the unit of the planes.

    Returns:
        Of each plane `[..., H, W]` in [0, 1]; 0 where nothing responds.

    Gradient:
        Finite everywhere; that of the median is that of the values in the middle.

    Reference:
        Kovesi, "Image features from phase congruency", Videre 1(3), 1999.
    """
    *_, height, width = planes[0].shape
    radial, filters = _filters(height, width, planes[0].dtype)
    return [_congruency(plane, radial, filters, floor) for plane in planes]


@jax.jit  # so that it is traced once for both images
def _congruency(plane: Array, radial: list[Array], filters: _Filters, floor: Scalar) -> Array:
    *_, height, width = plane.shape
    spectrum = rfft2(plane.reshape(-1, height, width))

    # One orientation after the other: what is computed from all of them ends in one loop too many on a CPU. For the
    # gradient only the responses and the median are kept: these take longest, and the rest is forty times the plane.
    @functools.partial(jax.checkpoint, policy=jax.checkpoint_policies.save_only_these_names("responses", RANK))
    def add_responses(sums: tuple[Array, Array], filters: _Filters) -> tuple[tuple[Array, Array], None]:
        even, odd = (
            [checkpoint_name(irfft2(lax.complex(factor * a, factor * b), width), "responses") for factor in radial]
            for a, b in (
                (spectrum.real * filters.even, spectrum.imag * filters.even),
                (spectrum.imag * filters.odd, -spectrum.real * filters.odd),
            )
        )
        total_even, total_odd = _add(even), _add(odd)
        power = _square(total_even) + _square(total_odd)
        askew = _add([safe_abs(e * total_odd - o * total_even) for e, o in zip(even, odd, strict=True)])
        energy = (power - askew) / (safe_sqrt(power) + floor)
        amplitude = _add([safe_sqrt(_square(e) + _square(o)) for e, o in zip(even, odd, strict=True)])
        smallest = (_square(even[0]) + _square(odd[0])).reshape(-1, height * width)
        noise = (filters.gain * safe_sqrt(median(smallest)))[:, None, None]
        return (sums[0] + jnp.maximum(energy - noise, 0), sums[1] + amplitude), None

    nothing = jnp.zeros_like(plane.reshape(-1, height, width))  # spread over devices as the plane is
    energy, amplitude = (z.reshape(plane.shape) for z in lax.scan(add_responses, (nothing, nothing), filters)[0])
    # Below a millionth of the floor there is no energy to speak of, and squares would leave the range of the numbers.
    return safe_divide(energy, jnp.where(amplitude > 1e-6 * floor, amplitude, 0))


def _add(terms: Sequence[Array]) -> Array:
    return functools.reduce(jnp.add, terms)


def _square(z: Array) -> Array:
    return z * z
