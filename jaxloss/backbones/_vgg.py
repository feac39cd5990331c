"""VGG16 and VGG19 (Simonyan and Zisserman 2015), as in torchvision: configurations D and E without batch norm."""

from collections.abc import Iterator

from ._layers import Blur, Conv, Layer, Pool, Relu, Table


WIDTHS = (64, 128, 256, 512, 512)


def _blocks(depths: tuple[int, ...], pooling: str = "maximum") -> Iterator[Layer]:
    for block, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), start=1):
        for i in range(1, depth + 1):
            yield Conv(f"conv{block}_{i}", width)
            yield Relu(f"relu{block}_{i}")
        match pooling:
            case "norm":
                yield Blur(f"pool{block}", norm=True)
            case "blur":
                yield from (Pool(f"pool{block}", 2, 1), Blur(f"blur_pool{block}", 2, reflect=True))
            case _:
                yield Pool(f"pool{block}", 2, 2)


VGG16: Table = tuple(_blocks((2, 2, 3, 3, 3)))
VGG19: Table = tuple(_blocks((2, 2, 4, 4, 4)))
VGG16_NORM: Table = tuple(_blocks((2, 2, 3, 3, 3), "norm"))  # of DISTS, with VGG16's parameters
VGG16_SHIFT_TOLERANT: Table = tuple(_blocks((2, 2, 3, 3, 3), "blur"))  # Ghildyal and Liu 2022
