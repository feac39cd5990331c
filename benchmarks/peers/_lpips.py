"""The original LPIPS on PyTorch, with its own heads and our trunk: nothing is downloaded, and its numbers are ours."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from jaxloss import load_params


@cache
def original(net: str, version: str = "0.1", weighting: str = "learned", spatial: bool = False) -> Any:
    """The module `lpips.LPIPS`, which takes images in [-1, 1]. torchvision has to be importable."""
    import lpips
    import torch

    model = lpips.LPIPS(
        net=net, version=version, lpips=weighting == "learned", spatial=spatial, pnet_rand=True, verbose=False
    )
    modules = [module for module in model.net.modules() if isinstance(module, torch.nn.Conv2d)]
    for module, layer in zip(modules, convolutions(load_params(f"lpips-{net}")["trunk"]), strict=True):
        kernel = np.asarray(layer["kernel"]).transpose(3, 2, 0, 1).copy()
        module.weight = torch.nn.Parameter(torch.from_numpy(kernel))
        module.bias = torch.nn.Parameter(torch.from_numpy(np.asarray(layer["bias"]).copy()))
    return model.eval().requires_grad_(False)


def convolutions(params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """From first to last: the names of layers sort in their order."""
    if "kernel" in params:
        yield params
    else:
        order = ["squeeze", "expand1x1", "expand3x3"] if "squeeze" in params else sorted(params)
        for name in order:
            yield from convolutions(params[name])
