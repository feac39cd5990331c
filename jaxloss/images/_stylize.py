"""Style transfer by Gatys et al.: the objects of one image in the colors and textures of another."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_image
from .._files import InputError
from .._types import Array, ArrayLike, Features, Params, Scalar, Scores
from ..backbones._features import BACKBONES, extract_features
from ..backbones._layers import smallest_side, used_layers
from ..losses._smoothness import total_variation
from ..perceptual._perceptual import perceptual_loss
from ..perceptual._style import STYLE_CONVENTIONS, gram_matrix
from ..weights._load import load_params


NETWORK = "vgg16"
CONTENT_LAYERS = ("relu4_2",)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SMALLEST = smallest_side(used_layers(BACKBONES[NETWORK], STYLE_LAYERS))
OPTIMIZERS = ("lbfgs", "adam")
STARTS = ("content", "noise")
# The authors' notebook divides by the squared number of channels: else wide, deep layers would drown out the colors.
STYLE = STYLE_CONVENTIONS["gatys_pytorch"]
ADAM_RATE = 0.1
# Black and white are at infinity where the optimizer works; this far from them, both can still be left and reached.
MARGIN = 0.05


class Weights(NamedTuple):
    """Of the terms of the objective."""

    content: Scalar
    style: Scalar
    smoothness: Scalar


class Problem(NamedTuple):
    """All that the objective depends on besides the picture: arguments of the compiled step, not constants in it."""

    params: Params
    content: Features
    grams: Features
    weights: Weights


def stylize(
    content: ArrayLike,
    style: ArrayLike,
    *,
    size: int = 256,
    steps: int = 150,
    content_weight: float = 1.0,
    style_weight: float = 1e4,
    smoothness: float = 200.0,
    optimizer: str = "lbfgs",
    start: str = "content",
    seed: int = 0,
    progress: Callable[[int, float], object] | None = None,
) -> np.ndarray:
    r"""Paint one image in the style of another: the style transfer of Gatys et al.

    The pixels p of the picture minimize

    $$w_c \, \mathrm{mean}\big((F_4(p) - F_4(\mathrm{content}))^2\big)
      + w_s \sum_{l=1}^5 \frac{1000}{C_l^2} \, \mathrm{mean}\big((G_l(p) - G_l(\mathrm{style}))^2\big)
      + w_t \, \mathrm{TV}(p)$$

    with the features F of relu4_2, and the Gram matrices G, divided by the number of positions, of the C channels of
    relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1: the weights of the authors' notebook. The network is the VGG16 that
    comes with the package, with its maximum pooling; Gatys et al. took VGG19 with average pooling.

    Args:
        content: Image whose objects are kept, `[H, W, 3]`, or `[H, W, 1]` for gray; floating, values in [0, 1].
        style: Image whose colors and textures are taken, of any size.
        size: Longest side of the picture in pixels; both images are scaled to it first.
        steps: Of the optimizer, each one evaluation of the network and its gradient.
        content_weight: w_c >= 0.
        style_weight: w_s >= 0; more of it leaves less of the content.
        smoothness: w_t >= 0, of the total variation, which removes the grain.
        optimizer: `"lbfgs"` or `"adam"`, Optax's.
        start: `"content"`, or `"noise"` to start from random pixels.
        seed: Of the noise.
        progress: Called after each step as `progress(step, loss)`, with the loss that the step started from.

    Returns:
        `[h, w, 3]`, float32, values in [0, 1]; proportions are those of the content.

    Raises:
        InputError: If the images are not of such shapes and values, or become too small for the network, or if an
            option is out of its range, before the work begins; or if weights are so large that the loss overflows.
        TypeError: For integer images.

    Example:
        >>> from jaxloss.images import distort, sample_photograph, stylize
        >>> photograph = sample_photograph()
        >>> picture = stylize(photograph, distort(photograph, "pixelation"), size=32, steps=2)
        >>> print(picture.shape, picture.dtype)
        (32, 32, 3) float32

    Reference:
        Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks", CVPR 2016.
    """
    weights = Weights(content_weight, style_weight, smoothness)
    _check_options(size=size, steps=steps, weights=weights, optimizer=optimizer, start=start)
    kept, taken = _scaled("content", content, size), _scaled("style", style, size)
    problem = _problem(load_params(NETWORK), kept, taken, weights)
    pixels = kept if start == "content" else jax.random.uniform(jax.random.key(seed), kept.shape)
    latent = jax.scipy.special.logit(jnp.clip(pixels, MARGIN, 1 - MARGIN))
    state = _transformation(optimizer).init(latent)
    for step in range(1, steps + 1):
        latent, state, loss = _step(latent, state, problem, optimizer=optimizer)
        value = float(loss)
        if not math.isfinite(value):
            raise InputError(f"the loss is {value} at step {step}. Choose smaller weights.")
        if progress is not None:
            progress(step, value)
    return np.asarray(_pixels(latent))


def _check_options(*, size: int, steps: int, weights: Weights, optimizer: str, start: str) -> None:
    for name, value, least in (("size", size, SMALLEST), ("steps", steps, 1)):
        if value < least:
            raise InputError(f"{name} must be {least} or more, got {value}.")
    for name, value in zip(("content_weight", "style_weight", "smoothness"), weights, strict=True):
        if not (value >= 0 and math.isfinite(value)):
            raise InputError(f"{name} must be a finite number, 0 or more, got {value}.")
    if weights.content == weights.style == 0:
        raise InputError("content_weight and style_weight are both 0: there is nothing to paint.")
    for name, value, choices in (("optimizer", optimizer, OPTIMIZERS), ("start", start, STARTS)):
        if value not in choices:
            raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def _scaled(name: str, given: ArrayLike, size: int) -> Array:
    """The image as RGB, its longest side `size` pixels."""
    image = color_image("stylize", name, given)
    height, width = (round(side * size / max(image.shape[:2])) for side in image.shape[:2])
    if min(height, width) < SMALLEST:
        raise InputError(
            f"{name} is {width} x {height} pixels when it is scaled to size {size}; "
            f"the network needs {SMALLEST} x {SMALLEST}. Choose a larger size or crop it."
        )
    return resized(image, height, width)


def color_image(function: str, name: str, given: ArrayLike) -> Array:
    """A checked image as RGB, float32 in [0, 1]."""
    image = check_image(function, name, jnp.asarray(given)).astype(jnp.float32)
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise InputError(f"{name} must be of shape [H, W, 3] or [H, W, 1], got {image.shape}.")
    pixels = np.asarray(image)
    lowest, highest = pixels.min(), pixels.max()  # NumPy's, for XLA's are infinite where all values are NaN
    if not (lowest >= 0 and highest <= 1):
        raise InputError(f"{name} must have values in [0, 1], got [{lowest:g}, {highest:g}].")
    return jnp.broadcast_to(image, (*image.shape[:2], 3))


def resized(image: Array, height: int, width: int) -> Array:
    if image.shape[:2] == (height, width):
        return image
    # Lanczos overshoots at edges.
    return jnp.clip(jax.image.resize(image, (height, width, image.shape[-1]), "lanczos3"), 0, 1)


@jax.jit
def _problem(params: Params, content: Array, style: Array, weights: Weights) -> Problem:
    """What stays the same in all steps is computed once."""
    return Problem(
        params,
        features_of(content, params, CONTENT_LAYERS),
        grams_of(features_of(style, params, STYLE_LAYERS)),
        weights,
    )


@functools.partial(jax.jit, static_argnames="optimizer")
def _step(latent: Array, state: Any, problem: Problem, *, optimizer: str) -> tuple[Array, Any, Array]:
    def objective(latent: Array) -> Array:
        return _objective(_pixels(latent), problem)

    loss, gradient = jax.value_and_grad(objective)(latent)
    updates, state = _transformation(optimizer).update(gradient, state, latent)
    return latent + updates, state, loss


def _objective(picture: Array, problem: Problem) -> Array:
    features = features_of(picture, problem.params, STYLE_LAYERS + CONTENT_LAYERS)
    content = perceptual_loss({layer: features[layer] for layer in CONTENT_LAYERS}, problem.content)
    style = style_distance(grams_of(features), problem.grams)
    weights = problem.weights
    return weights.content * content + weights.style * style + weights.smoothness * total_variation(picture)


def _pixels(latent: Array) -> Array:
    """In [0, 1] whatever the optimizer does, with a gradient everywhere."""
    return jax.nn.sigmoid(latent)


def features_of(image: Array, params: Params, layers: tuple[str, ...]) -> Features:
    return extract_features(image, net=NETWORK, params=params, layers=layers, data_range=1.0)


def grams_of(features: Features) -> Features:
    """Shaped like features, `[c, c, 1]`."""
    normalization = STYLE["normalization"]
    return {layer: gram_matrix(features[layer], normalization=normalization)[..., None] for layer in STYLE_LAYERS}


def style_distance(grams: Features, others: Features) -> Scores:
    """The style loss is a perceptual loss whose features are Gram matrices: those of the style stay the same."""
    return perceptual_loss(grams, others, weights=STYLE["weights"], distance=STYLE["distance"])


def _transformation(optimizer: str) -> Any:
    import optax  # takes as long to import as JAX, and only this function needs it

    # Without a line search, as in the authors' code: whole steps come as far here, and XLA's CPU convolutions take
    # 2.5 times as long inside the loop that a search is.
    return optax.lbfgs(linesearch=None) if optimizer == "lbfgs" else optax.adam(ADAM_RATE)
