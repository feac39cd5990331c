"""The libraries whose functions are peers: what is imported of each, and what they need."""

import importlib
from functools import cache
from typing import Any, NamedTuple


class Library(NamedTuple):
    """A peer's package, by the name under which its version is known.

    Attributes:
        module: What is imported, and handed to the calls of the table.
        framework: Whose arrays it takes, a key of `FRAMEWORKS`.
        cuda: Whether it needs a CUDA device.
    """

    module: str
    framework: str
    cuda: bool = False


LIBRARIES = {
    "torch": Library("torch.nn.functional", "torch"),
    "pytorch-msssim": Library("pytorch_msssim", "torch"),
    "piq": Library("piq", "torch"),
    "piqa": Library("piqa", "torch"),
    "torchmetrics": Library("torchmetrics.functional", "torch"),
    "kornia": Library("kornia", "torch"),
    "lpips": Library("lpips", "torch"),
    "focal-frequency-loss": Library("focal_frequency_loss", "torch"),
    "cvvdp": Library("pycvvdp", "torch"),
    "flip-evaluator": Library("flip_evaluator", "numpy"),
    "fused-ssim": Library("fused_ssim", "torch", cuda=True),
    "dm_pix": Library("dm_pix", "jax"),
    "scikit-image": Library("skimage.metrics", "numpy"),
    "sewar": Library("sewar", "numpy"),
    "tensorflow": Library("tensorflow", "tensorflow"),
}


@cache
def missing(name: str) -> str:
    """Why a library cannot take part; empty if it can."""
    try:
        import_library(name)
    except ImportError as error:
        return f"{name} is left out: {error}"
    return ""


@cache
def import_library(name: str) -> Any:
    library = LIBRARIES[name]
    if library.framework == "torch":
        prepare_torchvision()
    if library.cuda and not importlib.import_module("torch").cuda.is_available():
        raise ImportError("it needs a CUDA device")
    return importlib.import_module(library.module)


@cache
def prepare_torchvision() -> None:
    """Where its binary part is missing, torchvision still asks for two operators, which nothing here calls."""
    try:
        importlib.import_module("torchvision")
    except ImportError:
        return  # what needs it will say so
    except RuntimeError:
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _keep_alive.append(library)
        importlib.import_module("torchvision")


_keep_alive = []  # definitions of operators live as long as their library
