"""One row per metric and loss: what the command line, the contract tests, the README and the benchmarks read."""

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .losses._frequency import focal_frequency_loss
from .losses._pixel import barron_loss, charbonnier_loss
from .losses._smoothness import gradient_loss
from .losses._structural import mix_loss, ms_ssim_loss, multi_sigma_ssim_loss, ssim_loss
from .metrics._brisque import brisque
from .metrics._color_difference import ciede2000, delta_e_76
from .metrics._cw_ssim import cw_ssim
from .metrics._dss import dss
from .metrics._flip import flip
from .metrics._fsim import fsim, fsimc
from .metrics._gmsd import gmsd
from .metrics._haarpsi import haarpsi
from .metrics._hdr_flip import hdr_flip
from .metrics._iw_ssim import iw_ssim
from .metrics._mdsi import mdsi
from .metrics._ms_gmsd import ms_gmsd, ms_gmsdc
from .metrics._ms_ssim import ms_ssim
from .metrics._multi_sigma_ssim import multi_sigma_ssim
from .metrics._niqe import niqe
from .metrics._nlpd import nlpd
from .metrics._pixel import mae, mse, psnr, rmse
from .metrics._psnr_b import psnr_b
from .metrics._psnr_hvs import psnr_hvs, psnr_hvs_m
from .metrics._remote_sensing import ergas, sam, scc
from .metrics._sr_sim import sr_sim
from .metrics._ssim import ssim
from .metrics._uqi import uqi
from .metrics._vif import vif, vif_p
from .metrics._vsi import vsi
from .perceptual._dists import dists
from .perceptual._lpips import lpips
from .perceptual._st_lpips import st_lpips
from .sets._table import SETS as SETS


