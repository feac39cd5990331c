"""Which networks LPIPS looks through, and at which of their layers."""

from typing import NamedTuple

from ._caffenet import CAFFENETS


class LPIPSNet(NamedTuple):
    backbone: str
    layers: tuple[str, ...]


_FIVE = ("relu1", "relu2", "relu3", "relu4", "relu5")
# Those of which heads are published.
PUBLISHED_NETS = {
    "alex": LPIPSNet("alexnet", _FIVE),
    "vgg": LPIPSNet("vgg16", ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")),
    "squeeze": LPIPSNet("squeezenet1_1", ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")),
}
# Those of ST-LPIPS: the same layers of networks that are not disturbed by shifts.
ST_NETS = {
    "st_alex": LPIPSNet("alexnet_shift_tolerant", PUBLISHED_NETS["alex"].layers),
    "st_vgg": LPIPSNet("vgg16_shift_tolerant", PUBLISHED_NETS["vgg"].layers),
}
# The paper compares networks that were trained without labels, too; their parameters are for users to convert.
LPIPS_NETS = {
    **PUBLISHED_NETS,
    **ST_NETS,
    **{name.removeprefix("caffenet_"): LPIPSNet(name, _FIVE) for name in CAFFENETS},
}


def lpips_net(backbone: str) -> str | None:
    """What LPIPS calls a network, if it looks through it."""
    return next((net for net, row in LPIPS_NETS.items() if row.backbone == backbone), None)
