"""Files as the authors of ST-LPIPS have them, of thin networks with random numbers."""

import numpy as np

from jaxloss.backbones._features import BACKBONES, PREPROCESSING
from jaxloss.backbones._layers import Blur
from jaxloss.backbones._lpips_nets import ST_NETS
from jaxloss.weights._convert import layout
from jaxloss.weights._st_lpips import BLUR
from jaxloss.weights._tensors import Tensors
from tests.networks import WIDTH, thinned


SMALL = {row.backbone: thinned(BACKBONES[row.backbone], row.layers) for row in ST_NETS.values()}


def state_of(net: str, rng: np.random.Generator) -> Tensors:
    """As the package names it, in slices that end with what LPIPS looks at."""
    backbone, layers = ST_NETS[net]
    offset, scale = (np.asarray(numbers, np.float32) for numbers in PREPROCESSING["lpips"])
    state = {
        "scaling_layer.shift": 2 * offset.reshape(1, 3, 1, 1) - 1,
        "scaling_layer.scale": 2 * scale.reshape(1, 3, 1, 1),
    }
    slices, at = {}, 1
    for index, layer in enumerate(BACKBONES[backbone]):
        slices[index] = at
        at += layer.name in layers
        if isinstance(layer, Blur):
            state[f"net.slice{slices[index]}.{index}.filt"] = np.tile(BLUR, (WIDTH, 1, 1, 1)).astype(np.float32)
    for place in layout(backbone).values():
        _, index, part = place.torch_name.split(".")
        tensor = rng.standard_normal(place.torch_shape, np.float32)
        state[f"net.slice{slices[int(index)]}.{index}.{part}"] = tensor
    return state | {f"lin{i}.model.1.weight": rng.random((1, WIDTH, 1, 1), np.float32) for i in range(len(layers))}
