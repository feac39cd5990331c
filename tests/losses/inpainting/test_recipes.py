"""Each row of the table of inpainting objectives against NumPy, written from what is known of the published code."""

import functools
from collections.abc import Callable, Mapping

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import INPAINTING_RECIPES
from jaxloss.backbones._features import BACKBONES
from jaxloss.losses.inpainting._terms import KINDS
from tests.losses.inpainting._example import (
    CMT_WEIGHTS,
    STAGES,
    Arrays,
    Example,
    evaluate,
    example,
    params_of,
    tiny_network,
)
from tests.networks import through_thin_networks


POOLS: tuple[str, ...] = ("pool1", "pool2", "pool3")
FIRST_RELUS: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# The terms: name -> (weight, value for each image).
Terms = dict[str, tuple[float, np.ndarray]]
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def imagenet(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.float64) - MEAN) / DEVIATION


def symmetric(x: np.ndarray) -> np.ndarray:
    return 2 * x.astype(np.float64) - 1


compiled_network = jax.jit(tiny_network)
lpips = jax.jit(through_thin_networks(functools.partial(jaxloss.lpips, data_range=1.0)))


def features_of(net: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Of images in the range of the network."""
    features = compiled_network(params_of(net), images.astype(np.float32))
    return {layer: np.asarray(z, np.float64) for layer, z in features.items()}


def mean(z: np.ndarray) -> np.ndarray:
    return z.mean(axis=tuple(range(1, z.ndim)))


def perceptual(f: Arrays, g: Arrays, weights: Mapping[str, float]) -> np.ndarray:
    return sum((weight * mean(abs(f[layer] - g[layer])) for layer, weight in weights.items()), np.zeros(1))


def gram(f: np.ndarray) -> np.ndarray:
    return np.einsum("nhwc,nhwd->ncd", f, f) / f[0].size


def style(f: Arrays, g: Arrays, layers: tuple[str, ...]) -> np.ndarray:
    return sum((mean(abs(gram(f[layer]) - gram(g[layer]))) for layer in layers), np.zeros(1))


def total_variation(x: np.ndarray) -> np.ndarray:
    return mean(abs(np.diff(x, axis=1))) + mean(abs(np.diff(x, axis=2)))


def non_saturating(logits: np.ndarray) -> np.ndarray:
    return mean(np.logaddexp(0, -logits.astype(np.float64)))


def composite(s: Example) -> np.ndarray:
    return np.where(s.mask[..., None] > 0, s.target, s.output)


def pconv(s: Example) -> Terms:
    x, y, c = (imagenet(z) for z in (s.output, s.target, composite(s)))
    f, g, h = (features_of("vgg16", z) for z in (x, y, c))
    ones, m = dict.fromkeys(POOLS, 1.0), s.mask[..., None]
    return {
        "valid": (1, mean(m * abs(x - y))),
        "hole": (6, mean((1 - m) * abs(x - y))),
        "perceptual": (0.05, perceptual(f, g, ones) + perceptual(h, g, ones)),
        "style": (120, style(f, g, POOLS) + style(h, g, POOLS)),
        "total_variation": (0.1, total_variation(c)),
    }


def pconv_nvidia(s: Example) -> Terms:
    x, y = imagenet(s.output), imagenet(s.target)
    f, g = (features_of("vgg16", z) for z in (x, y))
    return {
        "l1": (5, mean(abs(x - y))),
        "perceptual": (0.05, perceptual(f, g, dict.fromkeys(POOLS, 1.0))),
        "style": (120, style(f, g, POOLS)),
    }


def deng(s: Example, style_weight: float) -> Terms:
    x, y, hole = symmetric(s.output), symmetric(s.target), 1 - s.mask[..., None]
    layers = ("relu2_2", "relu3_4", "relu4_4", "relu5_2")
    f, g = (features_of("vgg19", z) for z in (x, y))
    a, b = (features_of("vgg19", z * hole) for z in (x, y))
    return {
        "l1": (1, mean(abs(x - y))),
        "perceptual": (1, perceptual(f, g, dict.fromkeys(FIRST_RELUS, 1.0))),
        "style": (style_weight, style(a, b, layers)),
        "adversarial": (0.1, non_saturating(s.logits["output"])),
    }


def mat(s: Example) -> Terms:
    weights = {"conv4_4": 1 / 4, "conv5_4": 1 / 2}
    f, g = (features_of("vgg19", imagenet(z)) for z in (composite(s), s.target))
    return {
        "adversarial": (1, non_saturating(s.logits["output"])),
        "adversarial_stage1": (1, non_saturating(s.logits["stage1"])),
        "perceptual": (0.1, perceptual(f, g, weights)),
    }


def transcnn_hae(s: Example) -> Terms:
    x, y = symmetric(s.output), symmetric(s.target)
    f, g = (features_of("vgg19", z) for z in (x, y))
    return {
        "l1": (2, mean(abs(x - y))),
        "perceptual": (1, perceptual(f, g, dict(zip(FIRST_RELUS, (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), strict=True)))),
        "style": (250, style(f, g, ("relu4_1", "relu5_1"))),
    }


def coordfill(s: Example) -> Terms:
    distance = lpips(composite(s), s.target, params=params_of("lpips-alex"))
    matching = [mean(abs(s.features[0][block].astype(np.float64) - s.features[1][block])) for block in s.features[0]]
    return {
        "lpips": (10, np.asarray(distance, np.float64)),
        "adversarial": (1, non_saturating(s.logits["output"])),
        "feature_matching": (100, matching[0] + matching[1]),
    }


def cmt(s: Example) -> Terms:
    c, y = symmetric(composite(s)), symmetric(s.target)
    f, g = (features_of("vgg19", z) for z in (c, y))
    return {
        "l1": (CMT_WEIGHTS["l1"], mean(abs(c - y))),
        "perceptual": (CMT_WEIGHTS["perceptual"], perceptual(f, g, dict.fromkeys(FIRST_RELUS, 1.0))),
        "adversarial": (CMT_WEIGHTS["adversarial"], non_saturating(s.logits["output"])),
    }


def lama(s: Example) -> Terms:
    x, y = s.output.astype(np.float64), s.target.astype(np.float64)
    f, g = (features_of("resnet50_dilated", imagenet(z)) for z in (x, y))
    matching = [mean((s.features[0][block].astype(np.float64) - s.features[1][block]) ** 2) for block in s.features[0]]
    return {
        "l1": (10, mean(s.mask[..., None] * abs(x - y))),
        "adversarial": (10, non_saturating(s.logits["output"])),
        "feature_matching": (100, (matching[0] + matching[1]) / 2),
        "perceptual": (30, sum((mean((f[stage] - g[stage]) ** 2) for stage in STAGES), np.zeros(1))),
    }


EXPECTED: dict[str, Callable[[Example], Terms]] = {
    "pconv": pconv,
    "pconv_nvidia": pconv_nvidia,
    "ctn": functools.partial(deng, style_weight=1),
    "mat": mat,
    "tformer": functools.partial(deng, style_weight=250),
    "transcnn_hae": transcnn_hae,
    "coordfill": coordfill,
    "cmt": cmt,
    "lama": lama,
}


@pytest.mark.parametrize("recipe", INPAINTING_RECIPES)
def test_terms_and_their_sum(recipe: str, crop_photograph, rng: np.random.Generator) -> None:
    scene = example(crop_photograph(2, 32, 36), rng)
    loss = evaluate(scene, recipe)
    expected = EXPECTED[recipe](scene)
    assert [term.name for term in INPAINTING_RECIPES[recipe].terms if term.weight != 0] == list(expected)
    assert loss.terms.keys() == expected.keys()
    for name, (_, value) in expected.items():
        assert loss.terms[name].shape == (2,) and (value > 0).all()
        np.testing.assert_allclose(loss.terms[name], value, rtol=1e-5, err_msg=name)
    total = sum(weight * value for weight, value in expected.values())
    np.testing.assert_allclose(loss.total, total, rtol=1e-5)


def test_layers_are_those_of_the_networks() -> None:
    """The terms are tested with other networks; those that come with jaxloss have the layers of the same names."""
    for row in INPAINTING_RECIPES.values():
        for term in row.terms:
            if term.net in BACKBONES and term.options["weights"]:
                assert set(term.options["weights"]) <= {layer.name for layer in BACKBONES[term.net]}
    assert set(FIRST_RELUS) <= {layer.name for layer in BACKBONES["vgg19"]}


def test_rows_are_complete() -> None:
    for name, row in INPAINTING_RECIPES.items():
        names = [term.name for term in row.terms]
        assert len(set(names)) == len(names)
        adversarial = [term for term in row.terms if term.kind == "adversarial"]
        assert {term.kind for term in row.terms} <= set(KINDS)
        assert all(term.weight is not None or name == "cmt" for term in row.terms)
        assert all(term.source for term in row.terms)
        heads = tuple(term.head for term in adversarial)
        kinds = {term.options["kind"] for term in adversarial}
        assert (row.discriminator is None and not heads) or row.discriminator is not None
        if row.discriminator is not None:
            assert (heads, kinds) == (row.discriminator.heads, {row.discriminator.kind})


def test_discriminators() -> None:
    """Halves of CTN and T-former; R1 of MAT, gamma / 2 with gamma = 10 every 16 steps, and of LaMa, 0.001 alone."""
    rows = {name: row.discriminator for name, row in INPAINTING_RECIPES.items() if row.discriminator}
    assert {name: row.scale for name, row in rows.items()} == {
        "ctn": 0.5, "mat": 1, "tformer": 0.5, "coordfill": 1, "cmt": 1, "lama": 1,
    }  # fmt: skip
    assert {name: (row.r1_gamma, row.r1_every) for name, row in rows.items() if row.r1_gamma} == {
        "mat": (10, 16), "lama": (2 * 0.001, 1),
    }  # fmt: skip
