"""The table of peers, a line each: the races run them, and tests/parity holds our numbers against theirs."""

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np
from scipy import ndimage

from jaxloss import MS_SSIM_CONVENTIONS, MS_SSIM_WEIGHTS, SSIM_CONVENTIONS

from ._dists import original_dists
from ._lpips import original
from ._rows import Peer


def each(score: Callable[[np.ndarray, np.ndarray], Any]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Of the images of a batch, one after the other."""
    return lambda x, y: np.array([score(a, b) for a, b in zip(x, y, strict=True)])


def skimage_ssim(metrics: Any, x: np.ndarray, y: np.ndarray, **options: Any) -> np.ndarray:
    return each(partial(metrics.structural_similarity, data_range=1.0, channel_axis=-1, **options))(x, y)


def piqa_score(kind: Any, x: Any, y: Any) -> Any:
    return _piqa_module(kind, x.shape[1], x.dtype, x.device)(x, y)


@cache
def _piqa_module(kind: Any, channels: int, dtype: Any, device: Any) -> Any:
    return kind(n_channels=channels, reduction="none").to(device, dtype)


@cache
def piqa_fsim(kind: Any, chromatic: bool) -> Any:
    """Of gray images in three equal channels: it takes no others."""
    metric = kind(chromatic=chromatic, reduction="none")
    return lambda x, y: metric.to(x.device, x.dtype)(*(z.expand(-1, 3, -1, -1) for z in (x, y)))


def lpips_score(net: str, x: Any, y: Any) -> Any:
    return original(net).to(x.device, x.dtype)(2 * x - 1, 2 * y - 1)


def cvvdp_score(package: Any, x: Any, y: Any) -> Any:
    return _cvvdp(package, x.device).predict(x, y, dim_order="BCHW")[0]


@cache
def _cvvdp(package: Any, device: Any) -> Any:
    return package.cvvdp(display_name="standard_4k", device=device, quiet=True)


def pu_psnr_score(package: Any, x: Any, y: Any) -> Any:
    return _pu_psnr(package, x.device).predict(x, y, dim_order="BCHW")[0]


@cache
def _pu_psnr(package: Any, device: Any) -> Any:
    """Its module forgets to import two names."""
    package.vq_metric.vvdp_display_photometry = package.display_model.vvdp_display_photometry
    package.vq_metric.video_source_array = package.video_source.video_source_array
    return package.psnr_metric.pu_psnr_y(display_name="standard_4k", device=device)


def skimage_color(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    color = import_module("skimage.color")
    return getattr(color, name)(color.rgb2lab(y), color.rgb2lab(x)).mean((1, 2), np.float64)


def luma(z: np.ndarray) -> np.ndarray:
    return z if z.shape[-1] == 1 else (z * np.array((0.299, 0.587, 0.114), z.dtype)).sum(axis=-1, keepdims=True)


def torch_luma(z: Any) -> Any:
    return z if z.shape[1] == 1 else (z * z.new_tensor((0.299, 0.587, 0.114))[:, None, None]).sum(1, keepdim=True)


def torchmetrics_psnr_b(metrics: Any, x: Any, y: Any) -> Any:
    score = metrics.image.peak_signal_noise_ratio_with_blocked_effect
    return sum(score(a[None], b[None], data_range=1.0) for a, b in zip(*map(torch_luma, (x, y)), strict=True)) / len(x)


def flip_score(flip: Any, kind: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    error = partial(flip.evaluate, dynamicRangeString=kind, applyMagma=False, computeMeanError=False)
    return each(lambda a, b: error(b, a)[0].mean(dtype=np.float64))(x, y)


def torchmetrics_vif_p(metrics: Any, x: Any, y: Any) -> Any:
    """Without a gradient: it assigns to arrays in place, through which PyTorch takes none."""
    given, y = (255 * torch_luma(z).detach() for z in (x, y))
    return metrics.image.visual_information_fidelity(given, y, reduction="none") + 0 * x.sum()


def sewar_vif_p(sewar: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return each(lambda a, b: sewar.vifp(255 * luma(b), 255 * luma(a)))(x, y)


def torch_gradient_loss(functional: Any, x: Any, y: Any) -> Any:
    return sum(functional.l1_loss(x.diff(dim=axis), y.diff(dim=axis)) for axis in (-2, -1))


def flat_where_equal(gradient: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where the images agree dm_pix gives |x - y| a slope; ours has none."""
    return np.where(x == y, 0, gradient)


def flat_where_not_positive(gradient: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """TensorFlow's is NaN where a mean contrast is not positive; ours is 0."""
    return np.nan_to_num(gradient, nan=0)


def unknown_where_nan(gradient: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """piq takes square roots of 0 in flat regions."""
    return gradient


def unknown_in_flat_windows(gradient: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dm_pix clips variances from below at 1e-14 and covariances at what they allow: no gradient from flat windows."""
    flat = np.full(x.shape, False)
    for z in (x, y):
        flat |= ndimage.maximum_filter(z, (11, 11, 1)) == ndimage.minimum_filter(z, (11, 11, 1))
    return np.where(ndimage.binary_dilation(flat, np.ones((11, 11, 1))), np.nan, gradient)


PIXELS = (1, 2, 3)
WHITE = 256.383897  # pu21_encode(100.0)
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
SSIM, MS_SSIM = SSIM_CONVENTIONS, MS_SSIM_CONVENTIONS
# piq's loss, unlike its metric, divides the weights by their sum, 1.0001.
PIQ_LOSS = {**MS_SSIM["piq"], "weights": tuple(weight / sum(MS_SSIM_WEIGHTS) for weight in MS_SSIM_WEIGHTS)}
FSIM: dict[str, Any] = {
    "ours": {"downsample": "average"},
    "slope_tolerance": np.inf,
    "mended": unknown_where_nan,
}
SINGLE = ("float32", "float32")  # where it keeps its digits, for convolutions in float64 are slow
# Which of two almost equal numbers is the largest of a pool is a matter of rounding, and moves the gradient.
LPIPS: dict[str, Any] = {"precision": SINGLE, "slope_tolerance": 1e-2}
# In flat regions the slopes of gradient magnitudes are those of rounding errors there.
MDSI: dict[str, Any] = {"precision": ("float64", "float64"), "slope_tolerance": 0.1, "mended": unknown_where_nan}
NEVER_FLAT = ("float32", "")  # pairs without equal differences, where the slope of |x - y| is open to taste

PEERS = (
    Peer("torch", "mae", lambda nn, x, y: nn.l1_loss(x, y)),
    Peer("dm_pix", "mae", lambda pix, x, y: pix.mae(x, y), mended=flat_where_equal),
    Peer("torchmetrics", "mae", lambda m, x, y: m.mean_absolute_error(x, y), race=False),

    Peer("torch", "mse", lambda nn, x, y: nn.mse_loss(x, y)),
    Peer("dm_pix", "mse", lambda pix, x, y: pix.mse(x, y)),
    Peer("scikit-image", "mse", lambda m, x, y: each(m.mean_squared_error)(x, y)),
    Peer("torchmetrics", "mse", lambda m, x, y: m.mean_squared_error(x, y), race=False),

    Peer("dm_pix", "rmse", lambda pix, x, y: pix.rmse(x, y)),
    Peer("torchmetrics", "rmse", lambda m, x, y: m.mean_squared_error(x, y, squared=False), race=False),

    # piq and piqa add 1e-8 to the squared error.
    Peer("piq", "psnr", lambda piq, x, y: piq.psnr(x, y, reduction="none"), tolerance=1e-3),
    Peer("piqa", "psnr", lambda piqa, x, y: piqa.psnr.psnr(x, y), tolerance=1e-3),
    Peer("torchmetrics", "psnr", lambda m, x, y: m.image.peak_signal_noise_ratio(
        x, y, data_range=1.0, dim=PIXELS, reduction="none")),
    Peer("dm_pix", "psnr", lambda pix, x, y: pix.psnr(x, y)),
    Peer("scikit-image", "psnr", lambda m, x, y: each(partial(m.peak_signal_noise_ratio, data_range=1.0))(x, y)),
    Peer("tensorflow", "psnr", lambda tf, x, y: tf.image.psnr(x, y, 1.0), race=False),

    Peer("pytorch-msssim", "ssim", lambda m, x, y: m.ssim(x, y, data_range=1.0, size_average=False)),
    Peer("piq", "ssim", lambda piq, x, y: piq.ssim(x, y, reduction="none", downsample=False)),
    Peer("piq", "ssim", lambda piq, x, y: piq.ssim(x, y), ours=SSIM["piq"], race=False),
    Peer("piqa", "ssim", lambda piqa, x, y: piqa_score(piqa.SSIM, x, y)),
    Peer("torchmetrics", "ssim", lambda m, x, y: m.image.structural_similarity_index_measure(
        x, y, data_range=1.0, reduction="none"), ours=SSIM["torchmetrics"]),
    Peer("kornia", "ssim", lambda kornia, x, y: kornia.metrics.ssim(x, y, 11, padding="valid").mean(PIXELS)),
    Peer("kornia", "ssim", lambda kornia, x, y: kornia.metrics.ssim(x, y, 11).mean(), ours=SSIM["kornia"], race=False),
    Peer("fused-ssim", "ssim", lambda m, x, y: m.fused_ssim(x, y, padding="valid", train=x.requires_grad)),
    Peer("dm_pix", "ssim", lambda pix, x, y: pix.ssim(x, y), mended=unknown_in_flat_windows),
    Peer("scikit-image", "ssim", lambda m, x, y: skimage_ssim(m, x, y, **WANG)),
    Peer("scikit-image", "ssim", skimage_ssim, ours=SSIM["skimage"], race=False),
    # TensorFlow casts to float32.
    Peer("tensorflow", "ssim", lambda tf, x, y: tf.image.ssim(x, y, 1.0), race=False, precision=("float32", "")),

    Peer("pytorch-msssim", "ms_ssim", lambda m, x, y: m.ms_ssim(x, y, data_range=1.0, size_average=False),
         ours=MS_SSIM["pytorch_msssim"], precision=SINGLE),
    Peer("piq", "ms_ssim", lambda piq, x, y: piq.multi_scale_ssim(x, y, reduction="none"),
         ours=MS_SSIM["piq"], precision=SINGLE),
    Peer("piqa", "ms_ssim", lambda piqa, x, y: piqa_score(piqa.MS_SSIM, x, y),
         ours=MS_SSIM["piqa"], precision=SINGLE),
    Peer("torchmetrics", "ms_ssim", lambda m, x, y: m.image.multiscale_structural_similarity_index_measure(
        x, y, data_range=1.0, reduction="none"), ours=MS_SSIM["torchmetrics"], precision=SINGLE),
    Peer("torchmetrics", "ms_ssim", lambda m, x, y: m.image.multiscale_structural_similarity_index_measure(
        x, y, data_range=1.0, normalize="simple"), ours=MS_SSIM["torchmetrics_simple"], race=False, precision=SINGLE,
         slope_tolerance=2e-4),
    Peer("tensorflow", "ms_ssim", lambda tf, x, y: tf.image.ssim_multiscale(x, y, 1.0),
         ours=MS_SSIM["tensorflow"], race=False, precision=SINGLE, mended=flat_where_not_positive),

    Peer("piq", "gmsd", lambda piq, x, y: piq.gmsd(x, y, reduction="none"), ours={"deviation": "population"},
         mended=unknown_where_nan),
    Peer("piq", "ms_gmsd", lambda piq, x, y: piq.multi_scale_gmsd(x, y, reduction="none"), mended=unknown_where_nan),
    Peer("piq", "ms_gmsdc", lambda piq, x, y: piq.multi_scale_gmsd(x, y, reduction="none", chromatic=True),
         mended=unknown_where_nan),

    # Its chroma is that of MATLAB's YIQ, in other digits; of compressed images it has slopes where coefficients are 0
    # but for rounding.
    Peer("piq", "haarpsi", lambda piq, x, y: piq.haarpsi(x, y, reduction="none"), tolerance=1e-3,
         slope_tolerance=np.inf),
    Peer("piq", "mdsi", lambda piq, x, y: piq.mdsi(x, y, reduction="none"), **MDSI),
    # It adds the imaginary parts of the powers of negative similarities, where MATLAB multiplies complex numbers.
    Peer("piq", "mdsi", lambda piq, x, y: piq.mdsi(x, y, reduction="none", combination="mult"),
         ours={"combination": "product"}, race=False, **MDSI | {"tolerance": 1e-3, "precision": ("float64", "")}),
    # It adds an epsilon to denominators.
    Peer("torchmetrics", "uqi", lambda m, x, y: m.image.universal_image_quality_index(
        x, y, reduction="none").mean(PIXELS), ours={"window": "gaussian", "window_size": 11}, tolerance=1e-3,
         precision=("float64", ""), slope_tolerance=1e-2),

    # The gradient of the threshold is that of one pixel, the median, or of two: which, is a matter of rounding, here of
    # float32 and there of constants. The chroma of both is that of MATLAB's YIQ, and piq takes the modulus of its
    # power: slopes are steep where the similarity of chroma is almost 0, which is elsewhere. So none are compared.
    Peer("piq", "fsim", lambda piq, x, y: piq.fsim(x, y, reduction="none", chromatic=False), **FSIM),
    Peer("piqa", "fsim", lambda piqa, x, y: piqa_fsim(piqa.FSIM, False)(x, y), **FSIM),
    Peer("piq", "fsimc", lambda piq, x, y: piq.fsim(x, y, reduction="none"), **FSIM, tolerance=3e-3),
    Peer("piqa", "fsimc", lambda piqa, x, y: piqa_fsim(piqa.FSIM, True)(x, y), **FSIM, tolerance=3e-4),
    # It resizes saliency by PyTorch's functions, and pools cells of pixels that are off by one.
    Peer("piq", "vsi", lambda piq, x, y: piq.vsi(x, y, reduction="none"), tolerance=1e-2, slope_tolerance=np.inf,
         precision=("float32", "float32"), mended=unknown_where_nan),
    # It stretches the saliency of a batch as one.
    Peer("piq", "sr_sim",
         lambda piq, x, y: sum(piq.srsim(a[None], b[None]) for a, b in zip(x, y, strict=True)) / len(x),
         slope_tolerance=1e-2, mended=unknown_where_nan),

    Peer("piq", "iw_ssim", lambda piq, x, y: piq.information_weighted_ssim(x, y, reduction="none"),
         ours={"halving": "piq", "negative": "absolute"}, precision=SINGLE, slope_tolerance=0.05),

    Peer("sewar", "sam", lambda sewar, x, y: each(sewar.sam)(y, x)),
    # It is NaN where there is a black pixel, and has no slope where an angle is 0.
    Peer("torchmetrics", "sam", lambda m, x, y: m.image.spectral_angle_mapper(x, y, "none").nanmean((1, 2)),
         precision=("float64", "float64"), mended=unknown_where_nan),
    Peer("sewar", "ergas", lambda sewar, x, y: each(sewar.ergas)(y, x)),
    Peer("torchmetrics", "ergas", lambda m, x, y: m.image.error_relative_global_dimensionless_synthesis(
        x, y, reduction="none")),
    Peer("sewar", "scc_local", lambda sewar, x, y: each(sewar.scc)(y, x), ours={"flat": 0.0}),
    # It computes in float32 whatever comes.
    Peer("torchmetrics", "scc_local", lambda m, x, y: m.image.spatial_correlation_coefficient(x, y, reduction="none"),
         ours={"flat": 0.0}, precision=("float32", "")),

    Peer("piq", "vif_p", lambda piq, x, y: piq.vif_p(x, y, reduction="none"), precision=("float64", "float64")),
    Peer("torchmetrics", "vif_p", torchmetrics_vif_p, precision=("float64", "float64"), slope_tolerance=np.inf,
         race=False),
    Peer("sewar", "vif_p", sewar_vif_p),

    Peer("scikit-image", "delta_e_76", lambda _, x, y: skimage_color("deltaE_cie76", x, y)),
    Peer("scikit-image", "ciede2000", lambda _, x, y: skimage_color("deltaE_ciede2000", x, y)),

    Peer("torchmetrics", "psnr_b", torchmetrics_psnr_b, ours={"counts": "area"}),
    Peer("sewar", "psnr_b", lambda sewar, x, y: each(lambda a, b: sewar.psnrb(luma(b), luma(a), MAX=1.0))(x, y),
         ours={"counts": "area"}),

    # Of compressed images it takes roots of variances that are 0 but for rounding, and so is the gradient.
    Peer("piq", "dss", lambda piq, x, y: piq.dss(x, y, reduction="none"), precision=("float32", "")),

    # The authors' program, which computes in float32 alone.
    Peer("flip-evaluator", "flip", lambda m, x, y: flip_score(m, "LDR", x, y), precision=SINGLE),
    Peer("flip-evaluator", "hdr_flip", lambda m, x, y: flip_score(m, "HDR", x, y), precision=SINGLE),

    # It computes in float32 alone.
    Peer("cvvdp", "pu_psnr", pu_psnr_score, ours={"peak": WHITE}, precision=SINGLE, tolerance=1e-4),

    Peer("cvvdp", "cvvdp", cvvdp_score, precision=SINGLE, tolerance=1e-4, slope_tolerance=1e-3),

    Peer("lpips", "lpips", lambda _, x, y: lpips_score("alex", x, y), **LPIPS),
    Peer("lpips", "lpips_vgg", lambda _, x, y: lpips_score("vgg", x, y), **LPIPS),
    Peer("lpips", "lpips_squeeze", lambda _, x, y: lpips_score("squeeze", x, y), **LPIPS),
    # It reduces large images.
    Peer("piq", "dists", lambda _, x, y: original_dists()(x, y), precision=SINGLE, slope_tolerance=1e-3, race=False),

    Peer("torch", "charbonnier_loss", lambda _, x, y: (((x - y) ** 2 + 1e-6).sqrt() - 1e-3).mean(),
         ours={"epsilon": 1e-3}, race=False),
    Peer("torch", "gradient_loss", torch_gradient_loss, race=False, precision=NEVER_FLAT),
    Peer("kornia", "barron_loss", lambda kornia, x, y: kornia.losses.charbonnier_loss(x, y, "mean"),
         ours={"alpha": 1.0, "scale": 1.0}, race=False),
    Peer("kornia", "barron_loss", lambda kornia, x, y: kornia.losses.cauchy_loss(x, y, "mean"),
         ours={"alpha": 0.0, "scale": 1.0}, race=False),
    Peer("kornia", "barron_loss", lambda kornia, x, y: kornia.losses.geman_mcclure_loss(x, y, "mean"),
         ours={"alpha": -2.0, "scale": 1.0}, race=False),
    Peer("kornia", "barron_loss", lambda kornia, x, y: kornia.losses.welsch_loss(x, y, "mean"),
         ours={"alpha": -np.inf, "scale": 1.0}, race=False),
    # In float32 it loses what is small beside the mean of the image.
    Peer("focal-frequency-loss", "focal_frequency_loss", lambda f, x, y: f.FocalFrequencyLoss()(x, y),
         precision=("float64", "float64")),
    Peer("piq", "ssim_loss", lambda piq, x, y: piq.SSIMLoss()(x, y), ours=SSIM["piq"], race=False),
    Peer("piq", "ms_ssim_loss", lambda piq, x, y: piq.MultiScaleSSIMLoss()(x, y), ours=PIQ_LOSS, race=False,
         precision=SINGLE),
)  # fmt: skip
