"""Arrays by name, as they are in the files: their digest, quantization, and the nested dicts that are made of them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._checks import error_text


Tensors = dict[str, np.ndarray]  # "conv1/kernel": [height, width, in, out], "conv1/bias": [out], "alex/0.1/relu1": [c]

EXTENSION = ".safetensors"
LARGEST = 2**15 - 1


def digest(tensors: Tensors) -> str:
    """sha256 over names, dtypes, shapes and numbers, whatever file they are in."""
    sha256 = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha256.update(f"{name} {tensor.dtype.str} {list(tensor.shape)}\n".encode())
        sha256.update(np.ascontiguousarray(tensor).data)
    return sha256.hexdigest()


def quantize(tensors: Tensors) -> Tensors:
    """Kernels as 16-bit integers, with one scale per output channel beside them; the largest weight is 32767 scales."""
    result = {}
    for name, tensor in tensors.items():
        if not name.endswith("/kernel"):
            result[name] = tensor
            continue
        largest = np.abs(tensor).max(axis=(0, 1, 2))
        scale = np.where(largest > 0, largest / LARGEST, 1).astype(np.float32)
        result[name] = np.rint(tensor / scale).astype(np.int16)
        result[name.removesuffix("kernel") + "scale"] = scale
    return result


def dequantize(tensors: Tensors) -> Tensors:
    """The inverse of `quantize` but for rounding by at most half a scale."""
    scales = {
        name: name.removesuffix("kernel") + "scale" for name, tensor in tensors.items() if tensor.dtype == np.int16
    }
    return {
        name: tensor.astype(np.float32) * tensors[scales[name]] if name in scales else tensor
        for name, tensor in tensors.items()
        if name not in scales.values()
    }


def nest(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """`{"conv1/kernel": k}` to `{"conv1": {"kernel": k}}`."""
    nested: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *parents, last = name.split("/")
        inner = nested
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = tensor
    return nested


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The inverse of `nest`."""
    tensors: dict[str, Any] = {}
    for name, value in nested.items():
        if not isinstance(name, str) or not name or "/" in name or (isinstance(value, Mapping) and not value):
            way_out = "Leave out what is empty, and rename what has a slash."
            raise ValueError(error_text("params", "nested dicts of arrays by names without /", repr(name), way_out))
        tensors |= flatten(value, f"{prefix}{name}/") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return tensors
