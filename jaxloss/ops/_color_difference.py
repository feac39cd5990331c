"""Differences of two colors in CIE L*a*b*, as people see them: one table of formulas."""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp

from .._checks import check_choice, error_text, one_dtype
from .._types import Array, ArrayLike
from ._numerics import fast_arctan2, safe_sqrt


Planes = Sequence[Array]  # L, a and b, of one shape
Formula = Callable[[Planes, Planes], Array]


def color_difference(lab: ArrayLike, other: ArrayLike, *, formula: str = "ciede2000") -> Array:
    """How different colors look.

    Args:
        lab: `[..., 3]`, CIE L*a*b*, as `rgb_to_lab` returns it.
        other: Same shape.
        formula: `"ciede2000"`, or `"cie76"`, the distance in L*a*b*.

    Returns:
        `[...]`, >= 0; about 1 is just noticeable, and it is the same if both are exchanged.

    Raises:
        ValueError: For an unknown formula, if shapes differ, or the last axis is not 3 long.

    Gradient:
        Finite everywhere; 0 for equal colors, and of chroma and hue where there are none, in exact gray. CIEDE2000 is
        not continuous where hues are opposite.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> blue, violet = jnp.array([50.0, 0.0, -82.75]), jnp.array([50.0, 2.68, -79.78])
        >>> print(jaxloss.ops.color_difference(violet, blue).round(2))
        2.04

    Reference:
        Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Research & Application 30, 2005.
        https://doi.org/10.1002/col.20070
    """
    check_choice("color_difference", "formula", formula, FORMULAS)
    lab, other = one_dtype("color_difference", lab, other)
    if lab.shape != other.shape or lab.shape[-1:] != (3,):
        got = f"{lab.shape} and {other.shape}"
        way_out = "One color against many: jnp.broadcast_to(other, lab.shape)."
        raise ValueError(error_text("color_difference", "colors of equal shape [..., 3]", got, way_out))
    return FORMULAS[formula](*([z[..., i] for i in range(3)] for z in (lab, other)))


def cie76(x: Planes, y: Planes) -> Array:
    return safe_sqrt(sum((p - q) ** 2 for p, q in zip(x, y, strict=True)))


def ciede2000(x: Planes, y: Planes) -> Array:
    """In the order and with the symbols of Sharma et al., whose primed ones are the plain ones here."""
    (l_1, a_1, b_1), (l_2, a_2, b_2) = x, y
    g = 0.5 * (1 - _saturation((_length(a_1, b_1) + _length(a_2, b_2)) / 2))
    a_1, a_2 = (1 + g) * a_1, (1 + g) * a_2
    c_1, c_2 = _length(a_1, b_1), _length(a_2, b_2)
    h_1, h_2 = _hue(a_1, b_1), _hue(a_2, b_2)
    colored = (c_1 > 0) & (c_2 > 0)  # gray has no hue: the difference has none, and the mean is that of the other

    apart, total = h_2 - h_1, h_1 + h_2
    across = colored & (jnp.abs(apart) > math.pi)  # where red is passed
    back = jnp.where(across, jnp.where(apart > 0, -2 * math.pi, 2 * math.pi), 0)
    delta_h = jnp.where(colored, apart + back, 0)
    delta_l, delta_c = l_2 - l_1, c_2 - c_1
    delta_hue = 2 * safe_sqrt(c_1 * c_2) * jnp.sin(delta_h / 2)

    mean_l, mean_c = (l_1 + l_2) / 2, (c_1 + c_2) / 2
    turn = jnp.where(across, jnp.where(total < 2 * math.pi, 2 * math.pi, -2 * math.pi), 0)
    h = (total + turn) / jnp.where(colored, 2, 1)
    t = _hue_weight(jnp.cos(h), jnp.sin(h))
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / jnp.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    delta_theta = (30 * math.pi / 180) * jnp.exp(-(((h * (180 / math.pi) - 275) / 25) ** 2))
    r_t = -2 * _saturation(mean_c) * jnp.sin(2 * delta_theta)
    lightness, chroma, hue = delta_l / s_l, delta_c / s_c, delta_hue / s_h
    return safe_sqrt(lightness**2 + chroma**2 + hue**2 + r_t * chroma * hue)


FORMULAS: dict[str, Formula] = {"cie76": cie76, "ciede2000": ciede2000}


def _length(a: Array, b: Array) -> Array:
    return safe_sqrt(a**2 + b**2)


def _hue(a: Array, b: Array) -> Array:
    """The angle in [0, 2 pi), 0 for gray; with no slope where the squares of its chroma vanish."""
    colored = a**2 + b**2 > float(jnp.finfo(a.dtype).tiny)
    angle = jnp.where(colored, fast_arctan2(jnp.where(colored, b, 0), jnp.where(colored, a, 1)), 0)
    return jnp.where(angle < 0, angle + 2 * math.pi, angle)


def _saturation(c: Array) -> Array:
    return safe_sqrt(c**7 / (c**7 + 25.0**7))


def _hue_weight(cos: Array, sin: Array) -> Array:
    """T: cosines of the multiples of the mean hue, by products, which cost less than cosines."""
    cos_2, sin_2 = cos**2 - sin**2, 2 * cos * sin
    cos_3, sin_3 = cos * cos_2 - sin * sin_2, sin * cos_2 + cos * sin_2
    cos_4, sin_4 = cos_2**2 - sin_2**2, 2 * cos_2 * sin_2

    def turned(cos: Array, sin: Array, degrees: float) -> Array:
        return math.cos(math.radians(degrees)) * cos - math.sin(math.radians(degrees)) * sin

    t = 1 - 0.17 * turned(cos, sin, -30) + 0.24 * cos_2
    return t + 0.32 * turned(cos_3, sin_3, 6) - 0.20 * turned(cos_4, sin_4, -63)
