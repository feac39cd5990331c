"""CaffeNet (Jia 2014), a variant of AlexNet in two towers, as networks were trained on it without labels."""

from ._layers import Conv, Lab, Norm, Pool, Relu, Table


def caffenet(*, stride: int = 4, groups: int = 2, slope: float = 0.0, norm: bool = False, lab: bool = False) -> Table:
    """What differs: steps of the first layer, towers, slope of the ReLU, normalization after pooling, colors."""
    normalized = [(Norm(f"norm{i}"),) if norm else () for i in (1, 2)]
    return (
        *((Lab("lab"),) if lab else ()),
        Conv("conv1", 96, size=11, stride=stride, padding=0), Relu("relu1", slope),
        Pool("pool1", 3, 2, ceil=True), *normalized[0],
        Conv("conv2", 256, size=5, padding=2, groups=groups), Relu("relu2", slope),
        Pool("pool2", 3, 2, ceil=True), *normalized[1],
        Conv("conv3", 384), Relu("relu3", slope),
        Conv("conv4", 384, groups=groups), Relu("relu4", slope),
        Conv("conv5", 256, groups=groups), Relu("relu5", slope), Pool("pool5", 3, 2, ceil=True),
    )  # fmt: skip


CAFFENETS: dict[str, Table] = {
    "caffenet_bigan": caffenet(slope=0.2),
    "caffenet_puzzle": caffenet(norm=True, stride=2),  # as it was trained, on tiles of 64 pixels
    "caffenet_puzzle4": caffenet(norm=True),  # as it was handed on to other tasks
    "caffenet_splitbrain": caffenet(lab=True),
    "caffenet_watching": caffenet(groups=1),
}
