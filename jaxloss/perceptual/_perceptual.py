"""Perceptual loss: a weighted sum, over the layers of a network, of distances between features."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import jax.numpy as jnp

from .._checks import as_scalar, check_choice, error_text
from .._types import Array, FeatureMap, Features, Scalar, Scores
from ..ops._numerics import safe_abs, safe_divide, safe_sqrt
from ..ops._pooling import masked_mean


# From the features of one layer, two arrays [..., h, w, c] of one dtype, to one number per image, [...].
Distance = Callable[[Array, Array], Array]
LayerWeights = Mapping[str, Scalar] | Scalar | None


class PerceptualOptions(TypedDict):
    weights: LayerWeights
    distance: str


class FeatureOptions(TypedDict, total=False):
    net: str
    preprocess: str


_FIRST_OF_BLOCK = tuple(f"relu{block}_1" for block in range(1, 6))
_RISING = dict(zip(_FIRST_OF_BLOCK, (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0), strict=True))

# Weights of layers among each other; that of the whole term in an objective is not among them.
PERCEPTUAL_CONVENTIONS: dict[str, PerceptualOptions] = {
    "gatys": {"weights": {"relu4_2": 0.5}, "distance": "squared_l2"},  # the paper's; Caffe's ReLU works in place
    "gatys_pytorch": {"weights": {"relu4_2": 1.0}, "distance": "mse"},  # the authors' notebook
    "johnson": {"weights": {"relu3_3": 1.0}, "distance": "mse"},
    "johnson_super_resolution": {"weights": {"relu2_2": 1.0}, "distance": "mse"},
    "srgan": {"weights": {"relu5_4": 1 / 12.75**2}, "distance": "mse"},  # features are divided by 12.75
    "esrgan": {"weights": {"conv5_4": 1.0}, "distance": "l1"},
    "pix2pixhd": {"weights": _RISING, "distance": "l1"},
    "pconv": {"weights": dict.fromkeys(("pool1", "pool2", "pool3"), 1.0), "distance": "l1"},
    "ctn": {"weights": dict.fromkeys(_FIRST_OF_BLOCK, 1.0), "distance": "l1"},
    "tformer": {"weights": dict.fromkeys(_FIRST_OF_BLOCK, 1.0), "distance": "l1"},
    "transcnn_hae": {"weights": _RISING, "distance": "l1"},
    "mat": {"weights": {"conv4_4": 1 / 4, "conv5_4": 1 / 2}, "distance": "l1"},
    "lama": {"weights": None, "distance": "mse"},  # of all feature maps of a ResNet50 for segmentation
    "piq": {"weights": {"relu3_3": 256.0}, "distance": "mse"},  # a sum over the 256 channels
}
"""Options with which `perceptual_loss` is that of a publication, or of an implementation called with its defaults."""

FEATURE_CONVENTIONS: dict[str, FeatureOptions] = {
    # Those without preprocessing showed their networks what Caffe's took: for torchvision's that is the default.
    "gatys": {"net": "vgg19"},
    "gatys_pytorch": {"net": "vgg19"},
    "johnson": {"net": "vgg16"},
    "johnson_super_resolution": {"net": "vgg16"},
    "srgan": {"net": "vgg19"},
    "esrgan": {"net": "vgg19", "preprocess": "imagenet"},
    "pix2pixhd": {"net": "vgg19", "preprocess": "symmetric"},
    "pconv": {"net": "vgg16", "preprocess": "imagenet"},
    "ctn": {"net": "vgg19", "preprocess": "symmetric"},
    "tformer": {"net": "vgg19", "preprocess": "symmetric"},
    "transcnn_hae": {"net": "vgg19", "preprocess": "symmetric"},
    "mat": {"net": "vgg19", "preprocess": "imagenet"},
    "piq": {"net": "vgg16", "preprocess": "imagenet"},
}
"""Options with which `extract_features` shows the images to the network of the row of that name in
`PERCEPTUAL_CONVENTIONS` and `STYLE_CONVENTIONS`; the layers are the keys of the weights there."""


def perceptual_loss(
    features_x: Features, features_y: Features, *, weights: LayerWeights = None, distance: str | Distance = "mse"
) -> Scores:
    r"""Distance of two images in the eyes of a network, to which alike can be what differs pixel by pixel.

    $$L = \sum_l w_l \, d(F_l(x), F_l(y))$$

    $F_l$ are the features of layer l. Each publication is a row of `PERCEPTUAL_CONVENTIONS`, and its network one of
    `FEATURE_CONVENTIONS`.

    Args:
        features_x, features_y, weights: See `jaxloss.perceptual`.
        distance: `"mse"`, the mean of squares over h, w and c; `"l1"`, the mean of absolute values; `"squared_l2"`,
            the sum of squares; `"l2"`, its square root; `"cosine"`, the mean over positions of 1 - cos of the angle
            between the two vectors of channels; or a function of two arrays `[..., h, w, c]` that returns `[...]`.

    Returns:
        `[...]`, >= 0, with `"cosine"` <= 2 per unit of weight; lower is better, 0 for equal features. Those of torch's
        `mse_loss`, `l1_loss` and 1 - `cosine_similarity`; with its row `piq.ContentLoss`: 1e-5.

    Gradient:
        `"cosine"`: where nothing is active in both features they agree, where in one they are at right angles, and the
        gradient is 0.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x = {"relu1": jnp.ones((8, 8, 16)), "relu2": jnp.ones((4, 4, 32))}
        >>> y = {"relu1": jnp.zeros((8, 8, 16)), "relu2": jnp.full((4, 4, 32), 3.0)}
        >>> print(jaxloss.perceptual_loss(x, y), jaxloss.perceptual_loss(x, y, weights={"relu2": 0.5}, distance="l1"))
        5.0 1.0

    Reference:
        Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016,
        https://arxiv.org/abs/1603.08155; Gatys, Ecker, Bethge, "Image style transfer using convolutional neural
        networks", CVPR 2016, https://doi.org/10.1109/CVPR.2016.265.
    """
    name = "perceptual_loss"
    return sum_over_layers(name, features_x, features_y, weights, find_distance(name, distance))


def find_distance(name: str, distance: str | Distance) -> Distance:
    if callable(distance):
        return distance
    check_choice(name, "distance", distance, DISTANCES)
    return DISTANCES[distance]


def sum_over_layers(
    name: str,
    features_x: Mapping[Any, FeatureMap],
    features_y: Mapping[Any, FeatureMap],
    weights: Mapping[Any, Scalar] | Scalar | None,
    distance: Distance,
    *,
    any_size: bool = False,
) -> Scores:
    """The engine of the losses made of features: `sum_l w_l distance(x_l, y_l)`."""
    sides = {"features_x": features_x, "features_y": features_y}
    for argument, features in sides.items():
        if not isinstance(features, Mapping):
            way_out = "A single array: {'features': array}."
            raise TypeError(
                error_text(name, f"{argument} by layer, {{layer: array}}", type(features).__name__, way_out)
            )
    if not isinstance(weights, Mapping):
        weights = dict.fromkeys([*features_x, *features_y], 1.0 if weights is None else weights)
    for argument, features in sides.items():
        if not weights or not weights.keys() <= features.keys():
            expected = f"{argument} with the layers {list(weights)}" if weights else "a weight for at least one layer"
            way_out = "Every layer with a weight must be in both features; without weights, all layers count."
            raise ValueError(error_text(name, expected, list(features), way_out))
    pairs = {layer: _layer_pair(name, layer, features_x[layer], features_y[layer], any_size) for layer in weights}
    dtype = max((z.dtype for pair in pairs.values() for z in pair), key=lambda dtype: dtype.itemsize)
    terms = []
    for layer, (x, y) in pairs.items():
        term = distance(x.astype(dtype), y.astype(dtype))
        if jnp.shape(term) != x.shape[:-3]:
            way_out = "Take the mean over the last three axes, not over the batch."
            raise ValueError(error_text(name, f"a distance of shape {x.shape[:-3]}", jnp.shape(term), way_out))
        terms.append(as_scalar(weights[layer], dtype) * jnp.asarray(term, dtype))
    return jnp.stack(terms).sum(axis=0)


def _layer_pair(name: str, layer: object, x: FeatureMap, y: FeatureMap, any_size: bool) -> tuple[Array, Array]:
    x, y = (check_features(name, f"features of layer {layer!r}", z) for z in (x, y))
    if x.shape != y.shape and not (any_size and (*x.shape[:-3], x.shape[-1]) == (*y.shape[:-3], y.shape[-1])):
        expected = f"features of layer {layer!r} of equal shape [..., h, w, c]"
        way_out = "Both come from one network; one reference for a batch: jnp.broadcast_to(y, x.shape)."
        raise ValueError(error_text(name, expected, f"{x.shape} and {y.shape}", way_out))
    return x, y


def check_features(name: str, what: str, features: FeatureMap) -> Array:
    """The features as a float32 (or, if they came so, float64) array of shape [..., h, w, c]."""
    features = jnp.asarray(features)
    if not jnp.issubdtype(features.dtype, jnp.floating):
        way_out = "Features of integers: features.astype(jnp.float32)."
        raise TypeError(error_text(name, f"{what} of a floating dtype", features.dtype, way_out))
    if features.ndim < 3 or 0 in features.shape[-3:]:
        way_out = "Give vectors positions: vectors[..., None, None, :]."
        raise ValueError(error_text(name, f"{what} of shape [..., h, w, c], none empty", features.shape, way_out))
    return features if features.dtype == jnp.float64 else features.astype(jnp.float32)


def mean_of_squares(difference: Array) -> Array:
    return masked_mean(difference**2)


def mean_of_absolutes(difference: Array) -> Array:
    return masked_mean(safe_abs(difference))


def sum_of_squares(difference: Array) -> Array:
    return (difference**2).sum(axis=(-3, -2, -1))


def root_of_squares(difference: Array) -> Array:
    return safe_sqrt(sum_of_squares(difference))


def cosine_distance(x: Array, y: Array) -> Array:
    a, b = (safe_divide(jnp.ones_like(z[..., :1]), safe_sqrt((z * z).sum(axis=-1, keepdims=True))) for z in (x, y))
    # 1 - cos is half the squared distance of the unit vectors a x and b y; their difference is written such that it
    # is exactly 0 for equal features, and does not cancel where they are nearly equal, as 1 - cos does.
    difference = ((a + b) * (x - y) + (a - b) * (x + y)) / 2
    one_is_zero = ((a == 0) != (b == 0)).astype(x.dtype)
    return masked_mean((difference**2).sum(axis=-1, keepdims=True) + one_is_zero) / 2


DISTANCES: dict[str, Distance] = {
    "mse": lambda x, y: mean_of_squares(x - y),
    "l1": lambda x, y: mean_of_absolutes(x - y),
    "squared_l2": lambda x, y: sum_of_squares(x - y),
    "l2": lambda x, y: root_of_squares(x - y),
    "cosine": cosine_distance,
}
