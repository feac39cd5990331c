"""One row per metric and loss: what the command line, the contract tests, the README and the benchmarks read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .losses._frequency import focal_frequency_loss
from .losses._pixel import barron_loss, charbonnier_loss
from .losses._smoothness import gradient_loss
from .losses._structural import mix_loss, ms_ssim_loss, multi_sigma_ssim_loss, ssim_loss
from .metrics._ms_ssim import ms_ssim
from .metrics._multi_sigma_ssim import multi_sigma_ssim, multi_sigma_ssim_map
from .metrics._pixel import mae, mse, psnr, rmse
from .metrics._ssim import ssim, ssim_map
from .perceptual._lpips import lpips, lpips_map


@dataclass(frozen=True)
class Metric:
    """What one can know of a metric without calling it.

    Attributes:
        function: `function(x, y, *, ...)`, one number per image.
        kind: `"metric"`, a score to report, or `"loss"`, an objective to minimize.
        better: Which way is better.
        perfect: The score of equal images.
        lowest: Lower end of the range of scores, for images in their data range.
        highest: Upper end.
        needs: Required keywords besides the two images.
        paper: Where it was defined.
        agrees_with: Implementations that give the same number, in words for a table.
        symmetric: Whether the images may be exchanged.
        mask: Whether it takes a mask.
        map: The function that returns the field before averaging, where there is one.
        smallest: Least side of an image in pixels, with default arguments.
        channels: The number of channels that it needs, or 0 for any.
        weights: What `load_params` takes to make its `params`, or "" for a metric without.
        variant: What sets the row apart from another one of the same function.
        options: The arguments that make it that variant.
    """

    function: Callable[..., Any]
    kind: Literal["metric", "loss"]
    better: Literal["higher", "lower"]
    perfect: float
    lowest: float
    highest: float
    needs: tuple[str, ...]
    paper: str
    agrees_with: str
    symmetric: bool = True
    mask: bool = True
    map: Callable[..., Any] | None = None
    smallest: int = 1
    channels: int = 0
    weights: str = ""
    variant: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        return "_".join(filter(None, (self.function.__name__, self.variant)))


_RANGE = ("data_range",)
_ANY_SSIM = "scikit-image, TensorFlow, pytorch-msssim, dm_pix, piq, torchmetrics, kornia (a convention for each)"
_ANY_MS_SSIM = "TensorFlow, pytorch-msssim, piq, torchmetrics (a convention for each)"
_ZHAO = "Zhao 2017"
_LPIPS = Metric(
    lpips, "metric", "lower", 0, 0, math.inf, ("params", "data_range"), "Zhang 2018", "lpips (the authors' package)",
    map=lpips_map, smallest=31, channels=3, weights="lpips-alex",
)  # fmt: skip

_ROWS = (
    Metric(mae, "metric", "lower", 0, 0, math.inf, (), "Willmott 2005", "dm_pix, torch"),
    Metric(mse, "metric", "lower", 0, 0, math.inf, (), "Wang 2009", "scikit-image, dm_pix"),
    Metric(rmse, "metric", "lower", 0, 0, math.inf, (), "Wang 2009", "dm_pix"),
    Metric(
        psnr, "metric", "higher", math.inf, -math.inf, math.inf, _RANGE, "Huynh-Thu 2008",
        "scikit-image, torchmetrics, dm_pix",
    ),
    Metric(ssim, "metric", "higher", 1, -1, 1, _RANGE, "Wang 2004", _ANY_SSIM, map=ssim_map, smallest=11),
    Metric(ms_ssim, "metric", "higher", 1, 0, 1, _RANGE, "Wang 2003", _ANY_MS_SSIM, smallest=161),
    Metric(
        multi_sigma_ssim, "metric", "higher", 1, -1, 1, _RANGE, _ZHAO, "the authors' code at patch centers",
        map=multi_sigma_ssim_map, smallest=33,
    ),
    _LPIPS,
    replace(_LPIPS, smallest=16, weights="lpips-vgg", variant="vgg", options={"net": "vgg"}),
    replace(_LPIPS, smallest=17, weights="lpips-squeeze", variant="squeeze", options={"net": "squeeze"}),
    Metric(charbonnier_loss, "loss", "lower", 0, 0, math.inf, (), "Charbonnier 1994", "BasicSR, less its constant"),
    Metric(barron_loss, "loss", "lower", 0, 0, math.inf, (), "Barron 2019", "the author's code, kornia"),
    Metric(
        gradient_loss, "loss", "lower", 0, 0, math.inf, (), "Mathieu 2016", "the paper, whose sum is a mean here",
        smallest=2,
    ),
    Metric(
        focal_frequency_loss, "loss", "lower", 0, 0, math.inf, (), "Jiang 2021", "the authors' package",
        mask=False,
    ),
    Metric(ssim_loss, "loss", "lower", 0, 0, 2, _RANGE, _ZHAO, "piq", smallest=11),
    Metric(ms_ssim_loss, "loss", "lower", 0, 0, 1, _RANGE, "Wang 2003", "piq", smallest=161),
    Metric(
        multi_sigma_ssim_loss, "loss", "lower", 0, 0, 2, _RANGE, _ZHAO, "the authors' code at patch centers",
        smallest=33,
    ),
    Metric(mix_loss, "loss", "lower", 0, 0, math.inf, _RANGE, _ZHAO, "the authors' code at patch centers", smallest=33),
)  # fmt: skip

REGISTRY: dict[str, Metric] = {row.name: row for row in _ROWS}
"""Name to row, in reading order."""
