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
        features_x: Of the generated image, `{layer: [..., h, w, c]}` or `[[..., h, w, c], ...]`, floating. Several
            discriminators: `[*first, *second]`.
        features_y: Of the real image, same shapes.
        distance: `"l1"`, the mean of absolute values over h, w and c; `"mse"`; or another one of `perceptual_loss`.
        weights: One per layer, in the same form as the features; layers not named in a dictionary do not count; or
            one number for every layer; by default 1.
        average: Whether to divide by the number of layers that count.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal features; float32, or float64 if any features are.

    Raises:
        ValueError: If layers are missing or none is left, shapes differ, or the distance is unknown.
        TypeError: For features of integers, or neither in a dictionary nor in a list.

    Gradient:
        With respect to `features_x` and the weights, finite everywhere and 0 for equal features; 0 with respect to
        `features_y`.

    Agrees with:
        The sums of torch's `l1_loss` or `mse_loss` in the published codes, a row each of
        `FEATURE_MATCHING_CONVENTIONS`: 1e-5.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = [jnp.ones((8, 8, 4)), jnp.ones((4, 4, 8))], [jnp.zeros((8, 8, 4)), jnp.full((4, 4, 8), 4.0)]
        >>> print(jaxloss.feature_matching_loss(x, y))
        4.0
        >>> print(jaxloss.feature_matching_loss(x, y, **jaxloss.FEATURE_MATCHING_CONVENTIONS["lama"]))
        5.0

    Reference:
        Wang, Liu, Zhu, Tao, Kautz, Catanzaro, "High-resolution image synthesis and semantic manipulation with
        conditional GANs", CVPR 2018; Salimans et al., "Improved techniques for training GANs", NIPS 2016.
    """
    name = "feature_matching_loss"
    x, y, layer_weights = (_by_layer(values) for values in (features_x, features_y, weights))
    total = sum_over_layers(name, x, lax.stop_gradient(y), layer_weights, find_distance(name, distance))
    return total / len(layer_weights if isinstance(layer_weights, Mapping) else x) if average else total


def _by_layer(values: Any) -> Any:
    return dict(enumerate(values)) if isinstance(values, Sequence) else values
