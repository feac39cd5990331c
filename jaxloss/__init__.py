"""Image losses and image-quality metrics for JAX: pure functions on images `[..., height, width, channels]`.

Metrics and losses are here, `jaxloss.ssim`; tools are in `jaxloss.ops`, and the table of all metrics in
`jaxloss.registry`. Every function returns one number per image and leaves the reduction to the caller.
"""

from importlib.metadata import version as _version

from . import ops as ops
from ._files import InputError as InputError
from .backbones._features import extract_features as extract_features
from .closed_forms._images import (
    ms_ssim_gradient as ms_ssim_gradient,
    multi_sigma_ssim_gradient as multi_sigma_ssim_gradient,
    ssim_gradient as ssim_gradient,
)
from .closed_forms._patches import (
    multi_sigma_ssim_patch_gradient as multi_sigma_ssim_patch_gradient,
    ssim_patch_gradient as ssim_patch_gradient,
)
from .losses._frequency import focal_frequency_loss as focal_frequency_loss
from .losses._pixel import barron_loss as barron_loss, charbonnier_loss as charbonnier_loss
from .losses._smoothness import (
    TOTAL_VARIATION_CONVENTIONS as TOTAL_VARIATION_CONVENTIONS,
    gradient_loss as gradient_loss,
    total_variation as total_variation,
)
from .losses._structural import (
    mix_loss as mix_loss,
    ms_ssim_loss as ms_ssim_loss,
    multi_sigma_ssim_loss as multi_sigma_ssim_loss,
    ssim_loss as ssim_loss,
)
from .losses._visible_differences import (
    butteraugli_loss as butteraugli_loss,
    cvvdp_loss as cvvdp_loss,
    ssimulacra2_loss as ssimulacra2_loss,
)
from .losses.gan._losses import (
    GAN_LOSSES as GAN_LOSSES,
    discriminator_loss as discriminator_loss,
    gan_value as gan_value,
    generator_loss as generator_loss,
)
from .losses.gan._penalties import (
    gradient_penalty as gradient_penalty,
    r1_penalty as r1_penalty,
    r2_penalty as r2_penalty,
)
from .losses.inpainting._loss import (
    InpaintingLoss as InpaintingLoss,
    inpainting_discriminator_loss as inpainting_discriminator_loss,
    inpainting_loss as inpainting_loss,
)
from .losses.inpainting._masked import composite as composite, hole_loss as hole_loss, valid_loss as valid_loss
from .losses.inpainting._recipes import INPAINTING_RECIPES as INPAINTING_RECIPES
from .metrics._brisque import brisque as brisque
from .metrics._butteraugli import butteraugli as butteraugli, butteraugli_map as butteraugli_map
from .metrics._color_difference import (
    ciede2000 as ciede2000,
    ciede2000_map as ciede2000_map,
    delta_e_76 as delta_e_76,
    delta_e_76_map as delta_e_76_map,
)
from .metrics._cvvdp import cvvdp as cvvdp, cvvdp_map as cvvdp_map
from .metrics._cvvdp_video import cvvdp_video as cvvdp_video, cvvdp_video_map as cvvdp_video_map
from .metrics._cw_ssim import cw_ssim as cw_ssim
from .metrics._dss import dss as dss
from .metrics._flip import flip as flip, flip_map as flip_map
from .metrics._fsim import fsim as fsim, fsim_map as fsim_map, fsimc as fsimc, fsimc_map as fsimc_map
from .metrics._gmsd import gmsd as gmsd, gmsd_map as gmsd_map
from .metrics._haarpsi import haarpsi as haarpsi
from .metrics._hdr_flip import hdr_flip as hdr_flip, hdr_flip_map as hdr_flip_map
from .metrics._iw_ssim import iw_ssim as iw_ssim
from .metrics._mdsi import mdsi as mdsi, mdsi_map as mdsi_map
from .metrics._ms_gmsd import MS_GMSD_WEIGHTS as MS_GMSD_WEIGHTS, ms_gmsd as ms_gmsd, ms_gmsdc as ms_gmsdc
from .metrics._ms_ssim import (
    MS_SSIM_CONVENTIONS as MS_SSIM_CONVENTIONS,
    MS_SSIM_WEIGHTS as MS_SSIM_WEIGHTS,
    ms_ssim as ms_ssim,
)
from .metrics._multi_sigma_ssim import (
    multi_sigma_ssim as multi_sigma_ssim,
    multi_sigma_ssim_map as multi_sigma_ssim_map,
)
from .metrics._niqe import niqe as niqe
from .metrics._nlpd import nlpd as nlpd
from .metrics._pixel import mae as mae, mse as mse, psnr as psnr, rmse as rmse
from .metrics._psnr_b import psnr_b as psnr_b
from .metrics._psnr_hvs import psnr_hvs as psnr_hvs, psnr_hvs_m as psnr_hvs_m
from .metrics._pu21 import (
    pu21_metric as pu21_metric,
    pu_ms_ssim as pu_ms_ssim,
    pu_psnr as pu_psnr,
    pu_ssim as pu_ssim,
)
from .metrics._remote_sensing import ergas as ergas, sam as sam, sam_map as sam_map, scc as scc
from .metrics._sr_sim import sr_sim as sr_sim, sr_sim_map as sr_sim_map
from .metrics._ssim import (
    SSIM_CONVENTIONS as SSIM_CONVENTIONS,
    SSIMComponents as SSIMComponents,
    ssim as ssim,
    ssim_components as ssim_components,
    ssim_map as ssim_map,
)
from .metrics._ssimulacra2 import (
    XYBFeatures as XYBFeatures,
    ssimulacra2 as ssimulacra2,
    ssimulacra2_features as ssimulacra2_features,
    ssimulacra2_from_features as ssimulacra2_from_features,
    ssimulacra2_map as ssimulacra2_map,
)
from .metrics._uqi import uqi as uqi, uqi_map as uqi_map
from .metrics._vif import vif as vif, vif_p as vif_p
from .metrics._vmaf import VMAFFeatures as VMAFFeatures, vmaf as vmaf, vmaf_features as vmaf_features
from .metrics._volumes import psnr3d as psnr3d, ssim3d as ssim3d, ssim3d_map as ssim3d_map
from .metrics._vsi import vsi as vsi, vsi_map as vsi_map
from .metrics._xpsnr import xpsnr as xpsnr, xpsnr_planes as xpsnr_planes
from .perceptual._contextual import (
    CONTEXTUAL_CONVENTIONS as CONTEXTUAL_CONVENTIONS,
    MRF_CONVENTIONS as MRF_CONVENTIONS,
    contextual_loss as contextual_loss,
    mrf_loss as mrf_loss,
    sample_positions as sample_positions,
)
from .perceptual._dists import dists as dists
from .perceptual._feature_matching import (
    FEATURE_MATCHING_CONVENTIONS as FEATURE_MATCHING_CONVENTIONS,
    feature_matching_loss as feature_matching_loss,
)
from .perceptual._lpips import (
    lpips as lpips,
    lpips_components as lpips_components,
    lpips_features as lpips_features,
    lpips_from_features as lpips_from_features,
    lpips_map as lpips_map,
)
from .perceptual._perceptual import (
    FEATURE_CONVENTIONS as FEATURE_CONVENTIONS,
    PERCEPTUAL_CONVENTIONS as PERCEPTUAL_CONVENTIONS,
    perceptual_loss as perceptual_loss,
)
from .perceptual._st_lpips import st_lpips as st_lpips
from .perceptual._style import (
    STYLE_CONVENTIONS as STYLE_CONVENTIONS,
    gram_matrix as gram_matrix,
    style_loss as style_loss,
)
from .perceptual._temporal import temporal_lpips as temporal_lpips
from .weights._load import load_params as load_params
from .weights._saved import read_history as read_history, save_params as save_params


__version__ = _version("jaxloss")
