"""The road from images to features: preprocessing, a network, named taps."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import as_scalar, check_choice, check_fits, check_image, check_positive, error_text
from .._types import Array, FeatureArrays, Image, Params, Scalar
from ._alexnet import ALEXNET
from ._caffenet import CAFFENETS
from ._layers import Conv, Fire, Table, smallest_side, used_layers
from ._squeezenet import SQUEEZENET1_1
from ._vgg import VGG16, VGG19


TORCHVISION: dict[str, Table] = {"alexnet": ALEXNET, "vgg16": VGG16, "vgg19": VGG19, "squeezenet1_1": SQUEEZENET1_1}
BACKBONES: dict[str, Table] = {**TORCHVISION, **CAFFENETS}

# A user's own network: parameters and preprocessed images [n, H, W, C] to named features [n, h, w, c].
FeatureFunction = Callable[[Params, Array], Mapping[str, Array]]


class Preprocessing(NamedTuple):
    """`(x - offset) / scale`, per channel, of images in [0, 1]."""

    offset: Array | tuple[float, ...]
    scale: Array | tuple[float, ...]


PREPROCESSING = {
    "imagenet": Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # torchvision's mean and deviation
    # The same but for rounding: LPIPS scales images in [-1, 1] by numbers of three digits.
    "lpips": Preprocessing(((1 - 0.030) / 2, (1 - 0.088) / 2, (1 - 0.188) / 2), (0.458 / 2, 0.448 / 2, 0.450 / 2)),
    "symmetric": Preprocessing((0.5,), (0.5,)),  # [-1, 1]
    "unit": Preprocessing((0.0,), (1.0,)),  # [0, 1]
}


def extract_features(
    x: Image,
    *,
    net: str | FeatureFunction,
    params: Params,
    layers: Sequence[str],
    data_range: Scalar,
    preprocess: str = "imagenet",
    dtype: DTypeLike | None = None,
) -> FeatureArrays:
    """Activations of an image classification network at named layers.

    No layer after the last one asked for is computed.

    Args:
        x: Image, `[..., H, W, 3]`, floating, values in `[0, data_range]`.
        net: `"alexnet"`, `"vgg16"`, `"vgg19"`, `"squeezenet1_1"`; or a function of your own, `net(params, images)`,
            from preprocessed images `[n, H, W, C]` to a mapping of names to features `[n, h, w, c]`. Parameters of your
            own for `"caffenet_bigan"`, ... come from `jaxloss weights convert`.
        params: Of the network: `load_params(net)`, `{"conv1": {"kernel", "bias"}, ...}`.
        layers: Names of layers: `"conv3_3"` before its ReLU, `"relu3_3"` after it, `"pool3"`, `"fire5"`.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        preprocess: What the network wants to see: `"imagenet"`, normalized as torchvision's networks were trained;
            `"lpips"`, the same to three digits; `"symmetric"`, [-1, 1]; `"unit"`, [0, 1].
        dtype: Of the network's arithmetic, such as `jnp.bfloat16`; by default float32, or float64 if the image is, both
            in full precision on accelerators, too.

    Returns:
        `{layer: [..., h, w, c]}` in the order of `layers`, float32, or float64 if the image is.

    Raises:
        ValueError: For an unknown network, layer or preprocessing, parameters that lack a layer, images without 3
            channels or too small for the layers asked for.
        TypeError: For integer images.

    Gradient:
        That of the network, finite everywhere: 0 through a ReLU at or below 0; a pooling window passes it on to one of
        its largest values.

    Agrees with:
        torchvision's networks with the same weights: 1e-4 relative, at every size that they take.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("alexnet")
        >>> image = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> features = jaxloss.extract_features(image, net="alexnet", params=params, layers=["relu1"], data_range=1.0)
        >>> print(features["relu1"].shape)
        (15, 15, 64)

    Reference:
        Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
        https://arxiv.org/abs/1409.1556; Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
        2014, https://arxiv.org/abs/1404.5997; Iandola et al., "SqueezeNet", 2016, https://arxiv.org/abs/1602.07360.
    """
    name = "extract_features"
    x = check_image(name, "x", x)
    check_choice(name, "preprocess", preprocess, PREPROCESSING)
    if isinstance(layers, str) or not layers:
        way_out = "For example layers=['relu1_2'] of vgg16."
        raise ValueError(error_text(name, "a list of one layer or more", repr(layers), way_out))
    look = Look(net, tuple(layers), PREPROCESSING[preprocess], dtype)
    return look_at(name, x, params=params, data_range=data_range, look=look)


class Look(NamedTuple):
    """How images are looked at: all of `extract_features` that is not an image or a number."""

    net: str | FeatureFunction
    layers: tuple[str, ...]
    preprocessing: Preprocessing
    dtype: DTypeLike | None


def look_at(name: str, x: Array, *, params: Params, data_range: Scalar, look: Look) -> FeatureArrays:
    """The features of a checked image `[..., H, W, C]`."""
    check_positive(name, "data_range", data_range)
    *leading, height, width, channels = x.shape
    offset, scale = (jnp.asarray(numbers, x.dtype).reshape(1, 1, 1, -1) for numbers in look.preprocessing)
    if channels != 3 and (offset.size == 3 or not callable(look.net)):
        way_out = "Gray images: jnp.repeat(x, 3, axis=-1). Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "x of shape [..., H, W, 3]", x.shape, way_out))
    run = look.net if callable(look.net) else _built_in(name, look.net, look.layers, x, look.dtype)
    images = x.reshape(math.prod(leading), height, width, channels)
    features = run(params, (images / as_scalar(data_range, x.dtype) - offset) / scale)
    missing = [layer for layer in look.layers if layer not in features]
    if missing:
        raise ValueError(error_text(name, f"layers out of {list(features)}", missing, "net returned no such features."))
    return {
        layer: features[layer].astype(x.dtype).reshape(*leading, *features[layer].shape[1:]) for layer in look.layers
    }


def _built_in(name: str, net: str, layers: tuple[str, ...], x: Array, dtype: DTypeLike | None) -> FeatureFunction:
    check_choice(name, "net", net, BACKBONES)
    for layer in layers:
        check_choice(name, f"layer of {net}", layer, [layer.name for layer in BACKBONES[net]])
    table = used_layers(BACKBONES[net], layers)
    check_fits(name, f"{table[-1].name} of {net}", smallest_side(table), x, "Use earlier layers or larger images.")
    from ._network import Backbone  # Flax takes as long to import as JAX, and most users need none of it

    backbone = Backbone(table, layers, x.dtype if dtype is None else dtype)
    needed = [layer.name for layer in table if isinstance(layer, Conv | Fire)]

    def run(params: Params, images: Array) -> FeatureArrays:
        if not params.keys() >= set(needed):
            way_out = f"Parameters and net belong together: load_params({net!r})."
            raise ValueError(error_text(name, f"params of {net}, with {needed}", list(params), way_out))
        return cast(FeatureArrays, backbone.apply({"params": params}, images))

    return run
