"""Networks that were trained without labels in Caffe, as trunks of ours."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._checks import check_choice, error_text
from ..backbones._features import BACKBONES, PREPROCESSING
from ..backbones._layers import Conv, Lab, Layer, used_layers
from ._caffe import CaffeLayer, read_caffemodel
from ._convert import layout
from ._errors import WeightsError
from ._tensors import Tensors


class CaffeKind(NamedTuple):
    """What a published network was shown, and which of our tables it may be.

    Attributes:
        nets: Names of tables.
        mean: What was subtracted from each channel (RGB) of images in [0, 255]; None for images that are normalized
            as ours are.
        scale: Of the difference.
        bgr: Whether the channels came in reverse order.
        centered: Whether a layer of its own centers the channels.
    """

    nets: tuple[str, ...]
    mean: tuple[float, float, float] | None = None
    scale: float = 1.0
    bgr: bool = False
    centered: bool = False


KINDS = {
    # Donahue, Krähenbühl, Darrell 2017, https://arxiv.org/abs/1605.09782
    "bigan": CaffeKind(("caffenet_bigan",), mean=(127.5, 127.5, 127.5), scale=1 / 127.5, bgr=True),
    # Noroozi, Favaro 2016, https://arxiv.org/abs/1603.09246
    "puzzle": CaffeKind(("caffenet_puzzle", "caffenet_puzzle4"), mean=(123.0, 117.0, 104.0), bgr=True),
    # Zhang, Isola, Efros 2017, https://arxiv.org/abs/1611.09842: Lab, which its table makes of what all networks see.
    "splitbrain": CaffeKind(("caffenet_splitbrain",), centered=True),
    # Pathak et al. 2017, https://arxiv.org/abs/1612.06370: trained in Torch, on images normalized as for ImageNet.
    "watching": CaffeKind(("caffenet_watching",)),
}
WAY_OUT = "Name another --kind; networks that were changed are not converted."
LAST = "relu5"
OTHER_COLUMNS = tuple(f"_s{i}" for i in range(2, 10))  # of the puzzle's nine, whose numbers are the same
CENTERING = "data_lab"  # of the lightness


def convert_caffemodel(path: Path, kind: str) -> tuple[str, Tensors]:
    """The network in a file of Caffe's, and its convolutions.

    What was done to the images is taken into the first convolution, which pads nothing: so the network sees what all
    networks here do, RGB normalized as for ImageNet.

    Args:
        path: A `.caffemodel`.
        kind: `"bigan"`, `"puzzle"`, `"splitbrain"` or `"watching"`.

    Returns:
        What `extract_features` calls the network, and its tensors.

    Raises:
        WeightsError: If the file is damaged, or another network's.
    """
    check_choice("convert_caffemodel", "kind", kind, KINDS)
    everything = read_caffemodel(path)
    layers = _first_column(everything)
    net = _identified(path, kind, [layer.row for layer in layers])
    convolutions = [layer for layer in layers if isinstance(layer.row, Conv)]
    tensors: Tensors = {}
    for row, layer in zip((row for row in BACKBONES[net] if isinstance(row, Conv)), convolutions, strict=True):
        kernel, bias = _numbers(path, layer, row, layout(net)[f"{row.name}/kernel"].shape)
        if not tensors:
            kernel, bias = _for_our_images(path, kernel, bias, KINDS[kind], everything)
        tensors |= {f"{row.name}/kernel": kernel, f"{row.name}/bias": bias}
    return net, {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}


def _first_column(layers: Sequence[CaffeLayer]) -> list[CaffeLayer]:
    """From the first convolution on, those that do something; not those that load, split or judge."""
    named = [layer for layer in layers if not layer.name.endswith(OTHER_COLUMNS)]
    starts = [i for i, layer in enumerate(named) if layer.name.startswith("conv1")]
    working = [layer for layer in named[starts[0] if starts else 0 :] if layer.row is not None or layer.blobs]
    ends = [i for i, layer in enumerate(working) if layer.name.startswith(LAST)]
    return working[: ends[0] + 1 if ends else None]


def _identified(path: Path, kind: str, rows: Sequence[Layer | None]) -> str:
    """The table that does what the layers of the file do, whatever they are called."""
    differences = []
    for net in KINDS[kind].nets:
        table = [row for row in used_layers(BACKBONES[net], (LAST,)) if not isinstance(row, Lab)]
        different = [pair for pair in itertools.zip_longest(table, rows) if not _same(*pair)]
        if not different:
            return net
        differences.append(different[0])
    expected, got = differences[0]
    expected = f"the layers of {kind}, with {expected or 'no more'}"
    raise WeightsError(error_text(str(path), expected, got or "nothing of the kind", WAY_OUT))


def _same(row: Layer | None, found: Layer | None) -> bool:
    if isinstance(row, Conv) and isinstance(found, Conv) and row.groups == 1:
        found = found._replace(groups=1)  # towers are a convolution of which parts are 0
    return row is not None and found is not None and row._replace(name="") == found._replace(name="")


def _numbers(path: Path, layer: CaffeLayer, row: Conv, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Kernel `[height, width, in, out]` and bias `[out]`, in float64, so that they are rounded once."""
    groups = layer.row.groups if isinstance(layer.row, Conv) else 1
    height, width, channels, features = shape
    expected = (features, channels * row.groups // groups, height, width)
    sizes = [blob.shape for blob in layer.blobs]
    if sizes[:1] != [expected] or any(math.prod(size) != features for size in sizes[1:]) or len(sizes) > 2:
        wanted = f"{layer.name} with a kernel of shape {expected} and a bias of {features}"
        raise WeightsError(error_text(str(path), wanted, f"numbers of shapes {sizes}", WAY_OUT))
    kernel, *biases = layer.blobs
    kernel = kernel.astype(np.float64).transpose(2, 3, 1, 0)
    if groups > row.groups:
        towers = np.split(kernel, groups, axis=-1)
        kernel = np.concatenate([_placed(tower, i, groups) for i, tower in enumerate(towers)], axis=-1)
    bias = biases[0].astype(np.float64).ravel() if biases else np.zeros(features)
    return kernel, bias


def _placed(tower: np.ndarray, i: int, groups: int) -> np.ndarray:
    """The kernel of one tower as one that sees all channels."""
    channels = tower.shape[2]
    return np.pad(tower, [(0, 0), (0, 0), (i * channels, (groups - 1 - i) * channels), (0, 0)])


def _for_our_images(
    path: Path, kernel: np.ndarray, bias: np.ndarray, kind: CaffeKind, layers: Sequence[CaffeLayer]
) -> tuple[np.ndarray, np.ndarray]:
    """Of the first convolution, for images that are normalized as ours are, in place of those that it was shown."""
    kernel = kernel[:, :, ::-1] if kind.bgr else kernel
    gain, shift = np.ones(3), np.zeros(3)
    if kind.mean is not None:
        offset, scale = (np.array(numbers) for numbers in PREPROCESSING["imagenet"])
        gain, shift = kind.scale * 255 * scale, kind.scale * (255 * offset - np.array(kind.mean))
    if kind.centered:
        centering = [layer.blobs for layer in layers if layer.name == CENTERING]
        if len(centering) != 1 or [blob.size for blob in centering[0]] != [3, 3]:
            expected = f"a layer {CENTERING} of three weights and three biases"
            raise WeightsError(error_text(str(path), expected, centering or "none", WAY_OUT))
        gain, shift = (blob.astype(np.float64).ravel() for blob in centering[0])
    return kernel * gain[:, None], bias + np.einsum("hwio,i->o", kernel, shift)
