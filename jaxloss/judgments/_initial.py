"""First parameters of LPIPS: random ones, as torch draws them, and the paper's baseline of a Gaussian network."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp

from .._checks import check_choice, error_text
from .._types import Array, Params
from ..backbones._features import BACKBONES, PREPROCESSING, FeatureFunction
from ..backbones._layers import widths
from ..backbones._lpips_nets import LPIPS_NETS
from ..weights._convert import layout
from ..weights._tensors import flatten, nest


Shape = tuple[int, ...]
Draw = Callable[[Array, Shape, int], Array]  # key, shape, inputs of one output


class Distribution(NamedTuple):
    """Of the numbers of a convolution."""

    kernel: Draw
    bias: Draw


def _uniform(variance_times_inputs: float) -> Draw:
    def draw(key: Array, shape: Shape, inputs: int) -> Array:
        bound = math.sqrt(3 * variance_times_inputs / inputs)
        return jax.random.uniform(key, shape, jnp.float32, -bound, bound)

    return draw


def _he_normal(key: Array, shape: Shape, inputs: int) -> Array:
    """He's, with which activations neither vanish nor explode."""
    return math.sqrt(2 / inputs) * jax.random.normal(key, shape, jnp.float32)


def _he_normal_of_outputs(key: Array, shape: Shape, inputs: int) -> Array:
    """He's, with which gradients neither vanish nor explode."""
    height, width, _, outputs = shape
    return _he_normal(key, shape, height * width * outputs)


def _zero(key: Array, shape: Shape, inputs: int) -> Array:
    return jnp.zeros(shape, jnp.float32)


# What torch draws where a network says nothing; and what torchvision's networks say.
TORCH = Distribution(_uniform(1 / 3), _uniform(1 / 3))
DISTRIBUTIONS = {
    "vgg16": Distribution(_he_normal_of_outputs, _zero),
    "vgg19": Distribution(_he_normal_of_outputs, _zero),
    "squeezenet1_1": Distribution(_uniform(2), _zero),
}
GAUSSIAN = Distribution(_he_normal, _zero)
SIDE = 64  # pixels of the images at which a network of the user's is asked for its features


def init_lpips(key: Array, *, net: str | FeatureFunction = "alex", trunk: Params | None = None) -> dict[str, Any]:
    """Parameters of LPIPS before any training: random heads, on a random network or on a given one.

    Kernels and biases are drawn as torchvision's networks are: uniformly between plus and minus the inverse root of an
    output's inputs (AlexNet), from He's normal (VGG) or uniform distribution (SqueezeNet) with biases of 0. Heads are
    drawn as torch does a 1 x 1 convolution, uniformly between plus and minus the inverse root of the channels, and what
    is negative is set to 0, as the training does after each of its steps: so distances are distances from the start.

    Args:
        key: From `jax.random.key`.
        net: As for `lpips`. A function of your own needs a `trunk`, and has heads for all features that it returns.
        trunk: Parameters of the network, which are kept: `load_params("alexnet")`. By default random ones.

    Returns:
        What `lpips` takes: `{"trunk": {...}, "heads": {layer: [C], ...}, "preprocessing": {"offset": [3], "scale":
        [3]}}`, float32; of a function of your own without preprocessing.

    Raises:
        ValueError: For an unknown network, or a trunk that is another network's or missing.

    Example:
        >>> import jax, jaxloss
        >>> from jaxloss.judgments import init_lpips
        >>> params = init_lpips(jax.random.key(0), net="alex", trunk=jaxloss.load_params("alexnet"))
        >>> print({layer: head.shape[0] for layer, head in params["heads"].items()})
        {'relu1': 64, 'relu2': 192, 'relu3': 384, 'relu4': 256, 'relu5': 256}

    Reference:
        The initial distributions of `torchvision.models`, https://github.com/pytorch/vision.
    """
    trunk_key, head_key = jax.random.split(key)
    if callable(net):
        if trunk is None:
            way_out = "A function does not say which parameters it takes: pass trunk=."
            raise ValueError(error_text("init_lpips", "a trunk for a network of your own", "none", way_out))
        return {"trunk": trunk, "heads": _heads(head_key, _own_channels(net, trunk))}
    check_choice("init_lpips", "net", net, LPIPS_NETS)
    backbone, layers = LPIPS_NETS[net]
    if trunk is None:
        trunk = _drawn(trunk_key, backbone, DISTRIBUTIONS.get(backbone, TORCH))
    else:
        check_trunk("init_lpips", trunk, backbone)
    channels = widths(BACKBONES[backbone])
    scaling = {name: jnp.asarray(numbers) for name, numbers in PREPROCESSING["lpips"]._asdict().items()}
    heads = _heads(head_key, {layer: channels[layer] for layer in layers})
    return {"trunk": trunk, "heads": heads, "preprocessing": scaling}


def gaussian_trunk(key: Array, *, net: str = "alex") -> dict[str, Any]:
    """A network with Gaussian kernels and biases of 0: the baseline of the paper of LPIPS that has learned nothing.

    The deviation is He's. It does not matter to `lpips`, which compares activations at unit length.

    Args:
        key: From `jax.random.key`.
        net: As for `lpips`.

    Returns:
        What `load_params` returns for the network, float32.

    Example:
        >>> import jax
        >>> from jaxloss.judgments import gaussian_trunk
        >>> draw = jax.jit(lambda key: gaussian_trunk(key, net="alex"))
        >>> print(draw(jax.random.key(0))["conv1"]["kernel"].shape)
        (11, 11, 3, 64)

    Reference:
        Zhang et al., CVPR 2018, https://doi.org/10.1109/CVPR.2018.00068, figure 4 and table 5.
    """
    check_choice("gaussian_trunk", "net", net, LPIPS_NETS)
    return _drawn(key, LPIPS_NETS[net].backbone, GAUSSIAN)


def check_trunk(name: str, trunk: Params, backbone: str) -> None:
    """Whether the parameters have the shapes of a network's."""
    shapes = {tensor: jnp.shape(array) for tensor, array in flatten(trunk).items()}
    for tensor, place in layout(backbone).items():
        if shapes.get(tensor) != place.shape:
            expected, got = f"a trunk of {backbone}, with {tensor} of shape {place.shape}", shapes.get(tensor, "none")
            raise ValueError(error_text(name, expected, got, "Parameters and net belong together."))


def _drawn(key: Array, backbone: str, distribution: Distribution) -> dict[str, Any]:
    """Each tensor with a key of its own."""
    shapes = {name: place.shape for name, place in layout(backbone).items()}
    tensors = {}
    for tensor_key, (name, shape) in zip(jax.random.split(key, len(shapes)), shapes.items(), strict=True):
        layer, _, part = name.rpartition("/")
        draw = cast(Draw, getattr(distribution, part))
        tensors[name] = draw(tensor_key, shape, math.prod(shapes[f"{layer}/kernel"][:3]))
    return nest(tensors)


def _heads(key: Array, channels: dict[str, int]) -> dict[str, Array]:
    keys = jax.random.split(key, len(channels))
    return {
        layer: jax.nn.relu(TORCH.kernel(head_key, (count,), count))
        for head_key, (layer, count) in zip(keys, channels.items(), strict=True)
    }


def _own_channels(net: FeatureFunction, trunk: Params) -> dict[str, int]:
    features = jax.eval_shape(net, trunk, jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32))
    return {layer: feature.shape[-1] for layer, feature in features.items()}
