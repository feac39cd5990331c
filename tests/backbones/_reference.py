"""Networks in slow NumPy, written from the definitions of their layers."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxloss.backbones._layers import Conv, Fire, Layer, Pool, Table


def activations(table: Table, params: dict[str, Any], x: np.ndarray) -> dict[str, np.ndarray]:
    """Of every layer, `[h, w, c]`, for one image `[H, W, C]`."""
    found = {}
    for layer in table:
        x = found[layer.name] = run_layer(layer, params.get(layer.name, {}), x)
    return found


def run_layer(layer: Layer, params: dict[str, Any], x: np.ndarray) -> np.ndarray:
    match layer:
        case Conv(_, _, _, stride, padding):
            return convolve(x, params, stride, padding)
        case Pool(_, size, stride, ceil):
            return max_pool(x, size, stride, ceil)
        case Fire():
            narrow = np.maximum(convolve(x, params["squeeze"]), 0)
            sides = convolve(narrow, params["expand1x1"]), convolve(narrow, params["expand3x3"], padding=1)
            return np.maximum(np.concatenate(sides, axis=-1), 0)
    return np.maximum(x, 0)


def convolve(x: np.ndarray, params: dict[str, np.ndarray], stride: int = 1, padding: int = 0) -> np.ndarray:
    kernel = params["kernel"]
    padded = np.pad(x, [(padding, padding), (padding, padding), (0, 0)])
    windows = sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]  # [h, w, C, size, size]
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), 3) + params["bias"]


def max_pool(x: np.ndarray, size: int, stride: int, ceil: bool) -> np.ndarray:
    rows, columns = (window_starts(length, size, stride, ceil) for length in x.shape[:2])
    return np.stack([[x[i : i + size, j : j + size].max(axis=(0, 1)) for j in columns] for i in rows])


def window_starts(length: int, size: int, stride: int, ceil: bool) -> list[int]:
    """Windows that lie in the image, and with `ceil` one more if these do not reach its end."""
    starts = list(range(0, length - size + 1, stride))
    if ceil and (not starts or starts[-1] + size < length):
        starts.append(starts[-1] + stride if starts else 0)
    return starts
