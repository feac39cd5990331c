"""PU21: luminance on a scale of just noticeable differences (Mantiuk and Azimi 2021)."""

from typing import NamedTuple

import jax.numpy as jnp

from .._checks import check_choice, one_dtype
from .._types import Array, ArrayLike
from ._displays import DARKEST
from ._numerics import clip, fast_power


BRIGHTEST = 10000  # cd/m2


class Curve(NamedTuple):
    """Scale (((a + b Y^n) / (1 + c Y^n))^m - offset) of the luminance Y."""

    a: float
    b: float
    c: float
    n: float
    m: float
    offset: float
    scale: float


# Those of the authors' code: of the visibility of banding, or of peaks of contrast; with glare in the eye or without.
PU21 = {
    "banding_glare": Curve(
        0.353487901, 0.3734658629, 8.277049286e-05, 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142
    ),
    "banding": Curve(1.070275272, 0.4088273932, 0.153224308, 0.2520326168, 1.063512885, 1.14115047, 521.4527484),
    "peaks": Curve(1.043882782, 0.6459495343, 0.3194584211, 0.374025247, 1.114783422, 1.095360363, 384.9217577),
    "peaks_glare": Curve(
        816.885024, 1479.463946, 0.001253215609, 0.9329636822, 0.06746643971, 1.573435413, 419.6006374
    ),
}


def pu21_encode(luminance: ArrayLike, *, kind: str = "banding_glare") -> Array:
    """Light as numbers whose equal steps are about equally visible, as those of sRGB in [0, 255] are, dark or bright.

    `max(p7 (((p1 + p2 Y^p4) / (1 + p3 Y^p4))^p5 - p6), 0)`, with seven fitted numbers.

    Args:
        luminance: Any shape, floating, in cd/m2, of one channel of light or of all; clipped to [0.005, 10000].
        kind: `"banding_glare"`, which the authors recommend, `"banding"`, `"peaks"` or `"peaks_glare"`.

    Returns:
        The same shape, from 0 to 595 (of `"banding_glare"`); 100 cd/m2, white of an old display, is 256.4.

    Raises:
        ValueError: For an unknown kind.

    Gradient:
        Positive and finite in [0.005, 10000], 0 outside.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.pu21_encode(jnp.array([1.0, 10.0, 100.0, 1000.0])).round(1))
        [ 36.5 123.6 256.4 420.1]

    Reference:
        Mantiuk and Azimi, "PU21: a novel perceptually uniform encoding for adapting existing quality metrics for HDR",
        Picture Coding Symposium 2021. https://doi.org/10.1109/PCS50896.2021.9477471
    """
    check_choice("pu21_encode", "kind", kind, PU21)
    a, b, c, n, m, offset, scale = PU21[kind]
    (luminance,) = one_dtype("pu21_encode", luminance)
    power = fast_power(clip(luminance, DARKEST, BRIGHTEST), n)
    return jnp.maximum(scale * (fast_power((a + b * power) / (1 + c * power), m) - offset), 0)


def pu21_decode(encoded: ArrayLike, *, kind: str = "banding_glare") -> Array:
    """The light that `pu21_encode` makes these numbers of.

    Args:
        encoded: Any shape, floating.
        kind: As that of `pu21_encode`.

    Returns:
        The same shape, in cd/m2, in [0.005, 10000].

    Raises:
        ValueError: For an unknown kind.

    Gradient:
        Finite everywhere; 0 where the light is clipped.

    Example:
        >>> import jaxloss
        >>> print(jaxloss.ops.pu21_decode(256.0).round(1))
        99.4

    Reference:
        See `pu21_encode`. https://github.com/gfxdisp/pu21
    """
    check_choice("pu21_decode", "kind", kind, PU21)
    a, b, c, n, m, offset, scale = PU21[kind]
    (encoded,) = one_dtype("pu21_decode", encoded)
    z = fast_power(encoded / scale + offset, 1 / m)
    # Beyond the brightest z the quotient has a pole.
    power = BRIGHTEST**n
    z = jnp.minimum(z, (a + b * power) / (1 + c * power))
    return clip(fast_power((z - a) / (b - c * z), 1 / n), DARKEST, BRIGHTEST)
