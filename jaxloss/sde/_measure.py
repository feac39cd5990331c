"""The curve that the model is about, measured on a progressive reconstruction: reconstructed share and loss."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_image, error_text
from .._types import Array, ArrayLike, Image, Mask, Scores


States = Float[Array | np.ndarray, "states height width channels"]
Target = Float[Array | np.ndarray, "height width channels"]


class Curve(NamedTuple):
    """A loss over the reconstructed share, as `fit` takes it.

    Attributes:
        share: S, or its moving average, `[n]`, in [0, 1].
        loss: D at each of them, `[n]`.
    """

    share: ArrayLike
    loss: ArrayLike


def reconstructed_share(masks: Mask) -> Array:
    """Share of an image's area that is reconstructed: the mean of its mask.

    Args:
        masks: `[..., H, W]`, 1 where the image is reconstructed and 0 elsewhere, or shares of pixels in between; bool
            or floating.

    Returns:
        `[...]`, in [0, 1].

    Raises:
        ValueError: If there is no image axis, or an empty one.

    Gradient:
        1 / (H W) with respect to each pixel of the mask.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.sde import reconstructed_share
        >>> print(reconstructed_share(jnp.zeros((2, 4, 4)).at[1, :, 1:].set(1.0)))
        [0.   0.75]
    """
    masks = jnp.asarray(masks)
    if masks.ndim < 2 or 0 in masks.shape[-2:]:
        way_out = "A mask has no channel axis."
        raise ValueError(error_text("reconstructed_share", "masks of shape [..., H, W]", masks.shape, way_out))
    return masks.mean(axis=(-2, -1), dtype=None if masks.dtype == jnp.float64 else jnp.float32)


def moving_average(shares: ArrayLike, *, window: int) -> Array:
    """The moving average of the reconstructed share, the mean of the last `window` of them.

    "Mathematical Modeling of Perceptual Loss in Image Reconstruction" takes the average and leaves its window open, so
    that it has to be chosen, and reported, here. Where shares increase by equal steps d, the average is the share less
    `(window - 1) d / 2`, and `fit` finds the same numbers for each window; where they do not, it evens the steps out,
    which the losses do not follow: increments then differ in variance, and the checks of `diagnose` show it.

    Args:
        shares: S, `[..., n]`, in the order of the reconstruction.
        window: How many, static, from 1 (the shares themselves) to n.

    Returns:
        `[..., n - window + 1]`: one for each full window, which belongs to the last measurement in it. Half-filled
        windows would shorten the first steps.

    Raises:
        ValueError: If the window is not from 1 to n.

    Gradient:
        1 / window with respect to each share in the window.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.sde import moving_average
        >>> print(moving_average(jnp.array([0.1, 0.2, 0.6, 0.7]), window=3))
        [0.3 0.5]
    """
    shares = jnp.asarray(shares)
    count = shares.shape[-1] if shares.ndim else 0
    if not 1 <= window <= count:
        way_out = "Choose a shorter window; 1 takes the shares as they are."
        raise ValueError(error_text("moving_average", f"window from 1 to {count} shares", window, way_out))
    full = count - window + 1
    # Not by differences of a running sum, which would lose digits.
    return jnp.stack([shares[..., first : first + full] for first in range(window)]).mean(axis=0)


def measure(
    images: States, target: Target, masks: Mask, *, metric: Callable[[Image, Image], Scores], window: int
) -> Curve:
    """The curve of a progressive reconstruction: the moving average of its share, and the loss of each image.

    The metric is mapped over the images alone: what it needs of the target only, as its features for LPIPS, is
    computed once. Use `jax.vmap` for several reconstructions, and `jax.jit` around it.

    Args:
        images: The reconstruction from its first to its last state, `[n, H, W, C]`, floating.
        target: What it should become, `[H, W, C]`.
        masks: `[n, H, W]`, 1 where the image is reconstructed in that state.
        metric: `metric(image, target)`, lower is better and > 0 for images that differ: such as
            `functools.partial(jaxloss.lpips, params=jaxloss.load_params("lpips-alex"), data_range=1.0)`.
        window: Of the moving average, in states; 1 for the share itself. See `moving_average`.

    Returns:
        A `Curve` of `n - window + 1` points: the first `window - 1` states have no average.

    Raises:
        ValueError: If the shapes do not belong together, or the window is longer than the reconstruction.
        TypeError: For integer images.

    Gradient:
        That of the metric with respect to the images.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> from jaxloss.sde import measure
        >>> target = jnp.ones((8, 8, 3))
        >>> masks = jnp.stack([jnp.zeros((8, 8)).at[:, :columns].set(1.0) for columns in (2, 4, 6)])
        >>> images = jnp.where(masks[..., None], target, 0.0)
        >>> curve = measure(images, target, masks, metric=jaxloss.mae, window=2)
        >>> print(curve.share, curve.loss)
        [0.375 0.625] [0.5  0.25]

    Reference:
        "Mathematical Modeling of Perceptual Loss in Image Reconstruction", section 1.
    """
    images, target = check_image("measure", "images", images), check_image("measure", "target", target)
    masks = jnp.asarray(masks)
    if images.ndim != 4 or images.shape[1:] != target.shape or masks.shape != images.shape[:-1]:
        got = f"{images.shape}, {target.shape} and {masks.shape}"
        expected = "images [n, H, W, C], target [H, W, C] and masks [n, H, W]"
        raise ValueError(error_text("measure", expected, got, "Use jax.vmap for several reconstructions."))
    share = moving_average(reconstructed_share(masks), window=window)
    return Curve(share, jax.vmap(metric, in_axes=(0, None))(images[window - 1 :], target))
