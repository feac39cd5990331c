"""AlexNet (Krizhevsky 2014, the one-tower version), as in torchvision."""

from ._layers import Blur, Conv, Pool, Relu, Table


ALEXNET: Table = (
    Conv("conv1", 64, size=11, stride=4, padding=2), Relu("relu1"), Pool("pool1", 3, 2),
    Conv("conv2", 192, size=5, padding=2), Relu("relu2"), Pool("pool2", 3, 2),
    Conv("conv3", 384), Relu("relu3"),
    Conv("conv4", 256), Relu("relu4"),
    Conv("conv5", 256), Relu("relu5"), Pool("pool5", 3, 2),
)  # fmt: skip

# Of Ghildyal and Liu 2022: wherever it takes steps of two, it blurs first.
ALEXNET_SHIFT_TOLERANT: Table = (
    Conv("conv1", 64, size=11, padding=2, blurred=True), Relu("relu1"),
    Pool("pool1", 3, 1), Blur("blur_pool1", 2, reflect=True), Conv("conv2", 192, size=5, padding=2), Relu("relu2"),
    Pool("pool2", 3, 1), Blur("blur_pool2", 2, reflect=True), Conv("conv3", 384), Relu("relu3"),
    Conv("conv4", 256), Relu("relu4"),
    Conv("conv5", 256), Relu("relu5"), Pool("pool5", 3, 1), Blur("blur_pool5", 2, reflect=True),
)  # fmt: skip
