"""piq's DISTS with our weights: nothing is downloaded, and its numbers are ours."""

from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from jaxloss import load_params
from jaxloss.backbones._layers import Conv, Relu
from jaxloss.backbones._vgg import VGG16

from ._lpips import convolutions


@cache
def original_dists() -> Any:
    """The module `piq.DISTS`, which takes images in [0, 1] and reduces those of more than 256 pixels a side."""
    import piq
    import torch

    params = load_params("dists")
    weights = {
        head: torch.from_numpy(np.concatenate([np.asarray(part) for part in layers.values()])).reshape(1, -1, 1, 1)
        for head, layers in params["heads"].items()
    }
    network = SimpleNamespace(features=_vgg16(params["trunk"]))
    with (
        mock.patch.object(piq.perceptual, "vgg16", lambda **_: network),
        mock.patch.object(torch.hub, "load_state_dict_from_url", lambda *_, **__: weights),
    ):
        return piq.DISTS(reduction="none").eval().requires_grad_(False)


def _vgg16(trunk: Any) -> Any:
    import torch
    from torch import nn

    layers, channels = [], 3
    parameters = convolutions(trunk)
    for layer in VGG16:
        match layer:
            case Conv(features=features):
                conv, given = nn.Conv2d(channels, features, 3, padding=1), next(parameters)
                kernel = np.asarray(given["kernel"]).transpose(3, 2, 0, 1).copy()
                conv.weight = nn.Parameter(torch.from_numpy(kernel))
                conv.bias = nn.Parameter(torch.from_numpy(np.asarray(given["bias"]).copy()))
                layers.append(conv)
                channels = features
            case Relu():
                layers.append(nn.ReLU())
            case _:
                layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)
