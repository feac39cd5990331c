"""Networks in slow NumPy, written from the definitions of their layers."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxloss.backbones._layers import Blur, Conv, Fire, Lab, Layer, Norm, Pool, Relu, Table
from jaxloss.ops import rgb_to_lab


def activations(table: Table, params: dict[str, Any], x: np.ndarray) -> dict[str, np.ndarray]:
    """Of every layer, `[h, w, c]`, for one image `[H, W, C]`."""
    found = {}
    for layer in table:
        x = found[layer.name] = run_layer(layer, params.get(layer.name, {}), x)
    return found


def run_layer(layer: Layer, params: dict[str, Any], x: np.ndarray) -> np.ndarray:
    match layer:
        case Conv(blurred=True):
            return blur(run_layer(layer._replace(blurred=False), params, x), Blur("", padding=2, reflect=True))
        case Conv(_, _, _, stride, padding, groups):
            towers = zip(*(np.split(z, groups, axis=-1) for z in (x, params["kernel"], params["bias"])), strict=True)
            return np.concatenate(
                [convolve(z, {"kernel": k, "bias": b}, stride, padding) for z, k, b in towers], axis=-1
            )
        case Pool(_, size, stride, ceil):
            return max_pool(x, size, stride, ceil)
        case Blur():
            return blur(x, layer)
        case Fire():
            narrow = np.maximum(convolve(x, params["squeeze"]), 0)
            sides = convolve(narrow, params["expand1x1"]), convolve(narrow, params["expand3x3"], padding=1)
            return np.maximum(np.concatenate(sides, axis=-1), 0)
        case Norm(_, channels, alpha, beta):
            around = [x[..., max(0, i - channels // 2) : i + channels // 2 + 1] for i in range(x.shape[-1])]
            squares = np.stack([(z**2).sum(axis=-1) for z in around], axis=-1)
            return x / (1 + alpha / channels * squares) ** beta
        case Lab(_, offset, scale):
            return np.asarray(rgb_to_lab(np.asarray(x * np.array(scale) + np.array(offset), np.float32)))
        case Relu(_, slope):
            return np.where(x > 0, x, slope * x)
    raise NotImplementedError(layer)


def convolve(x: np.ndarray, params: dict[str, np.ndarray], stride: int = 1, padding: int = 0) -> np.ndarray:
    kernel = params["kernel"]
    padded = np.pad(x, [(padding, padding), (padding, padding), (0, 0)])
    windows = sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]  # [h, w, C, size, size]
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), 3) + params["bias"]


def max_pool(x: np.ndarray, size: int, stride: int, ceil: bool) -> np.ndarray:
    rows, columns = (window_starts(length, size, stride, ceil) for length in x.shape[:2])
    return np.stack([[x[i : i + size, j : j + size].max(axis=(0, 1)) for j in columns] for i in rows])


def blur(x: np.ndarray, layer: Blur) -> np.ndarray:
    sides = [(layer.padding, layer.padding), (layer.padding, layer.padding), (0, 0)]
    padded = np.pad(x**2 if layer.norm else x, sides, mode="reflect" if layer.reflect else "constant")
    windows = sliding_window_view(padded, (3, 3), axis=(0, 1))[::2, ::2]
    hann = np.hanning(5)[1:-1]  # which is [1, 2, 1] / 2
    means = np.tensordot(windows, np.outer(hann, hann) / 4, 2)
    return np.sqrt(means + 1e-12) if layer.norm else means


def window_starts(length: int, size: int, stride: int, ceil: bool) -> list[int]:
    """Windows that lie in the image, and with `ceil` one more if these do not reach its end."""
    starts = list(range(0, length - size + 1, stride))
    if ceil and (not starts or starts[-1] + size < length):
        starts.append(starts[-1] + stride if starts else 0)
    return starts
