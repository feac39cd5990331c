"""SqueezeNet 1.1 (Iandola et al. 2016), as in torchvision."""

from ._layers import Conv, Fire, Pool, Relu, Table


SQUEEZENET1_1: Table = (
    Conv("conv1", 64, stride=2, padding=0), Relu("relu1"), Pool("pool1", 3, 2, ceil=True),
    Fire("fire2", 16, 64), Fire("fire3", 16, 64), Pool("pool3", 3, 2, ceil=True),
    Fire("fire4", 32, 128), Fire("fire5", 32, 128), Pool("pool5", 3, 2, ceil=True),
    Fire("fire6", 48, 192), Fire("fire7", 48, 192), Fire("fire8", 64, 256), Fire("fire9", 64, 256),
)  # fmt: skip
