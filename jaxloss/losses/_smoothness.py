"""Differences of neighboring pixels: total variation, and the loss that compares gradients."""

import math
from collections.abc import Callable
from typing import NamedTuple, TypedDict

import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, blank, check_choice, check_image, check_mask, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._numerics import safe_abs, safe_divide, safe_sqrt


class TotalVariationOptions(TypedDict, total=False):
    """What the implementations of total variation disagree about; see `total_variation` for the meaning of each."""

    norm: str
    normalize: str
    neighbors: str
    factor: Scalar


_MEANS: TotalVariationOptions = {"norm": "l1", "normalize": "differences", "neighbors": "each", "factor": 1.0}
_SUM: TotalVariationOptions = {**_MEANS, "normalize": "none"}

TOTAL_VARIATION_CONVENTIONS: dict[str, TotalVariationOptions] = {
    "means": _MEANS,  # kornia's reduction="mean"; the best known port of partial convolutions, naoto0804's
    "pconv": {**_MEANS, "normalize": "pixels"},  # Liu et al. 2018, on the hole grown by one pixel as the mask
    "johnson": {"norm": "l2", "normalize": "none", "neighbors": "both", "factor": 0.5},
    "tensorflow": _SUM,
    "torchmetrics": _SUM,
    "kornia": _SUM,  # which keeps the channels apart: the sum over them
    "piq_l1": _SUM,
    "piq_l2_squared": {**_SUM, "norm": "l2"},  # its default, norm_type="l2", is the root of this: ops.safe_sqrt
    "chambolle": {**_SUM, "norm": "isotropic"},
}
"""Options with which `total_variation` returns the number of another definition or implementation."""

DIFFERENCES: dict[str, Callable[[Array], Array]] = {"l1": safe_abs, "l2": jnp.square}
NORMS = (*DIFFERENCES, "isotropic")
NORMALIZATIONS = ("differences", "pixels", "none")
NEIGHBORS = ("each", "both")
COMPARISONS = ("signed", "magnitude")


class Differences(NamedTuple):
    """Each pixel's neighbor less itself, `[..., H, W, C]`, and its weight, `[..., H, W, 1]`: 0 beyond the border."""

    values: Array
    weight: Array


def total_variation(
    x: Image,
    *,
    norm: str = "l1",
    normalize: str = "differences",
    neighbors: str = "each",
    factor: Scalar = 1.0,
    mask: Mask | None = None,
) -> Scores:
    r"""Total variation: how much neighboring pixels differ, a smoothness prior.

    $$\mathrm{TV} = \frac{1}{N_v} \sum_{i,j} |x_{i+1,j} - x_{i,j}| + \frac{1}{N_h} \sum_{i,j} |x_{i,j+1} - x_{i,j}|$$

    The mean of the vertical differences plus that of the horizontal ones, over all channels; or, with
    `norm="isotropic"`, the mean length of the gradient, which does not favor edges along the axes:

    $$\mathrm{TV} = \frac{1}{N} \sum_{i,j} \sqrt{(x_{i+1,j} - x_{i,j})^2 + (x_{i,j+1} - x_{i,j})^2}$$

    Args:
        x: Image, `[..., H, W, C]`, any range of values.
        norm: `"l1"`, absolute differences; `"l2"`, squared ones; `"isotropic"`, length of the gradient.
        normalize: What the sums are divided by. `"differences"`: the number of vertical and of horizontal differences,
            each its own (for the isotropic norm the number of pixels); `"pixels"`: `C H W` of the whole image, whatever
            the mask; `"none"`: they are sums.
        neighbors: `"each"` difference counts, and those across the border are 0; or only pixels with `"both"` a lower
            and a right neighbor, `(H - 1)(W - 1)` of them.
        factor: Multiplies the result.
        mask: See `jaxloss.losses`: a difference counts where both of its pixels do, with the smaller weight. Partial
            convolutions pass the hole, grown by one pixel.

    Returns:
        `[...]`, >= 0 in the unit of the images, squared for `"l2"`; lower is smoother, 0 for a flat image. For an empty
        mask the means are NaN, and the sums 0. The rows of `TOTAL_VARIATION_CONVENTIONS` give the numbers of others:
        `tf.image.total_variation`, torchmetrics, kornia, piq; `"johnson"` the gradient of the authors' layer.

    Gradient:
        Finite everywhere; 0 where neighbors agree.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x = jnp.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])[..., None]
        >>> print(jaxloss.total_variation(x))
        0.5
        >>> print(jaxloss.total_variation(x, **jaxloss.TOTAL_VARIATION_CONVENTIONS["tensorflow"]))
        2.0

    Reference:
        Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60, 1992.
        https://doi.org/10.1016/0167-2789(92)90242-F. Johnson et al. 2016, https://arxiv.org/abs/1603.08155. Liu et al.
        2018, https://arxiv.org/abs/1804.07723
    """
    name = "total_variation"
    x = check_image(name, "x", x)
    if mask is not None:
        mask = check_mask(name, mask, x)
        x = blank(x, mask)
    weight = _weight(x, mask)
    check_choice(name, "norm", norm, NORMS)
    check_choice(name, "normalize", normalize, NORMALIZATIONS)
    check_choice(name, "neighbors", neighbors, NEIGHBORS)
    gradient, positions = _gradient(x, weight), weight
    if neighbors == "both":
        positions = jnp.minimum(*(z.weight for z in gradient))
        gradient = tuple(Differences(z.values, positions) for z in gradient)
    sums, counts = _sums(gradient, positions, norm)
    if normalize == "differences":
        variation = _mean(sums, counts, weight)
    else:
        variation = sums.sum(axis=-1) / (math.prod(x.shape[-3:]) if normalize == "pixels" else 1)
    return as_scalar(factor, x.dtype) * variation


