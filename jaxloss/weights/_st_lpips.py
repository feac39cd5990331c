"""The networks of ST-LPIPS with their heads, as its authors' package has them."""

import re
from pathlib import Path

import numpy as np

from .._checks import error_text
from ..backbones._features import PREPROCESSING
from ..backbones._lpips_nets import ST_NETS
from ._convert import from_torch, layout
from ._errors import WeightsError
from ._pth import read_pth
from ._tensors import Tensors


BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16
WAY_OUT = "It is vgg_shift_tolerant.pth or alex_shift_tolerant.pth of stlpips-pytorch 0.0.2."


def is_st_lpips(path: Path) -> bool:
    """Told by the names of the first layer."""
    return bool(read_pth(path, "net.slice1.0."))


def convert_st_lpips(path: Path) -> tuple[str, Tensors]:
    """A whole metric: trunk, heads and preprocessing, all in one file there.

    Returns:
        What `lpips` calls the network, and the tensors that `nest` makes its `params`.

    Raises:
        WeightsError: If the file is damaged, or holds something else.
    """
    state = {re.sub(r"^net\.slice\d+\.", "features.", name): tensor for name, tensor in read_pth(path).items()}
    found = {name: z.shape for name, z in state.items() if re.fullmatch(r"features\.\d+\.(weight|bias)", name)}
    net = next((net for net, row in ST_NETS.items() if found == _shapes(row.backbone)), None)
    if net is None:
        raise WeightsError(error_text(str(path), f"the network of one of {list(ST_NETS)}", "another one", WAY_OUT))
    backbone, layers = ST_NETS[net]
    _check_constants(path, state)
    trunk = {f"trunk/{name}": tensor for name, tensor in from_torch(backbone, state, str(path)).items()}
    heads = {f"heads/{layer}": state[f"lin{i}.model.1.weight"].ravel() for i, layer in enumerate(layers)}
    scaling = {f"preprocessing/{part}": row for part, row in PREPROCESSING["lpips"]._asdict().items()}
    return net, {
        name: np.array(tensor, np.float32, order="C") for name, tensor in {**trunk, **heads, **scaling}.items()
    }


def _shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    return {place.torch_name: place.torch_shape for place in layout(backbone).values()}


def _check_constants(path: Path, state: Tensors) -> None:
    """Its blurring and its scaling of images in [-1, 1] are those that the tables and `PREPROCESSING` have."""
    offset, scale = (np.asarray(numbers) for numbers in PREPROCESSING["lpips"])
    expected = {"scaling_layer.shift": 2 * offset - 1, "scaling_layer.scale": 2 * scale}
    expected |= {name: np.broadcast_to(BLUR, state[name].shape) for name in state if name.endswith(".filt")}
    for name, numbers in expected.items():
        found = state.get(name)
        if found is None or not np.allclose(found.ravel(), numbers.ravel(), atol=1e-6):
            raise WeightsError(error_text(str(path), f"the published {name}", "other numbers", WAY_OUT))
