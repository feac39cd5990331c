"""Style loss: distances of Gram matrices, which keep what is in an image and forget where."""

from typing import TypedDict

import jax.numpy as jnp
from jax import lax

from .._checks import check_choice
from .._types import Array, FeatureMap, Features, Scalar, Scores
from ._perceptual import (
    LayerWeights,
    check_features,
    mean_of_absolutes,
    mean_of_squares,
    root_of_squares,
    sum_of_squares,
    sum_over_layers,
)


class StyleOptions(TypedDict):
    weights: LayerWeights
    normalization: str
    distance: str


_BASICSR: StyleOptions = {"weights": None, "normalization": "chw", "distance": "l1"}
_CTN: StyleOptions = {**_BASICSR, "weights": dict.fromkeys(("relu2_2", "relu3_4", "relu4_4", "relu5_2"), 1.0)}
_JOHNSON: dict[str, Scalar] = dict.fromkeys(("relu1_2", "relu2_2", "relu3_3", "relu4_3"), 1.0)
_VGG_WIDTHS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512}

# Weights of layers among each other; that of the whole term in an objective is not among them.
STYLE_CONVENTIONS: dict[str, StyleOptions] = {
    # The paper's 1 / (4 C² (HW)²) |G(x) - G(y)|_F², for any layers; it takes those of _VGG_WIDTHS, each by 1/5.
    "gatys": {"weights": 1 / 4, "normalization": "hw", "distance": "mse"},
    "gatys_pytorch": {  # the authors' notebook
        "weights": {layer: 1e3 / width**2 for layer, width in _VGG_WIDTHS.items()},
        "normalization": "hw",
        "distance": "mse",
    },
    "johnson": {"weights": _JOHNSON, "normalization": "chw", "distance": "mse"},  # the code, fast-neural-style
    "johnson_paper": {"weights": _JOHNSON, "normalization": "chw", "distance": "squared_frobenius"},
    "pconv": {**_BASICSR, "weights": dict.fromkeys(("pool1", "pool2", "pool3"), 1.0)},
    "ctn": _CTN,
    "tformer": _CTN,
    "transcnn_hae": {**_BASICSR, "weights": dict.fromkeys(("relu4_1", "relu5_1"), 1.0)},
    "basicsr_l1": _BASICSR,
    "basicsr_l2": {**_BASICSR, "distance": "mse"},
    "basicsr_fro": {**_BASICSR, "distance": "frobenius"},  # which BasicSR takes of the whole batch at once
    "piq": {"weights": {"relu3_3": 1.0}, "normalization": "none", "distance": "mse"},
}
"""Options with which `style_loss` is that of a publication, or of an implementation called with its defaults.

Inpainting shows the networks masked images: CTN and T-former take the style of the hole alone."""


def gram_matrix(features: FeatureMap, *, normalization: str = "hw") -> Array:
    r"""Gram matrix of features: how strongly any two channels are active together, wherever that may be.

    $$G_{ij} = \frac{1}{N} \sum_p F_{pi} F_{pj}$$

    over all positions p.

    Args:
        features: `[..., h, w, c]`, floating.
        normalization: N: `"none"`, 1; `"hw"`, the number of positions; `"chw"`, the number of features.

    Returns:
        `[..., c, c]`, symmetric and positive semidefinite: with `"none"` piq's, with `"chw"` BasicSR's, 1e-5.

    Gradient:
        Finite everywhere, 0 for features of 0.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> features = jnp.array([[[1.0, 0.0], [1.0, 2.0]]])  # two positions, two channels
        >>> print(jaxloss.gram_matrix(features))
        [[1. 1.]
         [1. 2.]]

    Reference:
        Gatys, Ecker, Bethge, "Texture synthesis using convolutional neural networks", NIPS 2015.
        https://arxiv.org/abs/1505.07376
    """
    name = "gram_matrix"
    check_choice(name, "normalization", normalization, NORMALIZATIONS)
    features = check_features(name, "features", features)
    return _products(features, features) / _divisor(features, normalization)


def style_loss(
    features_x: Features,
    features_y: Features,
    *,
    weights: LayerWeights = None,
    normalization: str = "hw",
    distance: str = "mse",
) -> Scores:
    r"""Distance of the styles of two images: of the Gram matrices of their features.

    $$L = \sum_l w_l \, d(G_l(x), G_l(y))$$

    The $\frac{1}{4 N_l^2 M_l^2} \|G_l(x) - G_l(y)\|_F^2$ of Gatys et al., for $N_l$ channels and $M_l$ positions,
    is the row `"gatys"` of `STYLE_CONVENTIONS`: a quarter of the defaults. Other publications are its other rows.

    Args:
        features_x, features_y, weights: See `jaxloss.perceptual`; h and w of the two may differ.
        normalization: Of the Gram matrices: `"none"`, `"hw"` or `"chw"`, as in `gram_matrix`.
        distance: Of the Gram matrices: `"mse"`, the mean of squares over both axes; `"l1"`, the mean of absolute
            values; `"squared_frobenius"`, the sum of squares; `"frobenius"`, its square root.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal features, and for the same ones at other positions but for
        rounding. With its row `piq.StyleLoss`: 1e-5.

    Gradient:
        0 for equal features also with `"frobenius"`, whose root has no derivative there.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = {"relu1": jnp.full((4, 4, 2), 3.0)}, {"relu1": jnp.ones((4, 4, 2))}
        >>> print(jaxloss.style_loss(x, y), jaxloss.style_loss(x, y, **jaxloss.STYLE_CONVENTIONS["gatys"]))
        64.0 16.0

    Reference:
        Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks", CVPR 2016,
        https://doi.org/10.1109/CVPR.2016.265; Johnson et al., ECCV 2016, https://arxiv.org/abs/1603.08155.
    """
    name = "style_loss"
    check_choice(name, "normalization", normalization, NORMALIZATIONS)
    check_choice(name, "distance", distance, GRAM_DISTANCES)

    def gram_distance(x: Array, y: Array) -> Array:
        return GRAM_DISTANCES[distance](_gram_difference(x, y, normalization)[..., None])

    return sum_over_layers(name, features_x, features_y, weights, gram_distance, any_size=True)


def _gram_difference(x: Array, y: Array, normalization: str) -> Array:
    if x.shape != y.shape:
        return gram_matrix(x, normalization=normalization) - gram_matrix(y, normalization=normalization)
    # X'X - Y'Y is the symmetric part of (X - Y)'(X + Y): one product, not two, and without the cancellation of two
    # Gram matrices that become ever more alike in a training.
    products = _products(x - y, x + y) / _divisor(x, normalization)
    return (products + products.mT) / 2


def _products(x: Array, y: Array) -> Array:
    """Of each channel of x with each one of y, summed over the positions."""
    x, y = (z.reshape(*z.shape[:-3], -1, z.shape[-1]) for z in (x, y))
    # Accelerators would else round the features to 10 or 8 bits of mantissa.
    return jnp.einsum("...pi,...pj->...ij", x, y, precision=lax.Precision.HIGHEST)


def _divisor(features: Array, normalization: str) -> float:
    height, width, channels = features.shape[-3:]
    return float({"none": 1, "hw": height * width, "chw": height * width * channels}[normalization])


NORMALIZATIONS = ("none", "hw", "chw")
GRAM_DISTANCES = {
    "l1": mean_of_absolutes,
    "mse": mean_of_squares,
    "frobenius": root_of_squares,
    "squared_frobenius": sum_of_squares,
}
