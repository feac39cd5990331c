"""Losses that compare features wherever they are in the image: contextual loss and implicit diversified MRF loss."""

import functools
from typing import TypedDict

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_choice, check_positive, error_text
from .._types import Array, FeatureArrays, Features, Scalar, Scores
from ..ops._numerics import safe_divide, safe_sqrt
from ._perceptual import LayerWeights, sum_over_layers


class ContextualOptions(TypedDict, total=False):
    weights: LayerWeights
    bandwidth: Scalar
    center: str


CONTEXTUAL_CONVENTIONS: dict[str, ContextualOptions] = {
    "mechrez": {"weights": {"relu3_2": 1.0, "relu4_2": 1.0}, "bandwidth": 0.5, "center": "channel"},  # to the target
    "mechrez_content": {"weights": {"relu4_2": 1.0}, "bandwidth": 0.5, "center": "channel"},  # to the source image
}
"""Options with which `contextual_loss` is the authors', of VGG19 with its layers named as in `extract_features`."""

MRF_CONVENTIONS: dict[str, ContextualOptions] = {
    # relu4_2 is there twice, for style and for content.
    "gmcnn": {"weights": {"relu3_2": 1.0, "relu4_2": 2.0}, "bandwidth": 0.5, "center": "channel"},
    # What its authors' port calls relu3_2 and relu4_2 are the first layers of their blocks.
    "gmcnn_pytorch": {"weights": {"relu3_1": 1.0, "relu4_1": 2.0}, "bandwidth": 0.5, "center": "position"},
}
"""Options with which `mrf_loss` is that of the code of GMCNN, in TensorFlow and in PyTorch, of VGG19 with its layers
named as in `extract_features`. The objective of GMCNN has it 0.05 times."""

CENTERS = {"channel": (-3, -2), "position": (-1,), "none": ()}  # axes over which the means are taken
EPSILON = 1e-5  # of the authors: distances relative to one of 0 stay finite


def contextual_loss(
    features_x: Features,
    features_y: Features,
    *,
    weights: LayerWeights = None,
    bandwidth: Scalar = 0.5,
    center: str = "channel",
) -> Scores:
    r"""Contextual loss: every feature of the reference should have one in the image that is like it and like no other.

    $$L = \sum_l -w_l \log \frac{1}{M} \sum_j \max_i \mathrm{CX}_{ij}, \quad
    \mathrm{CX}_{ij} = \frac{\exp(-\tilde d_{ij} / h)}{\sum_k \exp(-\tilde d_{ik} / h)}, \quad
    \tilde d_{ij} = \frac{d_{ij}}{\min_k d_{ik} + 10^{-5}}, \quad
    d_{ij} = \frac{1 - \cos(x_i - \mu, y_j - \mu)}{2}$$

    over the positions i of the image and the M positions j of the reference, whose features are centered by a mean
    $\mu$ of the reference. It does not ask where a feature is, so that images need not be aligned. The authors'
    constant b, in $\exp((b - \tilde d) / h)$, cancels. This takes several matrices of as many rows and columns as there
    are positions, and its gradient about eight: 1 GiB each for relu3_2 of an image of 512 x 512 pixels.
    `sample_positions` bounds them as the authors do.

    Args:
        features_x, features_y, weights: See `jaxloss.perceptual`; h and w of the two may differ.
        bandwidth: h > 0: the lower, the more the nearest feature takes all. The authors' configuration has 0.5.
        center: The mean that is subtracted from both: `"channel"`, of each channel over the positions of the reference;
            `"position"`, at each position of the reference over its channels; `"none"`.

    Returns:
        `[...]`, from 0 to `log(M)` per unit of weight; lower is better, and near 0 for equal features that are distinct
        from each other. With cosine distances the authors' `CX_loss` for one image: 1e-5. In a batch they center by the
        mean over all of its images: subtract that, and pass `center="none"`. Their VGG19 has average pooling.

    Gradient:
        With respect to the bandwidth, too. A feature of 0 after centering is at right angles to all others, and has a
        gradient of 0.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x = jnp.eye(4).reshape(2, 2, 4)  # and turned over, the same features elsewhere
        >>> loss = jax.jit(jaxloss.contextual_loss)
        >>> print([float(loss({"relu1": x}, {"relu1": y}).round(4)) for y in (x[::-1], 1 - x)])
        [0.0, 1.1337]

    Reference:
        Mechrez, Talmi, Zelnik-Manor, "The contextual loss for image transformation with non-aligned data", ECCV 2018.
        https://arxiv.org/abs/1803.02077
    """
    return _sum_over_layers("contextual_loss", features_x, features_y, weights, bandwidth, center)


