"""Feature matching: what a discriminator computes on the way to its verdict, as the target of a generator."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from jax import lax

from .._types import FeatureMap, Scalar, Scores
from ._perceptual import Distance, find_distance, sum_over_layers


LayerFeatures = Mapping[str, FeatureMap] | Sequence[FeatureMap]


class FeatureMatchingOptions(TypedDict):
    weights: float | None
    distance: str
    average: bool


# Of all layers of the discriminator but the last, its output; the weight of the term, 10 or 100, is not in it.
FEATURE_MATCHING_CONVENTIONS: dict[str, FeatureMatchingOptions] = {
    "pix2pixhd": {"weights": 1 / 2, "distance": "l1", "average": False},  # 1 / the number of discriminators, two
    "coordfill": {"weights": None, "distance": "l1", "average": False},
    "lama": {"weights": None, "distance": "mse", "average": True},
}
"""Options with which `feature_matching_loss` is that of a publication."""


def feature_matching_loss(
    features_x: LayerFeatures,
    features_y: LayerFeatures,
    *,
    distance: str | Distance = "l1",
    weights: Mapping[str, Scalar] | Sequence[Scalar] | Scalar | None = None,
    average: bool = False,
) -> Scores:
    r"""Distance of a generated image from a real one in the features of a discriminator, or of a pre-trained network.

    $$L = \sum_l w_l \, d(D_l(x), D_l(y))$$

    $D_l$ are the features of layer l; those of the real image are a constant.

    Args:
        features_x, features_y: Of the generated and the real image, as in `jaxloss.perceptual`, or lists of arrays.
            Several discriminators: `[*first, *second]`.
        distance: `"l1"`, the mean of absolute values over h, w and c; `"mse"`; or another one of `perceptual_loss`.
        weights: One per layer, in the same form as the features; layers not named in a dictionary do not count; or
            one number for every layer; by default 1.
        average: Whether to divide by the number of layers that count.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal features: with a row of `FEATURE_MATCHING_CONVENTIONS` the sum in
        that publication's code, 1e-5.

    Gradient:
        With respect to `features_x` and the weights; 0 with respect to `features_y`.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = [jnp.ones((8, 8, 4)), jnp.ones((4, 4, 8))], [jnp.zeros((8, 8, 4)), jnp.full((4, 4, 8), 4.0)]
        >>> print(jaxloss.feature_matching_loss(x, y))
        4.0
        >>> print(jaxloss.feature_matching_loss(x, y, **jaxloss.FEATURE_MATCHING_CONVENTIONS["lama"]))
        5.0

    Reference:
        Wang, Liu, Zhu, Tao, Kautz, Catanzaro, "High-resolution image synthesis and semantic manipulation with
        conditional GANs", CVPR 2018, https://arxiv.org/abs/1711.11585; Salimans et al., "Improved techniques for
        training GANs", NIPS 2016, https://arxiv.org/abs/1606.03498.
    """
    name = "feature_matching_loss"
    x, y, layer_weights = (_by_layer(values) for values in (features_x, features_y, weights))
    total = sum_over_layers(name, x, lax.stop_gradient(y), layer_weights, find_distance(name, distance))
    return total / len(layer_weights if isinstance(layer_weights, Mapping) else x) if average else total


def _by_layer(values: Any) -> Any:
    return dict(enumerate(values)) if isinstance(values, Sequence) else values
