"""What inpainting compares: the hole, the known pixels, and the composite of both.

Masks are 1 where the image is known and 0 in the hole.
"""

from ..._checks import check_choice, check_image, check_mask, check_pair, error_text
from ..._types import Array, Image, ImageArray, Mask, Scores
from ...perceptual._perceptual import DISTANCES


def composite(output: Image, target: Image, mask: Mask) -> ImageArray:
    """The picture to show: the output in the hole, the known pixels around it.

    `mask * target + (1 - mask) * output`

    Args:
        output, target, mask: See `jaxloss.losses.inpainting`. The incomplete image will do as the target, and a mask
            between 0 and 1 blends.

    Returns:
        `[..., H, W, C]`.

    Gradient:
        `1 - mask` for the output: exactly 0 where the image is known.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> output, target = jnp.zeros((1, 2, 1)), jnp.ones((1, 2, 1))
        >>> print(jaxloss.composite(output, target, jnp.array([[1.0, 0.0]]))[..., 0])
        [[1. 0.]]

    Reference:
        Liu et al., "Image inpainting for irregular holes using partial convolutions", ECCV 2018.
        https://arxiv.org/abs/1804.07723
    """
    x, y, known = check_images("composite", output, target, mask)
    return blend(x, y, known)


def hole_loss(output: Image, target: Image, mask: Mask, *, distance: str = "l1") -> Scores:
    r"""How wrong the pixels in the hole are, as a mean over the whole image.

    $$L_{hole} = \frac{1}{HWC} \lVert (1 - M) \odot (x - y) \rVert_1$$

    The published losses divide by the size of the image, whatever the hole, so that large holes weigh more. The mean
    over the hole alone is `jaxloss.mae(output, target, mask=1 - mask)`.

    Args:
        output, target, mask: See `jaxloss.losses.inpainting`; any range of values.
        distance: `"l1"`, or `"mse"` for squares.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 for an empty hole. torch's `l1_loss` or
        `mse_loss` of the masked images.

    Gradient:
        Finite everywhere; 0 where the image is known, and where output and target agree.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> output, target = jnp.zeros((1, 2, 1)), jnp.ones((1, 2, 1))
        >>> print(jaxloss.hole_loss(output, target, jnp.array([[1.0, 0.0]])))
        0.5

    Reference:
        Liu et al., ECCV 2018. https://arxiv.org/abs/1804.07723
    """
    return _masked_loss("hole_loss", output, target, mask, "hole", distance)


def valid_loss(output: Image, target: Image, mask: Mask, *, distance: str = "l1") -> Scores:
    r"""How wrong the known pixels are, as a mean over the whole image.

    $$L_{valid} = \frac{1}{HWC} \lVert M \odot (x - y) \rVert_1$$

    The mean over the known pixels alone is `jaxloss.mae(output, target, mask=mask)`.

    Args:
        output, target, mask: See `jaxloss.losses.inpainting`; any range of values.
        distance: `"l1"`, or `"mse"` for squares.

    Returns:
        `[...]`, >= 0 in the unit of the images; lower is better, 0 where nothing is known. torch's `l1_loss` or
        `mse_loss` of the masked images.

    Gradient:
        Finite everywhere; 0 in the hole, and where output and target agree.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> output, target = jnp.zeros((1, 4, 1)), jnp.ones((1, 4, 1))
        >>> print(jaxloss.valid_loss(output, target, jnp.array([[1.0, 0.0, 0.0, 0.0]])))
        0.25

    Reference:
        Liu et al., ECCV 2018. https://arxiv.org/abs/1804.07723
    """
    return _masked_loss("valid_loss", output, target, mask, "known", distance)


def _masked_loss(name: str, output: Image, target: Image, mask: Mask, region: str, distance: str) -> Scores:
    check_choice(name, "distance", distance, ("l1", "mse"))
    x, y, known = check_images(name, output, target, mask)
    return DISTANCES[distance](restrict(x, known, region), restrict(y, known, region))


def blend(output: Array, target: Array, known: Array) -> Array:
    known = known[..., None]
    return known * target + (1 - known) * output


def restrict(x: Array, known: Array, region: str) -> Array:
    """The image, 0 outside of the region: `"all"`, `"known"` or `"hole"`."""
    if region == "all":
        return x
    counts = known if region == "known" else 1 - known
    return counts[..., None] * x


def check_images(name: str, output: Image, target: Image, mask: Mask) -> tuple[Array, Array, Array]:
    """Both images and the mask, `[..., H, W]`, in one dtype."""
    images = check_image(name, "output", output), check_image(name, "target", target)
    if images[0].shape != images[1].shape:
        got, way_out = f"{images[0].shape} and {images[1].shape}", "Channels go last: jnp.moveaxis(target, -3, -1)."
        raise ValueError(error_text(name, "output and target of equal shape [..., H, W, C]", got, way_out))
    x, y = check_pair(name, *images)
    return x, y, check_mask(name, mask, x)
