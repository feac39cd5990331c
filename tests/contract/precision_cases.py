"""Calls of all public functions that multiply matrices or convolve, with derivatives: to be lowered, not to be run."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

import jaxloss
from jaxloss import judgments, ops, sets
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._inception import INCEPTION, kernel_shapes
from jaxloss.backbones._lpips_nets import LPIPS_NETS, PUBLISHED_NETS
from jaxloss.judgments import distortions
from jaxloss.judgments._artifacts import CONTENT_LAYERS, STYLE_WEIGHTS
from tests.judgments._networks import features as two_layers, first_params, random_choices
from tests.networks import one_layer_alexnet, random_params, thinned, through_thin_networks, tiny_params


Function = Callable[..., Any]
KEY = jax.random.key(0)


@dataclasses.dataclass(frozen=True)
class Case:
    """Functions that are called alike: with data, and data by keyword, which are differentiated, and with options."""

    functions: tuple[Function, ...]
    data: tuple[Any, ...]
    named: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    differentiated: bool = True

    @property
    def arguments(self) -> tuple[Any, ...]:
        return abstract(self.data), abstract(dict(self.named))

    def evaluate(self, data: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """What they return, and where this has derivatives, the gradients by all data."""

        def call(data: tuple[Any, ...], named: dict[str, Any]) -> Any:
            return [through_thin_networks(function)(*data, **named, **self.options) for function in self.functions]

        if not self.differentiated:
            return call(data, named)
        values, pull_back = jax.vjp(call, data, named)
        return values, pull_back(jax.tree.map(jnp.ones_like, values))


def abstract(tree: Any) -> Any:
    return jax.tree.map(lambda z: jax.ShapeDtypeStruct(z.shape, z.dtype), tree)


def image(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def pair(*shape: int) -> tuple[Any, Any]:
    return image(*shape), image(*shape)


def with_key(function: Function) -> Function:
    """The function of the other arguments; a key has no derivative."""
    return functools.wraps(function)(functools.partial(function, KEY))


@functools.wraps(judgments.kmeans_trunk)
def kmeans(images: jax.Array) -> Any:
    with one_layer_alexnet():
        return judgments.kmeans_trunk(KEY, images)


STYLE = thinned(BACKBONES["vgg16"], (*STYLE_WEIGHTS, *CONTENT_LAYERS["vgg16"]))


@functools.wraps(judgments.init_artifacts)
def begin_with_style(style: jax.Array, features: Any) -> Any:
    with mock.patch.dict(BACKBONES, vgg16=STYLE):
        return judgments.init_artifacts(KEY, spec=SPEC._replace(style=1.0), style=style, features=features)


def plain_network(params: Any, images: jax.Array) -> dict[str, jax.Array]:
    """A network of a user's that multiplies nothing."""
    return {layer: scale * images[:, ::2, ::2] for layer, scale in params.items()}


def params_of(net: str) -> dict[str, Any]:
    return {"params": tiny_params(f"lpips-{net}")}


SMALL = image(24, 24, 3)
RANGE = {"data_range": 1.0}
SHRUNK = {**RANGE, "downsample": "average"}
SCALES = {**RANGE, "weights": (0.5, 0.5), "window_size": 5}
FEATURES = {"a": image(3, 4, 5)}
LAYERS = {"net": "vgg16", "layers": ["relu1_2"]}
SEEN = {layer: image(3, 3, 8) for layer in LPIPS_NETS["alex"].layers}
SPEC = judgments.ArtifactSpec(
    "denoising", "downsampling", 2.0, depth=1, width=4, layers=1, upsampling="bilinear", adversarial=0.1
)
STATE = jax.eval_shape(functools.partial(judgments.init_artifacts, spec=SPEC), KEY)
MOMENTS = jax.eval_shape(functools.partial(sets.init_moments, 4))
RANKING = jax.eval_shape(judgments.init_ranking, KEY)
TRAINING = jax.eval_shape(functools.partial(judgments.init_training, variant="tune"), KEY, first_params())


