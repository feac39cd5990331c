"""Published objectives of image inpainting as data: what `inpainting_loss` evaluates and `jaxloss recipes` lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...perceptual._feature_matching import FEATURE_MATCHING_CONVENTIONS
from ...perceptual._perceptual import FEATURE_CONVENTIONS, PERCEPTUAL_CONVENTIONS
from ...perceptual._style import STYLE_CONVENTIONS


Kind = Literal["pixel", "perceptual", "style", "lpips", "adversarial", "feature_matching", "total_variation"]
Region = Literal["all", "known", "hole"]


@dataclass(frozen=True)
class Term:
    """One summand of an objective.

    Attributes:
        name: What the summand is called in the result and in `weights`.
        kind: What is evaluated: a pixel loss, or the function of that name.
        weight: Its factor; None where it is not published and has to be passed.
        source: Where the numbers are written.
        images: What is compared with the target: the raw `"output"`, the `"composite"` (the output in the hole, the
            target around it), or both, whose losses are added. Of adversarial terms and feature matching, what the
            discriminator is shown.
        region: All that is seen of the images: `"all"`, or only the `"known"` pixels or the `"hole"`; they are
            multiplied by the mask, or by 1 - mask, after `preprocess`.
        preprocess: Range of the images, for networks and pixel losses alike, as in `extract_features`.
        net: What computes the features: a key of `params`, and of `nets` if it is not built in.
        options: Arguments of the function: distance, weights of layers, normalization of Gram matrices, kind of GAN.
        head: For adversarial terms, which of the discriminator's outputs.
    """

    name: str
    kind: Kind
    weight: float | None
    source: str
    images: tuple[str, ...] = ("output",)
    region: Region = "all"
    preprocess: str = "symmetric"
    net: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    head: str = "output"


@dataclass(frozen=True)
class Discriminator:
    """The other player of an adversarial term.

    Attributes:
        network: What it is, in words.
        kind: A key of `GAN_LOSSES`.
        scale: Factor of its loss.
        heads: What it judges, each with logits of its own and a loss of its own.
        known_is_real: Whether the known pixels of generated images count as real.
        r1_gamma: `gamma` of `r1_penalty` on real images; None for no penalty.
        r1_every: The penalty is due in every so-manieth step, and multiplied by this number.
    """

    network: str
    kind: str = "non_saturating"
    scale: float = 1.0
    heads: tuple[str, ...] = ("output",)
    known_is_real: bool = False
    r1_gamma: float | None = None
    r1_every: int = 1


@dataclass(frozen=True)
class Recipe:
    """One published objective: the weighted sum of its terms.

    Attributes:
        title: Name of the method.
        paper: Where it was published.
        terms: The summands.
        training: Optimizer and what else belongs to the numbers, in words.
        discriminator: None for methods without.
        note: What one should know before trusting a number.
    """

    title: str
    paper: str
    terms: tuple[Term, ...]
    training: str
    discriminator: Discriminator | None = None
    note: str = ""

    @property
    def networks(self) -> tuple[str, ...]:
        """Keys of the `params` that the terms need."""
        return tuple(dict.fromkeys(term.net for term in self.terms if term.net))


_BOTH = ("output", "composite")
_COMPOSITE = ("composite",)
_L1 = {"distance": "l1"}
_LOGISTIC = {"kind": "non_saturating"}


def _perceptual(row: str, weight: float | None, source: str, images: tuple[str, ...] = ("output",)) -> Term:
    options = PERCEPTUAL_CONVENTIONS[row]
    return Term("perceptual", "perceptual", weight, source, images, options=options, **FEATURE_CONVENTIONS[row])


def _style(row: str, weight: float, source: str, images: tuple[str, ...] = ("output",), region: Region = "all") -> Term:
    options = STYLE_CONVENTIONS[row]
    return Term("style", "style", weight, source, images, region, options=options, **FEATURE_CONVENTIONS[row])


def _terms_of_deng(row: str, style_weight: float, file: str) -> tuple[Term, ...]:
    """CTN and T-former share their authors' code, but for the weight of the style loss."""
    source = f"{file}:17-23,113-131"
    return (
        Term("l1", "pixel", 1.0, source, options=_L1),
        _perceptual(row, 1.0, source),
        _style(row, style_weight, source, region="hole"),
        Term("adversarial", "adversarial", 0.1, source, options=_LOGISTIC),
    )


# Files of the methods' own repositories, but for the first: naoto0804/pytorch-inpainting-with-partial-conv.
_NAOTO = "naoto0804 opt.py:4-5, loss.py"
_NVIDIA = "models/loss.py"
_MAT = "losses/loss.py:81-91"
_LAMA = "big-lama.yaml:8-24"
_SN_PATCH = Discriminator("patches, with spectral normalization, 5 convolutions of 4 x 4", scale=0.5)