def gradient_loss(x: Image, y: Image, *, norm: str = "l1", compare: str = "signed", mask: Mask | None = None) -> Scores:
    r"""Distance between the gradients of two images: the same edges, and no word on the brightness.

    $$L = \frac{1}{N_v} \sum_{i,j} |\partial_v x - \partial_v y|
    + \frac{1}{N_h} \sum_{i,j} |\partial_h x - \partial_h y|$$

    with the differences $\partial_v$, $\partial_h$ of vertical and of horizontal neighbors: the total variation of
    x - y. The gradient difference loss of Mathieu et al. compares their magnitudes, $||\partial x| - |\partial y||^a$,
    and is the sum where this is the mean.

    Args:
        x, y, mask: See `jaxloss.losses`; any range of values. A difference counts where both of its pixels do, with the
            smaller weight.
        norm: `"l1"`, `"l2"` (squares) or `"isotropic"` (length of the difference of the gradients).
        compare: `"signed"` differences; or their `"magnitude"`, as Mathieu et al.

    Returns:
        `[...]`, >= 0 in the unit of the images, squared for `"l2"`; lower is better, 0 for images that are equal up to
        a constant per channel.

    Gradient:
        Finite everywhere, 0 for equal images. With `"magnitude"` it is 0 where the prediction is flat, so a prediction
        without edges needs another loss beside this one to get them.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x = jnp.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])[..., None]
        >>> print(jaxloss.gradient_loss(x, jnp.zeros_like(x)), jaxloss.gradient_loss(x, x + 1))
        0.5 0.0

    Reference:
        Mathieu, Couprie, LeCun, "Deep multi-scale video prediction beyond mean square error", ICLR 2016.
        https://arxiv.org/abs/1511.05440
    """
    name = "gradient_loss"
    x, y, mask = masked_pair(name, x, y, mask)
    weight = _weight(x, mask)
    check_choice(name, "norm", norm, NORMS)
    check_choice(name, "compare", compare, COMPARISONS)
    if compare == "signed":
        gradient = _gradient(x - y, weight)
    else:
        pairs = zip(_gradient(x, weight), _gradient(y, weight), strict=True)
        gradient = tuple(Differences(safe_abs(a.values) - safe_abs(b.values), a.weight) for a, b in pairs)
    return _mean(*_sums(gradient, weight, norm), weight)


def _weight(image: Array, mask: Mask | None) -> Array:
    """The weight of each pixel, `[..., H, W, 1]`."""
    return jnp.ones_like(image[..., :1]) if mask is None else jnp.asarray(mask)[..., None]


def _gradient(x: Array, weight: Array) -> tuple[Differences, ...]:
    """The vertical and the horizontal differences."""
    return tuple(_differences(x, weight, axis) for axis in (-3, -2))


def _differences(x: Array, weight: Array, axis: int) -> Differences:
    def neighbor(z: Array, beyond: Array) -> Array:
        return jnp.concatenate([lax.slice_in_dim(z, 1, None, axis=axis), beyond], axis)

    last, last_weight = (lax.slice_in_dim(z, -1, None, axis=axis) for z in (x, weight))
    smaller_weight = jnp.minimum(neighbor(weight, jnp.zeros_like(last_weight)), weight)
    return Differences(neighbor(x, last) - x, smaller_weight)


def _sums(gradient: tuple[Differences, ...], positions: Array, norm: str) -> tuple[Array, Array]:
    """Sums over the image and the number of values in each, `[..., terms]`: one per direction, or one of lengths."""
    if norm == "isotropic":
        # The weights go inside: 0 takes a difference out of the length, and 1/2 halves it.
        squares = [(z.weight * z.values) ** 2 for z in gradient]
        fields, weights = [safe_sqrt(jnp.add(*squares))], [positions]
    else:
        fields = [z.weight * DIFFERENCES[norm](z.values) for z in gradient]
        weights = [z.weight for z in gradient]
    sums, counts = (jnp.stack([_sum(z) for z in terms], axis=-1) for terms in (fields, weights))
    return sums, counts * gradient[0].values.shape[-1]


def _mean(sums: Array, counts: Array, weight: Array) -> Array:
    """An image of one row has no vertical differences, and a term of 0; one without pixels has no mean."""
    return jnp.where(_sum(weight) > 0, safe_divide(sums, counts).sum(axis=-1), jnp.nan)


def _sum(values: Array) -> Array:
    return values.sum(axis=(-3, -2, -1))
