"""Inception v3 as pytorch-fid and torch-fidelity publish it, with batch normalization taken into the convolutions."""

from collections.abc import Mapping

import numpy as np

from .._checks import error_text
from ..backbones._inception import CLASSES, INCEPTION, kernel_shapes
from ._errors import WeightsError
from ._tensors import Tensors


NET = "inception"
FIRST = "Conv2d_1a_3x3."  # by which its files are told from others
EPSILON = 1e-3  # which batch normalization adds to variances
VECTORS = ("weight", "bias", "running_mean", "running_var")


def inception_shapes() -> dict[str, tuple[int, ...]]:
    """Of all tensors, by our names."""
    kernels, channels = kernel_shapes(INCEPTION)
    parts = {path: {"kernel": shape, "bias": shape[3:]} for path, shape in kernels.items()}
    parts["fc"] = {"kernel": (channels, CLASSES), "bias": (CLASSES,)}
    return {f"{path}/{kind}": shape for path, shapes in parts.items() for kind, shape in shapes.items()}


def from_inception(state: Mapping[str, np.ndarray], source: str) -> Tensors:
    """The network out of a state dict; rounded once."""
    return {name: np.ascontiguousarray(z, np.float32) for name, z in folded(state, source).items()}


def folded(state: Mapping[str, np.ndarray], source: str) -> Tensors:
    """In float64: `weight * (kernel * x - mean) / sqrt(variance + epsilon) + bias` is a convolution, too."""
    tensors: Tensors = {}
    for path, (height, width, channels, features) in kernel_shapes(INCEPTION)[0].items():
        name = path.replace("/", ".")
        kernel = _tensor(state, f"{name}.conv.weight", (features, channels, height, width), source)
        scale, shift, mean, variance = (_tensor(state, f"{name}.bn.{kind}", (features,), source) for kind in VECTORS)
        gain = scale / np.sqrt(variance + EPSILON)
        tensors |= {f"{path}/kernel": kernel.transpose(2, 3, 1, 0) * gain, f"{path}/bias": shift - mean * gain}
    kernel, bias = (inception_shapes()[f"fc/{kind}"] for kind in ("kernel", "bias"))
    tensors["fc/kernel"] = _tensor(state, "fc.weight", kernel[::-1], source).T
    tensors["fc/bias"] = _tensor(state, "fc.bias", bias, source)
    return tensors


def _tensor(state: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], source: str) -> np.ndarray:
    found = state.get(name)
    if found is None or found.shape != shape or found.dtype != np.float32:
        expected = f"Inception v3 of pytorch-fid, with {name} of shape {shape} in float32"
        got = "none" if found is None else f"{found.shape} in {found.dtype}"
        raise WeightsError(error_text(source, expected, got, "This is the file of another network."))
    return found.astype(np.float64)
