"""Inception v3 (Szegedy et al. 2016) as TensorFlow's classifier of December 2015 has it, on which FID is defined.

It differs from torchvision's: pooling averages the pixels that there are, the last block pools maxima, and there are
1008 classes. Batch normalization is part of the convolutions. All names are torchvision's.
"""

from typing import NamedTuple


class Unit(NamedTuple):
    """A convolution with bias, then a ReLU; `same`: padded with zeros so that steps of one pixel keep the size."""

    name: str
    features: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    same: bool = True


class MaxPool(NamedTuple):
    """Maximum over 3 x 3 pixels: in steps of one, over those that there are; in steps of two, within the image."""

    name: str = ""
    stride: int = 1


class MeanPool(NamedTuple):
    """Mean over those of 3 x 3 pixels that there are."""

    name: str = ""


class Branches(NamedTuple):
    """Chains side by side, whose outputs are concatenated; without a name, their parameters are those of its chain."""

    name: str
    chains: tuple["Chain", ...]


Row = Unit | MaxPool | MeanPool | Branches
Chain = tuple[Row, ...]
SQUARE, WIDE, TALL = (3, 3), (1, 3), (3, 1)
LONG_WIDE, LONG_TALL = (1, 7), (7, 1)


def _block_a(name: str, pooled: int) -> Branches:
    double = (Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, SQUARE), Unit("branch3x3dbl_3", 96, SQUARE))
    return Branches(name, (
        (Unit("branch1x1", 64),),
        (Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, (5, 5))),
        double,
        (MeanPool(), Unit("branch_pool", pooled)),
    ))  # fmt: skip


def _block_b(name: str) -> Branches:
    last = Unit("branch3x3dbl_3", 96, SQUARE, 2, same=False)
    return Branches(name, (
        (Unit("branch3x3", 384, SQUARE, 2, same=False),),
        (Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, SQUARE), last),
        (MaxPool(stride=2),),
    ))  # fmt: skip


def _block_c(name: str, narrow: int) -> Branches:
    single = zip((narrow, narrow, 192), ((1, 1), LONG_WIDE, LONG_TALL), strict=True)
    double = zip((*4 * (narrow,), 192), ((1, 1), *2 * (LONG_TALL, LONG_WIDE)), strict=True)
    return Branches(name, (
        (Unit("branch1x1", 192),),
        tuple(Unit(f"branch7x7_{i}", *row) for i, row in enumerate(single, 1)),
        tuple(Unit(f"branch7x7dbl_{i}", *row) for i, row in enumerate(double, 1)),
        (MeanPool(), Unit("branch_pool", 192)),
    ))  # fmt: skip


def _block_d(name: str) -> Branches:
    long = (Unit("branch7x7x3_2", 192, LONG_WIDE), Unit("branch7x7x3_3", 192, LONG_TALL))
    return Branches(name, (
        (Unit("branch3x3_1", 192), Unit("branch3x3_2", 320, SQUARE, 2, same=False)),
        (Unit("branch7x7x3_1", 192), *long, Unit("branch7x7x3_4", 192, SQUARE, 2, same=False)),
        (MaxPool(stride=2),),
    ))  # fmt: skip


def _block_e(name: str, pool: Row) -> Branches:
    def split(prefix: str) -> Branches:
        return Branches("", ((Unit(f"{prefix}a", 384, WIDE),), (Unit(f"{prefix}b", 384, TALL),)))

    return Branches(name, (
        (Unit("branch1x1", 320),),
        (Unit("branch3x3_1", 384), split("branch3x3_2")),
        (Unit("branch3x3dbl_1", 448), Unit("branch3x3dbl_2", 384, SQUARE), split("branch3x3dbl_3")),
        (pool, Unit("branch_pool", 192)),
    ))  # fmt: skip


INCEPTION: Chain = (
    Unit("Conv2d_1a_3x3", 32, SQUARE, 2, same=False),
    Unit("Conv2d_2a_3x3", 32, SQUARE, same=False),
    Unit("Conv2d_2b_3x3", 64, SQUARE), MaxPool("maxpool1", 2),
    Unit("Conv2d_3b_1x1", 80),
    Unit("Conv2d_4a_3x3", 192, SQUARE, same=False), MaxPool("maxpool2", 2),
    _block_a("Mixed_5b", 32), _block_a("Mixed_5c", 64), _block_a("Mixed_5d", 64),
    _block_b("Mixed_6a"),
    _block_c("Mixed_6b", 128), _block_c("Mixed_6c", 160), _block_c("Mixed_6d", 160), _block_c("Mixed_6e", 192),
    _block_d("Mixed_7a"),
    _block_e("Mixed_7b", MeanPool()), _block_e("Mixed_7c", MaxPool()),
)  # fmt: skip
CLASSES = 1008
SIDE = 299  # of the images it was trained on
# Of which output the features of so many dimensions are the mean.
DIMENSIONS = {64: "maxpool1", 192: "maxpool2", 768: "Mixed_6e", 2048: "Mixed_7c"}
# Those of sFID are not: the first channels of the first branch of a block, at all of its 17 x 17 positions.
SPATIAL, SPATIAL_BLOCK, SPATIAL_CHANNELS = 2023, "Mixed_6d", 7


def kernel_shapes(chain: Chain, channels: int = 3, prefix: str = "") -> tuple[dict[str, tuple[int, ...]], int]:
    """Of all convolutions by path, `"Mixed_5b/branch1x1"`, and the channels of the output."""
    shapes: dict[str, tuple[int, ...]] = {}
    for row in chain:
        match row:
            case Unit(name, features, size):
                shapes[prefix + name] = (*size, channels, features)
                channels = features
            case Branches(name, chains):
                inner = f"{prefix}{name}/" if name else prefix
                parts = [kernel_shapes(branch, channels, inner) for branch in chains]
                shapes |= {path: shape for found, _ in parts for path, shape in found.items()}
                channels = sum(width for _, width in parts)
    return shapes, channels
