"""The road from images to features: preprocessing, a network, named taps."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import as_scalar, check_choice, check_fits, check_image, check_positive, error_text
from .._types import Array, FeatureArrays, Image, Params, Scalar
from ._alexnet import ALEXNET, ALEXNET_SHIFT_TOLERANT
from ._caffenet import CAFFENETS
from ._layers import Conv, Fire, Table, smallest_side, used_layers
from ._squeezenet import SQUEEZENET1_1
from ._strips import Combine, Run, Stage, run_in_strips
from ._vgg import VGG16, VGG16_NORM, VGG16_SHIFT_TOLERANT, VGG19


TORCHVISION: dict[str, Table] = {"alexnet": ALEXNET, "vgg16": VGG16, "vgg19": VGG19, "squeezenet1_1": SQUEEZENET1_1}
BACKBONES: dict[str, Table] = {
    **TORCHVISION,
    **CAFFENETS,
    "vgg16_norm": VGG16_NORM,
    "alexnet_shift_tolerant": ALEXNET_SHIFT_TOLERANT,
    "vgg16_shift_tolerant": VGG16_SHIFT_TOLERANT,
}
PRECISIONS = ("highest", "high", "default")  # of jax.lax.Precision

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
    precision: str = "highest",
    strip_rows: int | None = None,
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
        dtype: Of the network's arithmetic, such as `jnp.bfloat16`; by default float32, or float64 if the image is.
        precision, strip_rows: As for `lpips`; of the features themselves all rows are kept.

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
    look = Look(net, tuple(layers), PREPROCESSING[preprocess], dtype, precision, strip_rows)
    return look_at(name, x, params=params, data_range=data_range, look=look)


class Look(NamedTuple):
    """How images are looked at: all of `extract_features` that is not an image or a number."""

    net: str | FeatureFunction
    layers: tuple[str, ...]
    preprocessing: Preprocessing
    dtype: DTypeLike | None = None
    precision: str = "highest"
    strip_rows: int | None = None


def look_at(name: str, x: Array, *, params: Params, data_range: Scalar, look: Look) -> FeatureArrays:
    """The features of a checked image `[..., H, W, C]`."""
    return look_together(name, (x,), params=params, data_range=data_range, look=look, combine=dict)


def look_together(
    name: str, images: tuple[Array, ...], *, params: Params, data_range: Scalar, look: Look, combine: Combine
) -> FeatureArrays:
    """`combine(features of the first image, of the second, ...)` for checked images `[..., H, W, C]` of one shape.

    It gets `{layer: [n, h, w, c]}` and treats each position for itself: in strips, its results alone become whole.
    """
    check_positive(name, "data_range", data_range)
    check_choice(name, "precision", look.precision, PRECISIONS)
    seen = tuple(_preprocessed(name, x, data_range, look) for x in images)
    x = images[0]
    table, run = (_own if callable(look.net) else _built_in)(name, look, params, x)
    if look.strip_rows is None:
        found = combine(*(run(Stage(table, look.layers), z) for z in seen))
    else:
        found = run_in_strips(run, table, look.layers, seen, look.strip_rows, combine)
    return {layer: z.reshape(*x.shape[:-3], *z.shape[1:]) for layer, z in found.items()}


def _preprocessed(name: str, x: Array, data_range: Scalar, look: Look) -> Array:
    """`[n, H, W, C]`."""
    *leading, height, width, channels = x.shape
    offset, scale = (jnp.asarray(numbers, x.dtype).reshape(1, 1, 1, -1) for numbers in look.preprocessing)
    if channels != 3 and (offset.size == 3 or not callable(look.net)):
        way_out = "Gray images: jnp.repeat(x, 3, axis=-1). Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "x of shape [..., H, W, 3]", x.shape, way_out))
    images = x.reshape(math.prod(leading), height, width, channels)
    return (images / as_scalar(data_range, x.dtype) - offset) / scale


def _own(name: str, look: Look, params: Params, x: Array) -> tuple[Table, Run]:
    net = cast(FeatureFunction, look.net)
    if look.strip_rows is not None:
        way_out = "Of a function it is not known how far it looks; jax.checkpoint inside of it saves memory."
        raise ValueError(error_text(name, "strip_rows with a network known by name", "a function as net", way_out))

    def run(stage: Stage, images: Array) -> FeatureArrays:
        found = net(params, images)
        missing = [layer for layer in stage.taps if layer not in found]
        if missing:
            way_out = "net returned no such features."
            raise ValueError(error_text(name, f"layers out of {list(found)}", missing, way_out))
        return {layer: found[layer].astype(x.dtype) for layer in stage.taps}

    return (), run


def _built_in(name: str, look: Look, params: Params, x: Array) -> tuple[Table, Run]:
    net = cast(str, look.net)
    check_choice(name, "net", net, BACKBONES)
    for layer in look.layers:
        check_choice(name, f"layer of {net}", layer, [layer.name for layer in BACKBONES[net]])
    table = used_layers(BACKBONES[net], look.layers)
    check_fits(name, f"{table[-1].name} of {net}", smallest_side(table), x, "Use earlier layers or larger images.")
    needed = [layer.name for layer in table if isinstance(layer, Conv | Fire)]
    if not params.keys() >= set(needed):
        way_out = f"Parameters and net belong together: load_params({net!r})."
        raise ValueError(error_text(name, f"params of {net}, with {needed}", list(params), way_out))
    if look.strip_rows is not None and look.strip_rows < 1:
        raise ValueError(error_text(name, "strip_rows >= 1", look.strip_rows, "None computes all rows at once."))
    from ._network import Backbone  # Flax takes as long to import as JAX, and most users need none of it

    dtype = x.dtype if look.dtype is None else look.dtype

    def run(stage: Stage, images: Array) -> FeatureArrays:
        backbone = Backbone(stage.layers, stage.outputs, dtype, look.precision)
        found = cast(FeatureArrays, backbone.apply({"params": params}, images))
        return {layer: z.astype(x.dtype) if layer in stage.taps else z for layer, z in found.items()}

    return table, run
