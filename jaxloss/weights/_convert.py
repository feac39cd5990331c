"""From torchvision's names and layout of numbers to ours."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .._checks import error_text
from ..backbones._features import BACKBONES, TORCHVISION
from ..backbones._layers import Conv, Fire
from ._errors import WeightsError
from ._tensors import Tensors


class Place(NamedTuple):
    """What torchvision calls a tensor, and its shape here."""

    torch_name: str
    shape: tuple[int, ...]

    @property
    def torch_shape(self) -> tuple[int, ...]:
        """Kernels are [out, in, height, width] there, and [height, width, in, out] here."""
        return tuple(self.shape[axis] for axis in (3, 2, 0, 1)) if len(self.shape) == 4 else self.shape


def layout(net: str) -> dict[str, Place]:
    """All tensors of a network by our names; the layers of torchvision's tables are those of its `features`."""
    places: dict[str, Place] = {}
    channels = 3
    for index, layer in enumerate(BACKBONES[net]):
        torch_name = f"features.{index}"
        match layer:
            case Conv(name, width, size, groups=groups):
                places |= _convolution(name, torch_name, (size, size, channels // groups, width))
                channels = width
            case Fire(name, squeeze, expand):
                places |= _convolution(f"{name}/squeeze", f"{torch_name}.squeeze", (1, 1, channels, squeeze))
                for size in (1, 3):
                    part = f"expand{size}x{size}"
                    places |= _convolution(f"{name}/{part}", f"{torch_name}.{part}", (size, size, squeeze, expand))
                channels = 2 * expand
    return places


def _convolution(name: str, torch_name: str, shape: tuple[int, int, int, int]) -> dict[str, Place]:
    return {
        f"{name}/kernel": Place(f"{torch_name}.weight", shape),
        f"{name}/bias": Place(f"{torch_name}.bias", shape[3:]),
    }


def from_torch(net: str, state: Mapping[str, np.ndarray], source: str) -> Tensors:
    """The convolutions of a network out of a state dict, which may hold more than those."""
    places = layout(net)
    for place in places.values():
        found = state.get(place.torch_name)
        if found is None or found.shape != place.torch_shape or found.dtype != np.float32:
            expected = f"the weights of {net}, with {place.torch_name} of shape {place.torch_shape} in float32"
            got = "none" if found is None else f"{found.shape} in {found.dtype}"
            raise WeightsError(error_text(source, expected, got, "This is the file of another network."))
    return {name: _ours(state[place.torch_name]) for name, place in places.items()}


def _ours(tensor: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor)


def identify(state: Mapping[str, np.ndarray], source: str) -> str:
    """The network whose convolutions these are, all of them and no others."""
    shapes = {name: tensor.shape for name, tensor in state.items()}
    for net in TORCHVISION:
        if shapes == {place.torch_name: place.torch_shape for place in layout(net).values()}:
            return net
    got = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:2]) + ", ..." if shapes else "none"
    expected = f"the features of one of {sorted(TORCHVISION)} as torchvision names them"
    raise WeightsError(error_text(source, expected, got, "Other networks are not converted."))
