"""The rows of all metrics and losses of images."""

import math

from ..losses._frequency import focal_frequency_loss
from ..losses._pixel import barron_loss, charbonnier_loss
from ..losses._smoothness import gradient_loss
from ..losses._structural import mix_loss, ms_ssim_loss, multi_sigma_ssim_loss, ssim_loss
from ..losses._visible_differences import butteraugli_loss, cvvdp_loss, ssimulacra2_loss
from ..metrics._brisque import brisque
from ..metrics._butteraugli import butteraugli
from ..metrics._color_difference import ciede2000, delta_e_76
from ..metrics._cvvdp import cvvdp
from ..metrics._cw_ssim import cw_ssim
from ..metrics._dss import dss
from ..metrics._flip import flip
from ..metrics._fsim import fsim, fsimc
from ..metrics._gmsd import gmsd
from ..metrics._haarpsi import haarpsi
from ..metrics._hdr_flip import hdr_flip
from ..metrics._iw_ssim import iw_ssim
from ..metrics._mdsi import mdsi
from ..metrics._ms_gmsd import ms_gmsd, ms_gmsdc
from ..metrics._ms_ssim import ms_ssim
from ..metrics._multi_sigma_ssim import multi_sigma_ssim
from ..metrics._niqe import niqe
from ..metrics._nlpd import nlpd
from ..metrics._pixel import mae, mse, psnr, rmse
from ..metrics._psnr_b import psnr_b
from ..metrics._psnr_hvs import psnr_hvs, psnr_hvs_m
from ..metrics._pu21 import pu_ms_ssim, pu_psnr, pu_ssim
from ..metrics._remote_sensing import ergas, sam, scc
from ..metrics._sr_sim import sr_sim
from ..metrics._ssim import ssim
from ..metrics._ssimulacra2 import ssimulacra2
from ..metrics._uqi import uqi
from ..metrics._vif import vif, vif_p
from ..metrics._vmaf import vmaf
from ..metrics._vsi import vsi
from ..metrics._xpsnr import xpsnr
from ..ops._displays import Display
from ..perceptual._dists import dists
from ..perceptual._lpips import lpips
from ..perceptual._st_lpips import st_lpips
from ._row import Metric, NoReference, Options


_SSIM = "scikit-image, TensorFlow, pytorch-msssim, dm_pix, piq, torchmetrics, kornia (a convention for each)"
_MS_SSIM = "TensorFlow, pytorch-msssim, piq, torchmetrics (a convention for each)"
_ZHAO_CODE = "the authors' code at patch centers"
_LPIPS_CODE = "lpips (the authors' package)"
# Fewer scales and smaller windows than the published ones, which ask for large images.
_TWO_SCALES: Options = {"weights": (0.5, 0.5), "window_size": 7}
_TWO_DEVIATIONS: Options = {"weights": (0.5, 0.5)}
_TWO_SIGMAS: Options = {"sigmas": (0.5, 1.5), "window_size": 7}
# Pixels so large that there is one band of frequencies, and the rest.
_COARSE: Options = {"display": Display(distance=0.003)}
_ONE_SCALE: Options = {"scales": 1}
# At full resolution, and where finite differences of the contract tests cross none of its kinks.
_BRIGHT: Options = {"scales": 1, "intensity_target": 250.0}

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
        function=xpsnr, paper="Helmrich 2020", agrees_with="ffmpeg (first frame of a video)", better="higher",
        lowest=-math.inf, symmetric=False, smallest=45, channels=(1, 3),
    ),
    Metric(
        function=vmaf, paper="Li 2016", agrees_with="libvmaf (float features of one frame)", better="higher",
        highest=100, perfect=97.4277, slack=0.02, symmetric=False, smallest=32, channels=(1, 3), params="vmaf",
        example={"scales": 1, "clip": False}, example_side=9,
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
        smooth=False, light=True, channels=(3,), example={"pixels_per_degree": 8.0, "exposures": (1.0,)},
    ),
    Metric(
        function=pu_psnr, paper="Mantiuk 2021", agrees_with="the authors' code; pycvvdp but for its peak",
        better="higher", lowest=-math.inf, pixelwise=True, channels=(1, 3),
    ),
    Metric(
        function=pu_ssim, paper="Mantiuk 2021", agrees_with="the paper, with SSIM as Wang 2004", better="higher",
        lowest=-1, highest=1, smallest=11, channels=(1, 3),
    ),
    Metric(
        function=pu_ms_ssim, paper="Mantiuk 2021", agrees_with="the paper, with MS-SSIM as Wang 2003",
        better="higher", highest=1, smallest=161, channels=(1, 3), example=_TWO_SCALES, example_side=13,
    ),
    Metric(
        function=cvvdp, paper="Mantiuk 2024", agrees_with="cvvdp (the authors' package)", better="higher",
        lowest=-math.inf, highest=10, symmetric=False, smallest=4, channels=(3,), params="cvvdp", example=_COARSE,
    ),
    Metric(
        function=butteraugli, paper="Alakuijala 2017", agrees_with="libjxl >= 0.8 to 2e-4", symmetric=False,
        smooth=False, channels=(1, 3), example=_BRIGHT,
    ),
    Metric(
        function=butteraugli, paper="Alakuijala 2017", agrees_with="libjxl >= 0.8 to 2e-4", symmetric=False,
        smooth=False, channels=(1, 3), variant="3norm", options={"norm": 3.0}, example=_BRIGHT,
    ),
    Metric(
        function=ssimulacra2, paper="Sneyers 2023", agrees_with="the authors' code, in float64", better="higher",
        lowest=-math.inf, highest=100, symmetric=False, smooth=False, smallest=8, channels=(3, 4), example=_ONE_SCALE,
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
        function=butteraugli_loss, paper="Alakuijala 2017", agrees_with="libjxl >= 0.8 to 2e-4", symmetric=False,
        smooth=False, channels=(1, 3), example=_BRIGHT,
    ),
    Metric(
        function=cvvdp_loss, paper="Mantiuk 2024", agrees_with="cvvdp (the authors' package)", symmetric=False,
        smallest=4, channels=(3,), params="cvvdp", example=_COARSE,
    ),
    Metric(
        function=ssimulacra2_loss, paper="Sneyers 2023", agrees_with="the authors' code, in float64", symmetric=False,
        smooth=False, smallest=8, channels=(3, 4), example=_ONE_SCALE,
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
