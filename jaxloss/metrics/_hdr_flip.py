"""FLIP of images of high dynamic range: the largest visible difference at any exposure (Andersson et al. 2021)."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import Pair, check_choice, error_text, masked_pair
from .._types import Array, ArrayLike, Image, Map, Mask, Scores
from ..ops._color import mix, split_rgb
from ..ops._pooling import masked_mean
from ..ops._selection import attained, largest
from ._flip import PIXELS_PER_DEGREE, Planes, check_viewing, visible_difference


Exposures = ArrayLike | Sequence[float]
LUMINANCE = (0.2126, 0.7152, 0.0722)
TARGET = 0.85  # what the first exposure makes of the brightest pixel, and the last one of the median
MOST = 32  # exposures, one a stop
DARKEST = 2.0**-24  # the smallest positive number of an OpenEXR file in half precision: darker is black
BRIGHTEST = 1e15  # tone-mapped to the same as anything brighter, whose square would be infinite


class Curve(NamedTuple):
    """(a z^2 + b z) / (c w^2 + d w + e), and 1 at most: of light z, where w is z, or for Reinhard its luminance."""

    a: float
    b: float
    c: float
    d: float
    e: float

    def inverse(self, target: float) -> float:
        """Where it gets there first."""
        a, b, c = self.a - target * self.c, self.b - target * self.d, -target * self.e
        return -c / b if a == 0 else -b / (2 * a) + math.sqrt((b / (2 * a)) ** 2 - c / a)


def _hable() -> Curve:
    """With its exposure bias of 2, and 11.2 as its white."""
    a, b, c, d, e, white = 0.15 * 0.28, 0.5 * (0.1 * 0.3 - 0.02), 0.15 * 0.3, 0.5 * 0.3, 0.2 * 0.3**2, 11.2
    scale = (c * white**2 + d * white + e) / (a * white**2 + b * white)
    return Curve(4 * a * scale, 2 * b * scale, 4 * c, 2 * d, e)


TONE_MAPPERS = {
    "aces": Curve(0.6**2 * 2.51, 0.6 * 0.03, 0.6**2 * 2.43, 0.6 * 0.59, 0.14),
    "hable": _hable(),
    "reinhard": Curve(0, 1, 0, 1, 1),
}


def hdr_flip(
    x: Image, y: Image, *, mask: Mask | None = None, exposures: Exposures | None = None, tone_mapper: str = "aces",
    pixels_per_degree: float = PIXELS_PER_DEGREE,
) -> Scores:  # fmt: skip
    """HDR-FLIP: the mean over the pixels of the largest FLIP at any exposure.

    By default exposures go from the one that brings the brightest pixel of y to 0.85 to the one that brings the median
    there, in steps of about a stop: 2 at least, and over 32 stops at most. Under `vmap` all 32 are computed.

    Args:
        x, y, mask: See `jaxloss.metrics`; linear RGB of sRGB's primaries, >= 0, in any unit.
        exposures: `[E]`, or `[..., E]` for each image: log2 of the factors on the light. They may be traced.
        tone_mapper: `"aces"`, `"hable"` or `"reinhard"`.
        pixels_per_degree: Of visual angle, >= 1; a number, not traced.

    Returns:
        `[...]` in [0, 1]; lower is better, 0 for equal images. The exposures are those of y: it is not symmetric.

    Gradient:
        Finite everywhere, of the exposure that differs most at each pixel; 0 where all agree. It costs one more
        evaluation instead of memory for each exposure.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.exponential(jax.random.key(0), (32, 32, 3)) ** 2
        >>> print(jax.jit(jaxloss.hdr_flip)(0.9 * y, y).round(3))
        0.106

    Reference:
        Andersson et al., "Visualizing errors in rendered high dynamic range images", Eurographics 2021.
        https://doi.org/10.2312/egs.20211015
    """
    pair = masked_pair("hdr_flip", x, y, mask)
    return masked_mean(_hdr_flip("hdr_flip", pair, exposures, tone_mapper, pixels_per_degree), pair.mask)


def hdr_flip_map(
    x: Image, y: Image, *, mask: Mask | None = None, exposures: Exposures | None = None, tone_mapper: str = "aces",
    pixels_per_degree: float = PIXELS_PER_DEGREE,
) -> Map:  # fmt: skip
    """The largest visible difference at each pixel, `[..., H, W, 1]` in [0, 1]; `hdr_flip` is its mean."""
    pair = masked_pair("hdr_flip_map", x, y, mask)
    return _hdr_flip("hdr_flip_map", pair, exposures, tone_mapper, pixels_per_degree)


def _hdr_flip(name: str, pair: Pair, exposures: Exposures | None, tone_mapper: str, pixels_per_degree: float) -> Array:
    check_choice(name, "tone_mapper", tone_mapper, TONE_MAPPERS)
    check_viewing(name, pair, pixels_per_degree)
    curve, by_luminance = TONE_MAPPERS[tone_mapper], tone_mapper == "reinhard"
    x, y = split_rgb(pair.x), split_rgb(pair.y)
    if exposures is None:
        stops, needed = _automatic_exposures(y, pair.mask, curve.inverse(TARGET))
    else:
        stops, needed = _given_exposures(name, exposures, pair), None

    def compare(largest_yet: Array, stop: Array) -> Array:
        tested, reference = (tone_map(z, stop, curve, by_luminance) for z in (x, y))
        return jnp.maximum(largest_yet, visible_difference(tested, reference, pixels_per_degree))

    # Around the condition, whose residuals, both images, would else be stacked up.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(largest_yet: Array, at: tuple[Array, Array | None]) -> tuple[Array, None]:
        stop, is_needed = at
        if is_needed is None:
            return compare(largest_yet, stop), None
        keep_or_compare = (lambda largest_yet, stop: largest_yet, compare)
        return lax.switch(is_needed.astype(jnp.int32), keep_or_compare, largest_yet, stop), None

    nothing, stops = jnp.zeros_like(x[0] + y[0]), stops[..., None, None, None]
    if len(stops) == 1:
        return compare(nothing, stops[0])
    return lax.scan(step, nothing, (stops, needed))[0]


def tone_map(planes: Planes, stop: Array, curve: Curve, by_luminance: bool) -> list[Array]:
    light = [jnp.minimum(jnp.exp2(stop) * plane, BRIGHTEST) for plane in planes]
    below = [mix(light, LUMINANCE)] * 3 if by_luminance else light
    a, b, c, d, e = curve
    # What it is divided by is e at least, but for negative light.
    return [
        jnp.minimum(z * (a * z + b) / jnp.maximum(w * (c * w + d) + e, e / 2), 1)
        for z, w in zip(light, below, strict=True)
    ]


def _automatic_exposures(y: Planes, mask: Array | None, bright: float) -> tuple[Array, Array]:
    """`[MOST, ...]` exposures, of which those that an image does not need repeat its last; and whether any does."""
    light = jnp.maximum(mix(y, LUMINANCE), DARKEST)[..., 0]
    count = pixels = light.shape[-2] * light.shape[-1]
    if mask is not None:
        light = jnp.where(mask > 0, light, DARKEST)
        count = (mask > 0).sum(axis=(-2, -1))
    light = light.reshape(*light.shape[:-2], pixels)
    fixed = lax.stop_gradient(light)
    median = largest(fixed, jnp.maximum(count - count // 2, 1))  # of an even number, the upper one in the middle
    first, last = (jnp.log2(bright / attained(level, light)) for level in (fixed.max(axis=-1), median))
    last = jnp.minimum(last, first + MOST)
    steps = jnp.clip(jnp.ceil(last - first), 2, MOST) - 1
    i = jnp.arange(MOST, dtype=steps.dtype)
    stops = jax.vmap(lambda i: first + jnp.minimum(i, steps) / steps * (last - first))(i)
    return stops, i <= steps.max(initial=1)


def _given_exposures(name: str, exposures: Exposures, pair: Pair) -> Array:
    stops, leading = jnp.asarray(exposures, pair.x.dtype), pair.x.shape[:-3]
    if 0 in stops.shape[-1:] or stops.ndim == 0 or stops.shape[:-1] not in ((), leading):
        expected = f"exposures of shape [E] or {[*leading, 'E']}"
        raise ValueError(error_text(name, expected, stops.shape, "A single one: exposures=[0.0]."))
    return jnp.moveaxis(jnp.broadcast_to(stops, (*leading, stops.shape[-1])), -1, 0)