def mrf_loss(
    features_x: Features,
    features_y: Features,
    *,
    weights: LayerWeights = None,
    bandwidth: Scalar = 0.5,
    center: str = "channel",
) -> Scores:
    r"""Implicit diversified Markov random field loss (ID-MRF) of GMCNN: diverse features, each near a real one.

    $$L = \sum_l -w_l \log \frac{1}{M} \sum_s \max_v \overline{\mathrm{RS}}(v, s)$$

    over the features s of the reference and v of the image. As its authors code it, $\overline{\mathrm{RS}}$ is the
    contextual similarity of single positions: this is `contextual_loss` by its name in inpainting.

    Args:
        features_x, features_y, weights, bandwidth, center: As for `contextual_loss`; x is the inpainted image.

    Returns:
        `[...]`, as `contextual_loss`. With the row `"gmcnn_pytorch"` GMCNN's `IDMRFLoss`, which sums over the batch:
        1e-5; it shows its network images less the mean of ImageNet, but not divided by its standard deviation. With
        `"gmcnn"` `id_mrf_reg` (TensorFlow) for one image, but the authors pass it the two the other way round: theirs
        is `mrf_loss(real, inpainted)`; and their VGG19 has average pooling.

    Gradient:
        As that of `contextual_loss`.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = {"relu1": jnp.eye(4).reshape(2, 2, 4)}, {"relu1": 1 - jnp.eye(4).reshape(2, 2, 4)}
        >>> print(jax.jit(jaxloss.mrf_loss)(x, y, weights=2.0).round(4))
        2.2674

    Reference:
        Wang et al., "Image inpainting via generative multi-column convolutional neural networks", NeurIPS 2018.
        https://arxiv.org/abs/1810.08771
    """
    return _sum_over_layers("mrf_loss", features_x, features_y, weights, bandwidth, center)


def sample_positions(key: Array, features: Features, *, count: int = 65 * 65) -> FeatureArrays:
    """Features at random positions, for losses whose cost grows with the square of their number.

    Two calls with one key choose the same positions in features of equal shape: in the image and the reference.

    Args:
        key: Of `jax.random`; a new one in every training step.
        features: `{layer: [..., h, w, c]}`.
        count: Number of positions, >= 1; layers that do not have more stay as they are. The authors take 65 x 65.

    Returns:
        `{layer: [..., count, 1, c]}`, the same positions for every image of the batch, none twice: the sampling of the
        authors' `random_pooling`, but for the random numbers.

    Gradient:
        0 at the positions that were not chosen.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x = {"relu1": jnp.ones((2, 64, 64, 16)), "relu2": jnp.ones((2, 32, 32, 32))}
        >>> sampled = jaxloss.sample_positions(jax.random.key(0), x, count=1024)
        >>> print(sampled["relu1"].shape, sampled["relu2"].shape)
        (2, 1024, 1, 16) (2, 32, 32, 32)

    Reference:
        Mechrez, Talmi, Zelnik-Manor, ECCV 2018. https://arxiv.org/abs/1803.02077
    """
    if count < 1:
        raise ValueError(error_text("sample_positions", "count >= 1", count, "The authors take 65 * 65."))
    return {layer: _sample(key, jnp.asarray(z), count) for layer, z in features.items()}


def _sample(key: Array, features: Array, count: int) -> Array:
    *leading, height, width, channels = features.shape
    if height * width <= count:
        return features
    chosen = jax.random.permutation(key, height * width)[:count]
    return jnp.take(features.reshape(*leading, height * width, 1, channels), chosen, axis=-3)


def _sum_over_layers(
    name: str, features_x: Features, features_y: Features, weights: LayerWeights, bandwidth: Scalar, center: str
) -> Scores:
    check_positive(name, "bandwidth", bandwidth)
    check_choice(name, "center", center, CENTERS)
    distance = functools.partial(_dissimilarity, name=name, bandwidth=bandwidth, center=center)
    return sum_over_layers(name, features_x, features_y, weights, distance, any_size=True)


def _dissimilarity(x: Array, y: Array, *, name: str, bandwidth: Scalar, center: str) -> Array:
    if center == "position" and x.shape != y.shape:
        way_out = 'Features of unequal sizes: center="channel".'
        raise ValueError(error_text(name, "features of equal shape to center by position", (x.shape, y.shape), way_out))
    mean = y.mean(axis=CENTERS[center], keepdims=True) if CENTERS[center] else 0
    x_units, y_units = _unit_vectors(x - mean), _unit_vectors(y - mean)
    cosine = jnp.matmul(x_units, jnp.swapaxes(y_units, -1, -2), precision=lax.Precision.HIGHEST)  # [..., i, j]
    distance = jnp.maximum((1 - cosine) / 2, 0)  # rounding may make it negative
    relative = distance / (distance.min(axis=-1, keepdims=True) + EPSILON)
    similarity = jax.nn.softmax(-relative / as_scalar(bandwidth, x.dtype), axis=-1)
    return jnp.log(1 / jnp.minimum(similarity.max(axis=-2).mean(axis=-1), 1))


def _unit_vectors(features: Array) -> Array:
    """`[..., h, w, c]` to `[..., h w, c]`, of length 1, or 0 where all channels are 0."""
    vectors = features.reshape(*features.shape[:-3], -1, features.shape[-1])
    return safe_divide(vectors, safe_sqrt((vectors * vectors).sum(axis=-1, keepdims=True)))
