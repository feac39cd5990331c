"""The layers of which the tables of networks are made: what they are called and how large their output is."""

from typing import NamedTuple


class Conv(NamedTuple):
    """A square convolution with bias, before its ReLU; each of the groups sees a part of the channels.

    If it is `blurred`, then as by `Blur(padding=2, reflect=True)`.
    """

    name: str
    features: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    groups: int = 1
    blurred: bool = False

    def output_size(self, size: int) -> int:
        size = (size + 2 * self.padding - self.size) // self.stride + 1
        return Blur("", 2, reflect=True).output_size(size) if self.blurred else size


class Relu(NamedTuple):
    """What is negative is multiplied by the slope."""

    name: str
    slope: float = 0.0

    def output_size(self, size: int) -> int:
        return size


class Pool(NamedTuple):
    """Maximum over square windows; with `ceil`, the last one may reach beyond the border."""

    name: str
    size: int
    stride: int
    ceil: bool = False

    def output_size(self, size: int) -> int:
        steps = size - self.size
        return (-(-steps // self.stride) if self.ceil else steps // self.stride) + 1


class Blur(NamedTuple):
    """Mean over 3 x 3 pixels weighted [1, 2, 1] / 4 both ways, in steps of two; or (`norm`) root of that of squares.

    Beyond the border are zeros, or (`reflect`) the image mirrored at its last pixels.
    """

    name: str
    padding: int = 1
    reflect: bool = False
    norm: bool = False

    def output_size(self, size: int) -> int:
        return 0 if self.reflect and size <= self.padding else (size + 2 * self.padding - 3) // 2 + 1


class Fire(NamedTuple):
    """SqueezeNet's module: a narrow 1 x 1 convolution, then 1 x 1 and 3 x 3 ones side by side, each with its ReLU."""

    name: str
    squeeze: int
    expand: int

    def output_size(self, size: int) -> int:
        return size


class Norm(NamedTuple):
    """Local response normalization, `x / (1 + alpha * mean of the squares of the channels around it) ** beta`."""

    name: str
    channels: int = 5
    alpha: float = 1e-4
    beta: float = 0.75

    def output_size(self, size: int) -> int:
        return size


class Lab(NamedTuple):
    """CIE Lab of RGB images that were normalized as for ImageNet, by `(x - offset) / scale`."""

    name: str
    offset: tuple[float, float, float] = (0.485, 0.456, 0.406)
    scale: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def output_size(self, size: int) -> int:
        return size


Layer = Conv | Relu | Pool | Blur | Fire | Norm | Lab
Table = tuple[Layer, ...]


def used_layers(layers: Table, taps: tuple[str, ...]) -> Table:
    """Those up to the last tap."""
    names = [layer.name for layer in layers]
    return layers[: 1 + max(names.index(tap) for tap in taps)]


def widths(layers: Table) -> dict[str, int]:
    """The number of channels after each layer, for images of three."""
    channels, result = 3, {}
    for layer in layers:
        match layer:
            case Conv(features=features):
                channels = features
            case Fire(expand=expand):
                channels = 2 * expand
        result[layer.name] = channels
    return result


def smallest_side(layers: Table) -> int:
    """Of the images for which no layer's output is empty."""
    side = 1
    while not _fits(layers, side):
        side += 1
    return side


def _fits(layers: Table, size: int) -> bool:
    for layer in layers:
        size = layer.output_size(size)
        if size < 1:
            return False
    return True
