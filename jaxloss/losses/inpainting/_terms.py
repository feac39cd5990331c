"""How each kind of term of an inpainting objective is evaluated, and from which images and features."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..._checks import error_text
from ..._types import Array, ArrayLike, Features, Params, Scores
from ...backbones._features import BACKBONES, PREPROCESSING, FeatureFunction, extract_features
from ...perceptual._feature_matching import LayerFeatures, feature_matching_loss
from ...perceptual._lpips import lpips
from ...perceptual._perceptual import DISTANCES, perceptual_loss
from ...perceptual._style import style_loss
from .._smoothness import total_variation
from ..gan._losses import generator_loss
from ._masked import restrict
from ._recipes import Term


class View(NamedTuple):
    """What a term, and its network, sees of an image."""

    image: str
    preprocess: str
    region: str
    net: str = ""


class Scene(NamedTuple):
    """All that the terms of one objective look at."""

    name: str  # of the function, for errors
    images: Mapping[str, Array]  # output, composite and target, [..., H, W, C] in [0, 1]
    known: Array  # [..., H, W]
    params: Mapping[str, Params]
    nets: Mapping[str, FeatureFunction]
    features: Mapping[View, Features]
    logits: Mapping[str, ArrayLike]  # by head
    discriminator_features: Sequence[LayerFeatures]  # of the output and of the target, or empty

    def see(self, view: View) -> Array:
        x = self.images[view.image]
        offset, scale = (
            jnp.asarray(z, x.dtype).reshape((1,) * (x.ndim - 1) + (-1,)) for z in PREPROCESSING[view.preprocess]
        )
        if offset.size == 3 != x.shape[-1]:
            way_out = "Gray images: jnp.repeat(x, 3, axis=-1)."
            raise ValueError(error_text(self.name, "images [..., H, W, 3]", x.shape, way_out))
        return restrict((x - offset) / scale, self.known, view.region)


def features_of(scene: Scene, terms: Sequence[Term]) -> dict[View, Features]:
    """The features of all terms, once for each view of an image: it is the networks that take the time."""
    layers: dict[View, dict[str, None]] = {}
    for term in terms:
        if term.kind in ("perceptual", "style"):
            for image in (*term.images, "target"):
                wanted = layers.setdefault(_view(term, image), {})
                wanted.update(dict.fromkeys(term.options["weights"] or ()))
    return {view: _extract(scene, view, tuple(wanted)) for view, wanted in layers.items()}


def _view(term: Term, image: str) -> View:
    return View(image, term.preprocess, term.region, term.net)


def _extract(scene: Scene, view: View, layers: tuple[str, ...]) -> Features:
    net, x = scene.nets.get(view.net, view.net), scene.see(view)
    if callable(net):
        params = scene.params.get(view.net, {})
        # Without names all features count, which only the function knows.
        layers = layers or tuple(jax.eval_shape(net, params, x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:])))
    elif net not in BACKBONES:
        way_out = f"It does not come with jaxloss: nets={{{net!r}: function}}, and its parameters in params."
        raise ValueError(error_text(scene.name, f"a function for the network {net!r}", list(scene.nets), way_out))
    else:
        params = _params(scene, net)
    return extract_features(x, net=net, params=params, layers=layers, data_range=1.0, preprocess="unit")


def _params(scene: Scene, net: str) -> Params:
    if net not in scene.params:
        way_out = f"params={{{net!r}: load_params({net!r})}}."
        raise ValueError(error_text(scene.name, f"params of {net!r}", f"those of {list(scene.params)}", way_out))
    return scene.params[net]


def _over_images(loss: Callable[[Scene, Term, View, View], Scores]) -> Callable[[Scene, Term], Scores]:
    """The sum of a loss over the images of a term, each against the target."""

    def total(scene: Scene, term: Term) -> Scores:
        views = [_view(term, image) for image in (*term.images, "target")]
        return functools.reduce(jnp.add, (loss(scene, term, view, views[-1]) for view in views[:-1]))

    return total


def _pixel(scene: Scene, term: Term, x: View, y: View) -> Scores:
    return DISTANCES[term.options["distance"]](scene.see(x), scene.see(y))


def _perceptual(scene: Scene, term: Term, x: View, y: View) -> Scores:
    return perceptual_loss(scene.features[x], scene.features[y], **term.options)


def _style(scene: Scene, term: Term, x: View, y: View) -> Scores:
    return style_loss(scene.features[x], scene.features[y], **term.options)


def _lpips(scene: Scene, term: Term, x: View, y: View) -> Scores:
    images = (scene.see(view._replace(preprocess="unit")) for view in (x, y))  # it has a range of its own
    params, net = _params(scene, term.net), term.net.removeprefix("lpips-")
    return lpips(*images, params=params, net=net, data_range=1.0, **term.options)


def _total_variation(scene: Scene, term: Term, x: View, y: View) -> Scores:
    return total_variation(scene.see(x), **term.options)


def _adversarial(scene: Scene, term: Term) -> Scores:
    losses = generator_loss(scene.logits[term.head], **term.options)
    return losses.mean(axis=tuple(range(scene.known.ndim - 2, losses.ndim)))


def _feature_matching(scene: Scene, term: Term) -> Scores:
    ours, theirs = scene.discriminator_features
    return feature_matching_loss(ours, theirs, **term.options)


def check_terms(scene: Scene, terms: Sequence[Term]) -> None:
    """That what the terms take is there: told before networks run for seconds."""
    for term in terms:
        if term.kind == "adversarial":
            _check_logits(scene, term)
        elif term.kind == "feature_matching" and len(scene.discriminator_features) != 2:
            expected = "discriminator_features, (those of the output, those of the target)"
            count = len(scene.discriminator_features)
            got = f"{count} of them" if count else "none"
            raise ValueError(error_text(scene.name, expected, got, _way_around(term)))
        elif term.kind == "lpips":
            _params(scene, term.net)


def _check_logits(scene: Scene, term: Term) -> None:
    if term.head not in scene.logits:
        expected, got = f"discriminator_logits of the {term.head!r}", f"those of {list(scene.logits)}"
        way_out = f"Several outputs are a mapping, {{{term.head!r}: logits}}. {_way_around(term)}"
        raise ValueError(error_text(scene.name, expected, got, way_out))
    leading, shape = scene.known.shape[:-2], jnp.shape(scene.logits[term.head])
    if shape[: len(leading)] != leading:
        way_out = "The discriminator must not reduce over the batch."
        raise ValueError(error_text(scene.name, f"logits of shape {[*leading, ...]}", shape, way_out))


def _way_around(term: Term) -> str:
    return f"To leave the term out: weights={{{term.name!r}: 0.0}}."


KINDS: dict[str, Callable[[Scene, Term], Scores]] = {
    "pixel": _over_images(_pixel),
    "perceptual": _over_images(_perceptual),
    "style": _over_images(_style),
    "lpips": _over_images(_lpips),
    "total_variation": _over_images(_total_variation),
    "adversarial": _adversarial,
    "feature_matching": _feature_matching,
}