Options = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What one can know of a metric without calling it. What follows from the function is read off it.

    Attributes:
        function: `function(x, y, *, ...)`, one number per image.
        paper: Where it was defined.
        agrees_with: Implementations that give the same number, in words for a table.
        better: Which way is better.
        lowest: Lower end of the range of scores, for images in their data range.
        highest: Upper end.
        perfect: The score of equal images; by default the better end of the range.
        symmetric: Whether the images may be exchanged, with the arguments of `example`.
        smooth: Whether its gradient has no jumps, nor slopes that grow without end, at points of almost every image.
        own_faults: Whether it finds faults in the image under test alone, so that equal images are perfect where flat.
        pixelwise: Whether each pixel counts by itself, so that images filled up under a mask score as they are.
        blind_to: What makes images perfect that are not equal: a flat reference, or that one is the other's inverse.
        smallest: Least side of an image in pixels, with default arguments.
        channels: The numbers of channels that it takes, or none for any.
        least_channels: The least of them, where any number from there on will do.
        params: What `load_params` takes to make its `params`, or "" for a metric without.
        variant: What sets the row apart from another one of the same function.
        options: The arguments that make it that variant.
        example: Arguments with which it is smooth and takes images of `example_side` pixels: what tests differentiate.
        example_side: Least side of an image in pixels, with the arguments of `example`.
        label: Its name, where that is not the function's.
    """

    function: Callable[..., Any]
    paper: str
    agrees_with: str
    better: Literal["higher", "lower"] = "lower"
    lowest: float = 0
    highest: float = math.inf
    perfect: float = math.nan
    symmetric: bool = True
    smooth: bool = True
    own_faults: bool = False
    pixelwise: bool = False
    blind_to: tuple[Literal["flat reference", "inversion"], ...] = ()
    smallest: int = 1
    channels: tuple[int, ...] = ()
    least_channels: int = 1
    params: str = ""
    variant: str = ""
    options: Options = field(default_factory=dict, hash=False)
    example: Options = field(default_factory=dict, hash=False)
    example_side: int = 0
    label: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.perfect):
            object.__setattr__(self, "perfect", self.highest if self.better == "higher" else self.lowest)
        if not self.example_side:
            object.__setattr__(self, "example_side", self.smallest)

    @property
    def name(self) -> str:
        return self.label or "_".join(filter(None, (self.function.__name__, self.variant)))

    @property
    def kind(self) -> Literal["metric", "loss"]:
        """A score to report, or an objective to minimize."""
        return "loss" if self.function.__name__.endswith("_loss") else "metric"

    @property
    def needs(self) -> tuple[str, ...]:
        """Required keywords besides the two images."""
        return tuple(name for name, parameter in self._keywords.items() if parameter.default is parameter.empty)

    @property
    def mask(self) -> bool:
        """Whether it takes a mask."""
        return "mask" in self._keywords

    @property
    def map(self) -> Callable[..., Any] | None:
        """The function that returns the field before averaging, where there is one."""
        return getattr(sys.modules[self.function.__module__], f"{self.function.__name__}_map", None)

    def misfit(self, shape: tuple[int, ...]) -> str:
        """What images `[H, W, C]` lack for it, in words; nothing where they suit."""
        return _misfit(shape, self.smallest, self.channels, self.least_channels)

    @property
    def _keywords(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.function).parameters
        return {name: row for name, row in parameters.items() if row.kind is row.KEYWORD_ONLY}


@dataclass(frozen=True, kw_only=True)
class NoReference:
    """What one can know of a metric that looks at one image alone.

    Attributes:
        function: `function(x, *, data_range, ...)`, one number per image.
        paper: Where it was defined.
        agrees_with: Implementations that give the same number, in words for a table.
        better: Which way is better.
        smallest: Least side of an image in pixels, with default arguments.
        channels: The numbers of channels that it takes, or none for any.
        params: What `load_params` takes to make its `params`, or "" for a metric without.
        example: Arguments with which it is smooth and takes images of `example_side` pixels: what tests differentiate.
        example_side: Least side of an image in pixels, with the arguments of `example`.
    """

    function: Callable[..., Any]
    paper: str
    agrees_with: str
    better: Literal["higher", "lower"] = "lower"
    smallest: int = 1
    channels: tuple[int, ...] = ()
    params: str = ""
    example: Options = field(default_factory=dict, hash=False)
    example_side: int = 1

    @property
    def name(self) -> str:
        return self.function.__name__

    def misfit(self, shape: tuple[int, ...]) -> str:
        """As that of `Metric`."""
        return _misfit(shape, self.smallest, self.channels)


def _misfit(shape: tuple[int, ...], smallest: int, suiting: tuple[int, ...], least: int = 1) -> str:
    height, width, channels = shape
    lacking = []
    if min(height, width) < smallest:
        lacking.append(f"it needs {smallest} x {smallest} pixels, not {width} x {height}")
    if suiting and channels not in suiting:
        lacking.append(f"it needs {' or '.join(map(str, suiting))} channels, not {channels}")
    if channels < least:
        lacking.append(f"it needs {least} channels or more, not {channels}")
    return ", and ".join(lacking)


_SSIM = "scikit-image, TensorFlow, pytorch-msssim, dm_pix, piq, torchmetrics, kornia (a convention for each)"
_MS_SSIM = "TensorFlow, pytorch-msssim, piq, torchmetrics (a convention for each)"
_ZHAO_CODE = "the authors' code at patch centers"
_LPIPS_CODE = "lpips (the authors' package)"
# Fewer scales and smaller windows than the published ones, which ask for large images.
_TWO_SCALES: Options = {"weights": (0.5, 0.5), "window_size": 7}
_TWO_DEVIATIONS: Options = {"weights": (0.5, 0.5)}
_TWO_SIGMAS: Options = {"sigmas": (0.5, 1.5), "window_size": 7}

_ROWS = (
    Metric(function=mae, pixelwise=True, paper="Willmott 2005", agrees_with="dm_pix, torch"),
    Metric(function=mse, pixelwise=True, paper="Wang 2009", agrees_with="scikit-image, dm_pix"),
    Metric(function=rmse, pixelwise=True, paper="Wang 2009", agrees_with="dm_pix"),
    Metric(
        function=psnr, paper="Huynh-Thu 2008", agrees_with="scikit-image, torchmetrics, dm_pix",
        better="higher", lowest=-math.inf, pixelwise=True,
    ),
    Metric(
        function=ssim, paper="Wang 2004", agrees_with=_SSIM, better="higher", lowest=-1, highest=1, smallest=11,
    ),
    Metric(
        function=ms_ssim, paper="Wang 2003", agrees_with=_MS_SSIM, better="higher", highest=1, smallest=161,
        example=_TWO_SCALES, example_side=13,
    ),
    Metric(
        function=multi_sigma_ssim, paper="Zhao 2017", agrees_with=_ZHAO_CODE, better="higher", lowest=-1, highest=1,
        smallest=33, example=_TWO_SIGMAS, example_side=7,
    ),
    Metric(function=gmsd, paper="Xue 2014", agrees_with="piq, pyiqa", highest=1, smallest=3, channels=(1, 3)),
    Metric(
        function=ms_gmsd, paper="Zhang 2017", agrees_with="piq", highest=1, smallest=17, channels=(1, 3),
        example=_TWO_DEVIATIONS, example_side=5,
    ),
    Metric(
        function=ms_gmsdc, paper="Zhang 2017", agrees_with="piq", smallest=17, channels=(3,), example=_TWO_DEVIATIONS,
        example_side=5,
    ),
    Metric(
        function=haarpsi, paper="Reisenhofer 2018", agrees_with="the authors' code; piq to 1e-3", better="higher",
        highest=1, smallest=15, channels=(1, 3),
    ),
    Metric(
        function=mdsi, paper="Nafchi 2016", agrees_with="the authors' code; piq (the sum)", symmetric=False, smallest=3,
        channels=(3,),
    ),
    Metric(
        function=fsim, paper="Zhang 2011", agrees_with="the authors' code; piq, piqa but for the way of shrinking",
        better="higher", highest=1, smallest=3, channels=(1, 3),
    ),
    Metric(
        function=fsimc, paper="Zhang 2011", agrees_with="the authors' code; piqa to 3e-4, piq to 3e-3",
        better="higher", highest=1, smallest=3, channels=(3,), example={"chroma_exponent": 1.0},
    ),
    Metric(
        function=vsi, paper="Zhang 2014", agrees_with="the authors' code; piq to 1e-2", better="higher", highest=1,
        smallest=3, channels=(3,), example={"chroma_exponent": 1.0, "saliency_size": 24},
    ),
    Metric(
        function=sr_sim, paper="Zhang 2012", agrees_with="the authors' code, piq", better="higher", highest=1,
        smallest=16, channels=(1, 3),
    ),
    Metric(
        function=uqi, paper="Wang 2002", agrees_with="the authors' code, torchmetrics (a convention)", better="higher",
        lowest=-1, highest=1, smallest=8,
    ),
    Metric(
        function=iw_ssim, paper="Wang 2011", agrees_with="the authors' code, piq (other borders of odd sizes)",
        better="higher", highest=1, symmetric=False, smallest=161, channels=(1, 3),
        example={"weights": (0.5, 0.5), "window_size": 5}, example_side=9,
    ),
    Metric(
        function=vif_p, paper="Sheikh 2006", agrees_with="the authors' code, piq, torchmetrics, sewar", better="higher",
        perfect=1, symmetric=False, blind_to=("flat reference",), smallest=41, channels=(1, 3), example={"scales": 2},
        example_side=25,
    ),
    Metric(
        function=vif, paper="Sheikh 2006", agrees_with="the authors' code", better="higher", perfect=1, symmetric=False,
        blind_to=("flat reference",), smallest=72, channels=(1, 3), example={"levels": 1}, example_side=9,
    ),
    Metric(
        function=cw_ssim, paper="Sampat 2009", agrees_with="the authors' code", better="higher", highest=1,
        blind_to=("inversion",), smallest=64, channels=(1, 3), example={"level": 1, "orientations": 4}, example_side=8,
    ),
    Metric(
        function=psnr_b, paper="Yim 2011", agrees_with="the paper; sewar, torchmetrics (a convention)",
        better="higher", lowest=-math.inf, symmetric=False, own_faults=True, smallest=9, channels=(1, 3),
    ),
    Metric(
        function=dss, paper="Balanov 2015", agrees_with="the authors' code, piq",
        better="higher", lowest=-1, highest=1, smallest=32, channels=(1, 3),
    ),
    Metric(
        function=psnr_hvs, paper="Egiazarian 2006", agrees_with="the authors' code, psnr_hvsm",
        better="higher", lowest=-math.inf, smallest=8, channels=(1, 3),
    ),
    Metric(
        function=psnr_hvs_m, paper="Ponomarenko 2007", agrees_with="the authors' code, psnr_hvsm",
        better="higher", lowest=-math.inf, smallest=8, channels=(1, 3),
    ),
    Metric(
        function=sam, paper="Yuhas 1992", agrees_with="sewar, torchmetrics", highest=math.pi, least_channels=2,
        pixelwise=True,
    ),
    Metric(
        function=ergas, paper="Wald 2000", agrees_with="sewar, torchmetrics", symmetric=False, pixelwise=True,
    ),
    Metric(function=scc, paper="Zhou 1998", agrees_with="its definition", better="higher", lowest=-1, highest=1),
    Metric(
        function=scc, paper="Zhou 1998", agrees_with="sewar, torchmetrics", better="higher", lowest=-1, highest=1,
        variant="local", options={"window_size": 8},
    ),
    Metric(
        function=delta_e_76, paper="CIE 1976", agrees_with="scikit-image", smooth=False, pixelwise=True, channels=(3,),
    ),
    Metric(
        function=ciede2000, paper="Sharma 2005", agrees_with="scikit-image, the 34 pairs of the paper", smooth=False,
        pixelwise=True, channels=(3,),
    ),
    Metric(
        function=nlpd, paper="Laparra 2016", agrees_with="the authors' code", channels=(1, 3), example={"levels": 3},
    ),
    Metric(
        function=flip, paper="Andersson 2020", agrees_with="flip-evaluator (the authors' package)", highest=1,
        smooth=False, channels=(3,), example={"pixels_per_degree": 12.0},
    ),
    Metric(
        function=hdr_flip, paper="Andersson 2021", agrees_with="flip-evaluator (the authors' package)", highest=1,
        smooth=False, channels=(3,), example={"pixels_per_degree": 8.0, "exposures": (1.0,)},
    ),
    Metric(
        function=lpips, paper="Zhang 2018", agrees_with=_LPIPS_CODE, smallest=31, channels=(3,), params="lpips-alex",
    ),
    Metric(
        function=lpips, paper="Zhang 2018", agrees_with=_LPIPS_CODE, smallest=16, channels=(3,), params="lpips-vgg",
        variant="vgg", options={"net": "vgg"},
    ),
    Metric(
        function=lpips, paper="Zhang 2018", agrees_with=_LPIPS_CODE, smallest=17, channels=(3,), params="lpips-squeeze",
        variant="squeeze", options={"net": "squeeze"},
    ),
    Metric(
        function=st_lpips, paper="Ghildyal 2022", agrees_with="stlpips-pytorch (the authors' package)", smallest=21,
        channels=(3,), params="lpips-st_alex",
    ),
    Metric(
        function=dists, paper="Ding 2020", agrees_with="DISTS (the authors' code), piq", highest=2, channels=(3,),
        params="dists",
    ),
    Metric(
        function=charbonnier_loss, paper="Charbonnier 1994", agrees_with="BasicSR, less its constant",
        example={"epsilon": 0.1},
    ),
    Metric(function=barron_loss, paper="Barron 2019", agrees_with="the author's code, kornia"),
    Metric(
        function=gradient_loss, paper="Mathieu 2016", agrees_with="the paper, whose sum is a mean here",
        example={"norm": "l2"},
    ),
    Metric(
        function=focal_frequency_loss, paper="Jiang 2021", agrees_with="the authors' package", example={"alpha": 0.0},
    ),
    Metric(function=ssim_loss, paper="Zhao 2017", agrees_with="piq", highest=2, smallest=11),
    Metric(
        function=ms_ssim_loss, paper="Wang 2003", agrees_with="piq", highest=1, smallest=161,
        example=_TWO_SCALES, example_side=13,
    ),
    Metric(
        function=multi_sigma_ssim_loss, paper="Zhao 2017", agrees_with=_ZHAO_CODE, highest=2, smallest=33,
        example=_TWO_SIGMAS, example_side=7,
    ),
    Metric(
        function=mix_loss, paper="Zhao 2017", agrees_with=_ZHAO_CODE, smallest=33,
        example=_TWO_SIGMAS, example_side=7,
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}
"""Name to row, in reading order."""

NO_REFERENCE: dict[str, NoReference] = {
    row.name: row
    for row in (
        NoReference(
            function=brisque, paper="Mittal 2012", agrees_with="the authors' MATLAB code, piq", smallest=14,
            channels=(1, 3), params="brisque", example={"shape": "smooth", "rounding": False}, example_side=14,
        ),
        NoReference(
            function=niqe, paper="Mittal 2013", agrees_with="the authors' MATLAB code", smallest=96, channels=(1, 3),
            params="niqe", example={"shape": "smooth", "rounding": False, "block_size": 12}, example_side=12,
        ),
    )
}  # fmt: skip
"""Likewise for metrics without a reference."""