def features_of_lpips(net: str) -> Case:
    options = {**RANGE, "net": net}
    return Case((jaxloss.lpips_features,), (image(67, 67, 3),), params_of(net), options, differentiated=False)


def first_layers_of_inception() -> Any:
    shapes, _ = kernel_shapes(INCEPTION[:3])
    return {name: {"kernel": image(*shape), "bias": image(shape[-1])} for name, shape in shapes.items()}


FID = {"convention": "pytorch-fid"}
MEAN_AND_COVARIANCE: tuple[Any, Any] = image(4), image(4, 4)

KEPT = jax.eval_shape(functools.partial(jaxloss.ssimulacra2_features, **RANGE), SMALL)

SUPPORT = {
    "vectors": image(3, 36),
    "coefficients": image(3),
    "offset": image(),
    "gamma": image(),
    "lowest": image(36),
    "highest": image(36),
}


CASES = {
    "SSIM": Case((jaxloss.ssim_map, jaxloss.ssim_components), pair(384, 384, 1), options=SHRUNK),
    "MS-SSIM": Case((jaxloss.ms_ssim_gradient,), (SMALL, SMALL), options=SCALES),
    "GMSD and others": Case(
        (jaxloss.gmsd_map, jaxloss.mdsi_map, jaxloss.ssimulacra2_map, jaxloss.butteraugli_map),
        (SMALL, SMALL),
        options=RANGE,
    ),
    "FSIM and its kin": Case(
        (jaxloss.fsim_map, jaxloss.fsimc_map, jaxloss.vsi_map, jaxloss.sr_sim_map), (SMALL, SMALL), options=RANGE
    ),
    "ColorVideoVDP": Case(
        (jaxloss.cvvdp_map,), (SMALL, SMALL), {"params": tiny_params("cvvdp"), "mask": image(24, 24)}, RANGE
    ),
    "ColorVideoVDP of clips": Case(
        (jaxloss.cvvdp_video, jaxloss.cvvdp_video_map),
        pair(2, 4, 4, 3),
        {"params": tiny_params("cvvdp")},
        {**RANGE, "frames_per_second": 24.0},
        differentiated=False,
    ),
    "XPSNR": Case((jaxloss.xpsnr_planes,), pair(45, 48, 3), options=RANGE),
    "VMAF": Case((jaxloss.vmaf_features,), pair(9, 12, 1), options={**RANGE, "scales": 1}),
    "features of SSIMULACRA 2": Case((jaxloss.ssimulacra2_features,), (SMALL,), options=RANGE),
    "SSIMULACRA 2 of features": Case((jaxloss.ssimulacra2_from_features,), (KEPT, KEPT)),
    "pooling": Case((ops.average_pool,), (SMALL,)),
    "resizing": Case((ops.resize,), (SMALL,), options={"size": (9, 14), "method": "pil_bicubic"}),
    "partial convolution": Case((ops.partial_conv,), (SMALL, image(24, 24), image(3, 3, 3, 4), image(4))),
    "matrices of Gram": Case((jaxloss.gram_matrix,), (image(3, 4, 5),)),
    "distances of features": Case(
        (jaxloss.style_loss, jaxloss.contextual_loss, jaxloss.mrf_loss), (FEATURES, FEATURES)
    ),
    "inpainting": Case(
        (jaxloss.inpainting_loss,),
        (SMALL, SMALL, image(24, 24)),
        {"params": {"vgg16": {f"pool{i}": image() for i in (1, 2, 3)}}},
        {**RANGE, "recipe": "pconv", "nets": {"vgg16": plain_network}},
    ),
    "LPIPS": Case(
        (jaxloss.lpips_components, jaxloss.lpips_map),
        (SMALL, SMALL),
        {"params": {"trunk": {"low": image(), "high": image()}, "heads": {"low": image(3), "high": image(3)}}},
        {**RANGE, "net": plain_network},
    ),
    "temporal LPIPS": Case((jaxloss.temporal_lpips,), pair(2, 67, 67, 3), params_of("alex"), RANGE),
    **{f"features of {net}": features_of_lpips(net) for net in LPIPS_NETS if net not in PUBLISHED_NETS},
    "LPIPS from features": Case(
        (jaxloss.lpips_from_features,), (SEEN, SEEN), {**params_of("alex"), "mask": image(24, 24)}
    ),
    "features": Case(
        (jaxloss.extract_features,), (SMALL,), {"params": params_of("vgg")["params"]["trunk"]}, {**RANGE, **LAYERS}
    ),
    "BRISQUE": Case((jaxloss.brisque,), (image(14, 15, 1),), {"params": SUPPORT}, RANGE),
    "NIQE": Case(
        (jaxloss.niqe,),
        (image(24, 24, 1),),
        {"params": {"mean": image(36), "covariance": image(36, 36)}},
        {**RANGE, "block_size": 12},
    ),
    "images for Inception": Case((sets.prepare_images,), (image(2, 9, 9, 3),), options={**RANGE, **FID}),
    "Inception": Case(
        (sets.inception_features,),
        (image(2, 9, 9, 3),),
        {"params": first_layers_of_inception()},
        {**RANGE, **FID, "dimension": 64},
    ),
    "classes": Case(
        (sets.inception_logits,), (image(2, 2048),), {"params": {"fc": {"kernel": image(2048, 8), "bias": image(8)}}}
    ),
    "sets": Case((sets.frechet_distance, sets.mmd), (image(9, 4), image(8, 4))),
    "neighbors": Case((sets.precision_recall, sets.density_coverage), (image(9, 4), image(8, 4)), differentiated=False),
    "subsets": Case((with_key(sets.kid),), (image(9, 4), image(8, 4)), options={"subsets": 2, "subset_size": 3}),
    "statistics of sets": Case((sets.frechet_of_statistics,), 2 * (sets.Statistics(*MEAN_AND_COVARIANCE),)),
    "moments": Case((sets.statistics,), (MOMENTS,), differentiated=False),
    "more moments": Case((sets.update_moments,), (MOMENTS, image(8, 4)), differentiated=False),
    "diversity": Case((sets.vendi_score, sets.inception_score), (image(12, 4),)),
    "ranking": Case((judgments.ranking_logits,), (RANKING, *pair(4))),
    "ranking loss": Case((judgments.ranking_loss,), (RANKING, *pair(4), image(4))),
    "training of LPIPS": Case(
        (judgments.training_step,),
        (TRAINING, random_choices(2)),
        options={"net": two_layers, "variant": "tune"},
        differentiated=False,
    ),
    "k-means": Case((kmeans,), (image(4, 24, 24, 3),), differentiated=False),
    "beginning of artifacts": Case((begin_with_style,), (SMALL, random_params(STYLE)), differentiated=False),
    "artifacts": Case((judgments.restore,), (SMALL,), {"params": STATE.params}, {"spec": SPEC}),
    "distortion by artifacts": Case(
        (with_key(judgments.artifact_distortion),),
        (SMALL,),
        {"params": STATE.params, "strength": image()},
        {"spec": SPEC},
    ),
    "corruption": Case((with_key(judgments.corrupt),), (SMALL,), options={"spec": SPEC}),
    "training of artifacts": Case(
        (with_key(judgments.artifact_step),), (STATE, image(2, 16, 16, 3)), options={"spec": SPEC}, differentiated=False
    ),
    "jpeg": Case((distortions.jpeg,), (SMALL,), {"quality": image()}, {"rounding": "straight-through"}),
    "warp": Case((distortions.grid_warp,), (SMALL,), {"displacements": image(3, 3, 2)}, {"interpolation": "cubic"}),
    "distortions": Case((with_key(distortions.distort),), (SMALL,), {"strength": image()}, {"name": "linear_warp"}),
    "distortions in turn": Case(
        (with_key(distortions.distort_in_turn),),
        (SMALL,),
        {"strengths": image(1)},
        {"names": ("cubic_warp",)},
    ),
}
