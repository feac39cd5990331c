"""The Laplacian pyramid (Burt, Adelson 1983): what an image loses each time that its resolution is halved."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from .._checks import check_choice, check_image, error_text
from .._types import Array, Image, Map
from ._filters import Taps, separable_filter
from ._pointwise import computed_once


class Halving(NamedTuple):
    """How an image is halved, and enlarged again.

    Attributes:
        taps: Of the low-pass filter, five of sum 1.
        border: How an image goes on beyond its border, as NumPy's `pad` has it.
        beyond: `beyond(m, n)`, the two of the m samples of a side of n pixels that also stand before and after them.
        gain: Of the half image over the image.
    """

    taps: Taps
    border: str
    beyond: Callable[[int, int], tuple[int, int]]
    gain: float = 1.0


BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)

HALVINGS = {
    # Burt and Adelson's filter as in the MATLAB code of Mertens et al., and of the normalized Laplacian pyramid.
    "burt_adelson": Halving((0.05, 0.25, 0.4, 0.25, 0.05), "symmetric", lambda m, n: (0, m - 1)),
    # matlabPyrTools: enlarged images, too, are mirrored at their border pixels, of which the last may be a new one.
    "simoncelli": Halving(BINOMIAL, "reflect", lambda m, n: (min(1, m - 1), max(m - 2 + (1 - n % 2), 0)), gain=2.0),
    # piq: mirrored at a new pixel, even if it is cut off afterwards.
    "piq": Halving(BINOMIAL, "reflect", lambda m, n: (min(1, m - 1), m - 1), gain=2.0),
}


def laplacian_pyramid(image: Image, *, levels: int, halving: str = "burt_adelson") -> list[Map]:
    """What an image loses each time that its resolution is halved, from fine to coarse, and what is left of it.

    Args:
        image: `[..., H, W, C]`, floating.
        levels: Number of maps, >= 1.
        halving: Filter and border: `"burt_adelson"`, `"simoncelli"` (matlabPyrTools, pyrtools; each level has twice the
            amplitude of the one before) or `"piq"` (the same, but for the border of odd sizes).

    Returns:
        Maps `[..., ceil(H / 2^k), ceil(W / 2^k), C]` for level k; all but the last have a mean of about 0.

    Raises:
        ValueError: For an unknown `halving`, or less than one level.
        TypeError: For integer images.

    Gradient:
        Linear: the exact adjoint of each filter.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> laplacian_pyramid = jax.jit(jaxloss.ops.laplacian_pyramid, static_argnames="levels")
        >>> fine, rest = laplacian_pyramid(jnp.full((4, 6, 1), 0.5), levels=2)
        >>> print(abs(fine).max().round(6), rest[..., 0].round(6))
        0.0 [[0.5 0.5 0.5]
         [0.5 0.5 0.5]]
    """
    image = check_image("laplacian_pyramid", "image", image)
    check_choice("laplacian_pyramid", "halving", halving, HALVINGS)
    if levels < 1:
        raise ValueError(error_text("laplacian_pyramid", "levels >= 1", levels, "1 is the image itself."))
    kind = HALVINGS[halving]
    maps = []
    for _ in range(levels - 1):
        extended = _extend(image, kind)
        half = kind.gain * separable_filter(extended, kind.taps)[..., ::2, ::2, :]
        maps.append(computed_once(jnp.subtract, extended[..., 2:-2, 2:-2, :], _enlarge(half, image.shape, kind)))
        image = half
    return [*maps, image]


def _extend(image: Array, kind: Halving) -> Array:
    """By two pixels on each side, in memory: a GPU would compute the image anew for each of its readers."""
    widths = [(0, 0)] * (image.ndim - 3) + [(2, 2), (2, 2), (0, 0)]
    return lax.optimization_barrier(jnp.pad(image, widths, mode=kind.border))


def _enlarge(half: Array, shape: tuple[int, ...], kind: Halving) -> Array:
    for axis in (-3, -2):
        before, after = kind.beyond(half.shape[axis], shape[axis])
        axis += half.ndim
        ends = (lax.slice_in_dim(half, i, i + 1, axis=axis) for i in (before, after))
        half = jnp.concatenate([next(ends), half, next(ends)], axis=axis)
    spread = lax.pad(half, jnp.zeros((), half.dtype), [(0, 0, 0)] * (half.ndim - 3) + [(0, 1, 1), (0, 1, 1), (0, 0, 0)])
    filled = separable_filter(spread, [2 * tap for tap in kind.taps])
    return filled[..., : shape[-3], : shape[-2], :] / kind.gain
