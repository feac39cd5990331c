"""AlexNet (Krizhevsky 2014, the one-tower version), as in torchvision."""

from ._layers import Conv, Pool, Relu, Table


ALEXNET: Table = (
    Conv("conv1", 64, size=11, stride=4, padding=2), Relu("relu1"), Pool("pool1", 3, 2),
    Conv("conv2", 192, size=5, padding=2), Relu("relu2"), Pool("pool2", 3, 2),
    Conv("conv3", 384), Relu("relu3"),
    Conv("conv4", 256), Relu("relu4"),
    Conv("conv5", 256), Relu("relu5"), Pool("pool5", 3, 2),
)  # fmt: skip