INPAINTING_RECIPES: dict[str, Recipe] = {
    "pconv": Recipe(
        "Partial Convolution",
        "Liu et al., ECCV 2018",
        (
            Term("valid", "pixel", 1.0, _NAOTO, region="known", preprocess="imagenet", options=_L1),
            Term("hole", "pixel", 6.0, _NAOTO, region="hole", preprocess="imagenet", options=_L1),
            _perceptual("pconv", 0.05, _NAOTO, _BOTH),
            _style("pconv", 120.0, _NAOTO, _BOTH),
            Term("total_variation", "total_variation", 0.1, _NAOTO, _COMPOSITE, preprocess="imagenet"),
        ),
        "learning rate 2e-4; then 5e-5 with the encoder's batch norm frozen",
        note="The weights are those of the paper; pixels are compared after ImageNet's normalization, as in the best"
        " known reimplementation, naoto0804/pytorch-inpainting-with-partial-conv. The paper takes the total variation"
        " around the hole only; elsewhere the composite is the target, whose total variation has no gradient.",
    ),
    "pconv_nvidia": Recipe(
        "Partial Convolution, the loss in NVIDIA's repository",
        "Liu et al., ECCV 2018",
        (
            Term("l1", "pixel", 5.0, _NVIDIA, preprocess="imagenet", options=_L1),
            _perceptual("pconv", 0.05, _NVIDIA),
            _style("pconv", 120.0, _NVIDIA),
            Term("total_variation", "total_variation", 0.0, _NVIDIA, preprocess="imagenet"),
        ),
        "not given with the loss",
        note="It looks neither at the mask nor at the composite. The total variation has the weight 0 there, too.",
    ),
    "ctn": Recipe(
        "Contextual Transformer Network",
        "Deng et al., ACM Multimedia 2021",
        _terms_of_deng("ctn", 1.0, "ctn_model.py"),
        "Adam, learning rate 1e-4, then 1e-5, betas (0.5, 0.9)",
        _SN_PATCH,
        "The weight of the style may be a slip of the release: it is 250 in the authors' other methods.",
    ),
    "mat": Recipe(
        "Mask-Aware Transformer",
        "Li et al., CVPR 2022",
        (
            Term("adversarial", "adversarial", 1.0, _MAT, _COMPOSITE, options=_LOGISTIC),
            Term("adversarial_stage1", "adversarial", 1.0, _MAT, _COMPOSITE, options=_LOGISTIC, head="stage1"),
            _perceptual("mat", 0.1, f"{_MAT}; README, --pr=0.1", _COMPOSITE),
        ),
        "Adam, learning rate 1e-3, betas (0, 0.99); averaged weights for inference",
        Discriminator(
            "StyleGAN2's, of mask - 0.5 and composite together", heads=("output", "stage1"), r1_gamma=10.0, r1_every=16
        ),
        "No pixel loss. Two discriminators judge the composites of the output and of the first stage.",
    ),
    "tformer": Recipe(
        "T-former",
        "Deng et al., ACM Multimedia 2022",
        _terms_of_deng("tformer", 250.0, "tformer_model.py"),
        "AdamW, learning rate 1e-4, betas (0.9, 0.5), which look exchanged",
        _SN_PATCH,
    ),
    "transcnn_hae": Recipe(
        "TransCNN-HAE",
        "Zhao et al., ACM Multimedia 2022",
        (
            Term("l1", "pixel", 2.0, "model.py:58-84, config.yml", options=_L1),
            _perceptual("transcnn_hae", 1.0, "loss.py:174-198, config.yml"),
            _style("transcnn_hae", 250.0, "loss.py:174-198, config.yml"),
        ),
        "Adam, learning rate 1e-4, betas (0, 0.9)",
        note="Blind inpainting: no term looks at the mask. The adversarial weight in its config.yml is not used.",
    ),
    "coordfill": Recipe(
        "CoordFill",
        "Liu et al., AAAI 2023",
        (
            Term("lpips", "lpips", 10.0, "models/gan.py:96-106", _COMPOSITE, preprocess="lpips", net="lpips-alex"),
            Term("adversarial", "adversarial", 1.0, "models/gan.py:127-156", _COMPOSITE, options=_LOGISTIC),
            Term(
                "feature_matching", "feature_matching", 100.0, "models/gan.py:127-156", _COMPOSITE,
                options=FEATURE_MATCHING_CONVENTIONS["coordfill"],
            ),
        ),
        "one Adam over the parameters of both players; random sizes 256 + 32 k, k = 0 ... 8",
        Discriminator("patches, with spectral normalization; its 4 blocks are matched after their LeakyReLU"),
        "No pixel loss.",
    ),
    "cmt": Recipe(
        "Continuous Mask-aware Transformer",
        "Ko and Kim, ICCV 2023",
        (
            Term("l1", "pixel", None, "not published", _COMPOSITE, options=_L1),
            _perceptual("ctn", None, "not published", _COMPOSITE),
            Term("adversarial", "adversarial", None, "not published", _COMPOSITE, options=_LOGISTIC),
        ),
        "not published",
        Discriminator("not published"),
        "A reconstruction, a perceptual and an adversarial loss, of which neither weights nor details were published:"
        " the weights have to be passed, and L1, the layers of VGG19 and the kind of GAN are those of CTN.",
    ),
    "lama": Recipe(
        "LaMa",
        "Suvorov et al., WACV 2022",
        (
            Term("l1", "pixel", 10.0, _LAMA, region="known", preprocess="unit", options=_L1),
            Term("adversarial", "adversarial", 10.0, _LAMA, options=_LOGISTIC),
            Term(
                "feature_matching", "feature_matching", 100.0, f"{_LAMA}; feature_matching.py:19-22",
                options=FEATURE_MATCHING_CONVENTIONS["lama"],
            ),
            Term(
                "perceptual", "perceptual", 30.0, _LAMA, preprocess="imagenet", net="resnet50_dilated",
                options=PERCEPTUAL_CONVENTIONS["lama"],
            ),
        ),
        "Adam",
        Discriminator("pix2pixHD's, of patches", known_is_real=True, r1_gamma=0.002),
        "The perceptual loss (HRF PL) needs a dilated ResNet50 trained on ADE20k, which does not come with jaxloss: its"
        " function goes into `nets`, and all the feature maps that it returns count, of LaMa's network those of the"
        " four stages. The authors' penalty, 0.001 without the factor 1/2, is that of gamma = 0.002.",
    ),
}  # fmt: skip
"""Name to published objective: `inpainting_loss` evaluates it, `jaxloss recipes` lists them."""
