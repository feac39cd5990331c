"""Partial convolution: a convolution of the known pixels, renormalized by how many there are under the window."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from .._checks import check_choice, check_image, error_text
from .._types import Array, ArrayLike, Image
from ._convolution import convolution


PerAxis = int | tuple[int, int]  # one number, or (height, width)
# As in Flax: a name, pixels on all four sides, or (before, after) for height and width.
Padding = str | int | Sequence[tuple[int, int]]

EPSILON = 1e-8  # of NVIDIA's code, in the unit of one known value


def partial_conv(
    x: Image,
    mask: ArrayLike | None,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "SAME",
    dilation: PerAxis = 1,
    multi_channel: bool = False,
) -> tuple[Array, Array]:
    r"""Convolution that sees known pixels only, and makes up for those that it does not see.

    $$x' = m' \left(\frac{|W|}{\sum_W m} \, K * (m \odot x) + b\right), \qquad m' = \min\left(\sum_W m, 1\right)$$

    W are the positions under the window, of which those beyond the border are unknown too: with a mask of ones this is
    a convolution with "partial convolution based padding" in place of zeros. Where the window sees nothing known, the
    output and its mask are 0. Passing the mask on from layer to layer shrinks the hole.

    Args:
        x: Images or features, `[..., H, W, C]`, floating.
        mask: `[..., H, W]` or `[H, W]`, 1 = known and 0 = hole; with `multi_channel`, `[..., H, W, C]` or `[H, W, C]`.
            Values under 0 have no influence, not even NaN ones. None: all is known.
        kernel, bias: `[height, width, C, D]` and `[D]`, or None.
        strides, dilation: Steps of the window and between its taps, one number or (height, width).
        padding: `"SAME"`, `"VALID"`, pixels on all sides (torch's `padding`), or `[(top, bottom), (left, right)]`.
        multi_channel: Whether the mask tells channels apart.

    Returns:
        The output, `[..., H', W', D]`, float32, or float64 if x is; and its mask, `[..., H', W']`, or with
        `multi_channel` `[..., H', W', D]`, equal for all D, so that the next layer can take it.

    Gradient:
        That of the convolution, finite everywhere; 0 for values in the hole. The mask has none, as in the original.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, mask = jnp.full((1, 4, 1), 2.0), jnp.array([[1.0, 0.0, 0.0, 0.0]])
        >>> partial_conv = jax.jit(jaxloss.ops.partial_conv)
        >>> output, known = partial_conv(x, mask, jnp.full((1, 3, 1, 1), 1 / 3))
        >>> print(output[0, :, 0].round(4), known[0])  # averages of what is known
        [2. 2. 0. 0.] [1. 1. 0. 0.]

    Reference:
        Liu, Reda, Shih, Wang, Tao, Catanzaro, "Image inpainting for irregular holes using partial convolutions", ECCV
        2018, https://arxiv.org/abs/1804.07723; "Partial convolution based padding", https://arxiv.org/abs/1811.11718.
    """
    name = "partial_conv"
    x = check_image(name, "x", x)
    kernel = jnp.asarray(kernel, x.dtype)
    if kernel.ndim != 4 or kernel.shape[2] != x.shape[-1]:
        way_out = "torch's kernels are [D, C, height, width]: jnp.transpose(kernel, (2, 3, 1, 0))."
        expected = f"kernel of shape [height, width, {x.shape[-1]}, D] for x of shape {x.shape}"
        raise ValueError(error_text(name, expected, kernel.shape, way_out))
    if bias is not None and jnp.shape(bias) != kernel.shape[3:]:
        way_out = "One number for each channel of the output."
        raise ValueError(error_text(name, f"bias of shape {kernel.shape[3:]}", jnp.shape(bias), way_out))
    known = _known(name, mask, x, multi_channel)
    if mask is not None:
        # Not `known * x`: what is in the hole may be NaN, and 0 * NaN is NaN, in the gradient too.
        x = jnp.where(known > 0, known * x, jnp.zeros_like(x))
    window = jnp.ones((*kernel.shape[:2], known.shape[-1], 1), x.dtype)
    geometry = _geometry(name, strides, padding, dilation)
    count = _convolve(known, window, geometry)
    updated = jnp.minimum(count, 1)
    output = _convolve(x, kernel, geometry) * (window.size / (count + EPSILON) * updated)
    if bias is not None:
        output = output + jnp.asarray(bias, x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
    output = output * updated  # again, which makes a difference for masks between 0 and 1
    channels = output.shape[-1] if multi_channel else 1
    updated = jnp.broadcast_to(updated, (*output.shape[:-1], channels))
    return output, updated if multi_channel else updated[..., 0]


def _known(name: str, mask: ArrayLike | None, x: Array, multi_channel: bool) -> Array:
    """The mask with the axes of x, of length 1 where all of x shares it."""
    if mask is None:
        return jnp.ones((1,) * (x.ndim - 3) + x.shape[-3:-1] + (x.shape[-1] if multi_channel else 1,), x.dtype)
    mask = jnp.asarray(mask)
    shape, least = (x.shape, 3) if multi_channel else (x.shape[:-1], 2)
    if not least <= mask.ndim <= len(shape) or mask.shape != shape[len(shape) - mask.ndim :]:
        way_out = "With multi_channel=True a mask has a channel axis, otherwise none: mask[..., 0]."
        raise ValueError(error_text(name, f"mask of shape {shape} or {shape[-least:]}", mask.shape, way_out))
    if mask.dtype != jnp.bool_ and not jnp.issubdtype(mask.dtype, jnp.floating):
        way_out = "Use mask > 0, or mask.astype(jnp.float32)."
        raise TypeError(error_text(name, "mask of dtype bool or floating", mask.dtype, way_out))
    shared = mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape).astype(x.dtype)
    return lax.stop_gradient(shared if multi_channel else shared[..., None])


class _Geometry(NamedTuple):
    strides: tuple[int, int]
    padding: str | Sequence[tuple[int, int]]
    dilation: tuple[int, int]


def _geometry(name: str, strides: PerAxis, padding: Padding, dilation: PerAxis) -> _Geometry:
    if isinstance(padding, str):
        check_choice(name, "padding", padding, ("SAME", "VALID"))
    elif isinstance(padding, int):
        padding = [(padding, padding)] * 2
    return _Geometry(_both_axes(strides), padding, _both_axes(dilation))


def _both_axes(value: PerAxis) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _convolve(x: Array, kernel: Array, geometry: _Geometry) -> Array:
    """With any number of leading axes."""
    strides, padding, dilation = geometry
    images = x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:])
    layout = ("NHWC", "HWIO", "NHWC")
    output = convolution(images, kernel, strides, padding, rhs_dilation=dilation, dimension_numbers=layout)
    return output.reshape(*x.shape[:-3], *output.shape[1:])
