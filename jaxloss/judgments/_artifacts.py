"""Artifacts of restoration networks: how images are corrupted, networks trained, and taken as distortions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._checks import as_scalar, check_image, error_text
from .._types import Array, Features, Image, ImageArray, Params, Scalar
from ..backbones._features import extract_features
from ..losses.gan._losses import discriminator_loss, generator_loss
from ..ops._color import rgb_to_y
from ..perceptual._perceptual import perceptual_loss
from ..perceptual._style import gram_matrix
from ._artifact_networks import (
    check_generator,
    discriminator_table,
    generator_table,
    init_table,
    run_discriminator,
    run_generator,
)
from ._artifact_specs import ArtifactSpec, check_spec
from .distortions import colored_noise, gaussian_noise


CONTENT_LAYERS = {"alexnet": ("relu1", "relu2"), "vgg16": ("relu2_2",)}
# Those of the row "gatys_pytorch" of STYLE_CONVENTIONS, without the deep layers, which crops are too small for.
STYLE_WEIGHTS = {"relu1_1": 1e3 / 64**2, "relu2_1": 1e3 / 128**2, "relu3_1": 1e3 / 256**2}
GAME = "least_squares"  # which rewards no logits beyond 1: with those that reward any, short trainings diverge
MOMENTUM = 0.5  # of Adam: usual against a discriminator, which changes as the network does


class ArtifactState(NamedTuple):
    """What a training holds.

    Attributes:
        params: Of the network, `{"first": {"kernel", "bias"}, ...}`.
        discriminator: Parameters of the discriminator; empty where the spec has none.
        optimizers: Of the two, Optax's.
        grams: `{layer: [C, C, 1]}`, Gram matrices of the style image; empty where the spec has no style.
    """

    params: Params
    discriminator: Params
    optimizers: tuple[Any, Any]
    grams: Features


def feature_net(spec: ArtifactSpec) -> str:
    """Whose features are compared: VGG16 has the finer ones, which style needs, and AlexNet is ten times as fast."""
    return "vgg16" if spec.style > 0 else "alexnet"


def init_artifacts(
    key: Array, *, spec: ArtifactSpec, features: Params | None = None, style: Image | None = None
) -> ArtifactState:
    """A network with random parameters, before its training.

    Args:
        key: From `jax.random.key`.
        spec: The network and its training.
        features: As in `artifact_step`; needed for style.
        style: `[H, W, 3]`, the image whose style is taken, of any size; for specs with a weight of style.

    Returns:
        An `ArtifactState`.

    Raises:
        ValueError: If the spec is no possible one, or asks for what is missing.

    Example:
        >>> import jax
        >>> from jaxloss.judgments import ArtifactSpec, init_artifacts
        >>> spec = ArtifactSpec("autoencoding", depth=0, layers=1)
        >>> state = jax.jit(lambda key: init_artifacts(key, spec=spec))(jax.random.key(0))
        >>> print(state.params["first"]["kernel"].shape)
        (5, 5, 3, 16)
    """
    name = "init_artifacts"
    check_spec(name, spec)
    grams: Features = {}
    if spec.style > 0:
        if style is None:
            way_out = "Give one, style=image, or a spec with style=0."
            raise ValueError(error_text(name, "an image whose style is taken", "none", way_out))
        grams = _grams(_features(name, _rgb(name, style), spec, features))
    generator_key, discriminator_key = jax.random.split(key)
    params = init_table(generator_key, generator_table(spec))
    discriminator = init_table(discriminator_key, discriminator_table(spec)) if spec.adversarial > 0 else {}
    optimizer = _optimizer(spec)
    return ArtifactState(params, discriminator, (optimizer.init(params), optimizer.init(discriminator)), grams)


def corrupt(key: Array, x: Image, *, spec: ArtifactSpec) -> ImageArray:
    """What the network is shown of an image: noisy, gray, of lower resolution or as it is.

    Args:
        key: From `jax.random.key`: of the noise.
        x: Image `[..., H, W, 3]`, values in [0, 1].
        spec: Whose corruption and level.

    Returns:
        Same shape, values in [0, 1]; after downsampling at the size it had, by bicubic interpolation.

    Gradient:
        Finite; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import ArtifactSpec, corrupt
        >>> red = jnp.zeros((8, 8, 3)).at[..., 0].set(1.0)
        >>> spec = ArtifactSpec("colorization", "color removal")
        >>> print(jax.jit(lambda key, x: corrupt(key, x, spec=spec))(jax.random.key(0), red)[0, 0])
        [0.299 0.299 0.299]
    """
    check_spec("corrupt", spec)
    return CORRUPTIONS[spec.corruption](key, _rgb("corrupt", x), spec.level).clip(0, 1)


def restore(x: Image, *, params: Params, spec: ArtifactSpec) -> ImageArray:
    """What a network makes of a corrupted image.

    Args:
        x: Image `[..., H, W, 3]` of any size, values in [0, 1].
        params: Of the network.
        spec: Of the network.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: If the parameters are not those of the spec.

    Gradient:
        That of the network; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import ArtifactSpec, init_artifacts, restore
        >>> spec = ArtifactSpec("denoising", "white noise", 0.1, depth=0, layers=1)
        >>> params = jax.jit(lambda key: init_artifacts(key, spec=spec))(jax.random.key(0)).params
        >>> print(jax.jit(lambda x: restore(x, params=params, spec=spec))(jnp.zeros((2, 13, 21, 3))).shape)
        (2, 13, 21, 3)
    """
    check_spec("restore", spec)
    x = _rgb("restore", x)
    check_generator("restore", params, spec)
    return run_generator(params, x.reshape(-1, *x.shape[-3:]), spec).reshape(x.shape).clip(0, 1)


def artifact_distortion(key: Array, x: Image, *, params: Params, spec: ArtifactSpec, strength: Scalar) -> ImageArray:
    """The artifacts of a network as a distortion: `x + strength (restore(corrupt(x)) - x)`.

    Args:
        key: From `jax.random.key`: of the noise that the network is shown.
        x: Image `[..., H, W, 3]` of any size, values in [0, 1].
        params: Of the network.
        spec: Of the network.
        strength: From 0, which leaves the image as it is, to 1, all that the network makes of it.

    Returns:
        Same shape, values in [0, 1]; exactly x where the strength is 0.

    Gradient:
        That of the network and, of the strength, the artifacts; 0 where the result is clipped.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import ArtifactSpec, artifact_distortion, init_artifacts
        >>> spec, key = ArtifactSpec("autoencoding", depth=0, layers=1), jax.random.key(0)
        >>> params = jax.jit(lambda key: init_artifacts(key, spec=spec))(key).params
        >>> half = jax.jit(lambda x: artifact_distortion(key, x, params=params, spec=spec, strength=0.5))
        >>> print(half(jnp.full((8, 8, 3), 0.25)).mean().round(1))  # half as gray as a network before its training
        0.4
    """
    x = _rgb("artifact_distortion", x)
    restored = restore(corrupt(key, x, spec=spec), params=params, spec=spec)
    return (x + as_scalar(strength, x.dtype) * (restored - x)).clip(0, 1)


def artifact_step(
    key: Array, state: ArtifactState, images: Image, *, spec: ArtifactSpec, features: Params | None = None
) -> tuple[ArtifactState, Array]:
    """One step of Adam of a network, and of its discriminator if it has one; jit it with `spec` static.

    The network minimizes the sum of the terms that have a weight: the mean absolute error; the mean square of the
    difference of features; that of Gram matrices; the least-squares loss against a discriminator of patches.

    Args:
        key: From `jax.random.key`: of corruption and dropout.
        state: Of the training.
        images: `[n, H, W, 3]`, values in [0, 1]: what the network should make of the same ones, corrupted.
        spec: The network and its training.
        features: Parameters of the network whose features are compared: `load_params("vgg16")` for specs with a weight
            of style, `load_params("alexnet")` for others with one of features.

    Returns:
        The next state, and the loss that the step started from.

    Raises:
        ValueError: If the spec is no possible one, or asks for what is missing.

    Gradient:
        Not meant to be taken: the step has taken it.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import ArtifactSpec, artifact_step, init_artifacts
        >>> spec, key = ArtifactSpec("autoencoding", depth=0, layers=1), jax.random.key(0)
        >>> step = jax.jit(lambda key, state, images: artifact_step(key, state, images, spec=spec))
        >>> state = jax.jit(lambda key: init_artifacts(key, spec=spec))(key)
        >>> state, loss = step(key, state, jnp.ones((1, 8, 8, 3)))
        >>> print(loss.round(1))
        0.5
    """
    name = "artifact_step"
    check_spec(name, spec)
    images = _rgb(name, images)
    corruption_key, dropout_key = jax.random.split(key)
    corrupted = corrupt(corruption_key, images, spec=spec)

    def generator_objective(params: Params) -> tuple[Array, Array]:
        restored = run_generator(params, corrupted, spec, dropout_key)
        loss = spec.l1 * jnp.abs(restored - images).mean()
        if spec.features > 0 or spec.style > 0:
            loss += _feature_terms(name, restored, images, state.grams, spec, features)
        if spec.adversarial > 0:
            logits = run_discriminator(state.discriminator, restored, spec)
            loss += spec.adversarial * generator_loss(logits, kind=GAME).mean()
        return loss, restored

    def discriminator_objective(params: Params) -> Array:
        real, fake = (run_discriminator(params, x, spec) for x in (images, restored))
        return discriminator_loss(real, fake, kind=GAME).mean()

    (loss, restored), gradient = jax.value_and_grad(generator_objective, has_aux=True)(state.params)
    params, discriminator, (moments, other_moments), grams = state
    params, moments = _descended(params, gradient, moments, spec)
    if spec.adversarial > 0:
        gradient = jax.grad(discriminator_objective)(discriminator)
        discriminator, other_moments = _descended(discriminator, gradient, other_moments, spec)
    return ArtifactState(params, discriminator, (moments, other_moments), grams), loss


def _descended(params: Params, gradient: Params, moments: Any, spec: ArtifactSpec) -> tuple[Params, Any]:
    """One step down the gradient."""
    with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
        updates, moments = _optimizer(spec).update(gradient, moments)
        params = jax.tree.map(jnp.add, params, updates)
    return params, moments


def _optimizer(spec: ArtifactSpec) -> Any:
    import optax  # takes as long to import as JAX, and only those who train need it

    return optax.adam(spec.learning_rate, b1=MOMENTUM)


def _features(name: str, images: Array, spec: ArtifactSpec, params: Params | None) -> Features:
    net = feature_net(spec)
    if params is None:
        expected, way_out = f"features, the parameters of {net}", f"Give features=load_params({net!r})."
        raise ValueError(error_text(name, expected, "none", way_out))
    layers = (*CONTENT_LAYERS[net], *(STYLE_WEIGHTS if spec.style > 0 else ()))
    return extract_features(images, net=net, params=params, layers=layers, data_range=1.0)


def _feature_terms(
    name: str, restored: Array, images: Array, grams: Features, spec: ArtifactSpec, params: Params | None
) -> Array:
    found, wanted = (_features(name, z, spec, params) for z in (restored, images))
    weights = dict.fromkeys(CONTENT_LAYERS[feature_net(spec)], spec.features)
    loss = perceptual_loss(found, wanted, weights=weights).mean()
    if spec.style > 0:
        # The style loss is a perceptual loss whose features are Gram matrices: those of the style stay the same.
        ours = _grams(found)
        theirs = {layer: jnp.broadcast_to(gram, ours[layer].shape) for layer, gram in grams.items()}
        loss += spec.style * perceptual_loss(ours, theirs, weights=STYLE_WEIGHTS).mean()
    return loss


def _grams(features: Features) -> Features:
    """Shaped like features, `[..., c, c, 1]`."""
    return {layer: gram_matrix(features[layer])[..., None] for layer in STYLE_WEIGHTS}


def _rgb(name: str, x: Image) -> Array:
    x = check_image(name, "x", x)
    if x.shape[-1] != 3:
        way_out = "Gray images: jnp.repeat(x, 3, axis=-1). Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "x of shape [..., H, W, 3]", x.shape, way_out))
    return x


def _resampled(x: Array, factor: int) -> Array:
    """Reduced by the factor, which may leave a part of a pixel, and enlarged again, both bicubic."""
    *leading, height, width, channels = x.shape
    small = jax.image.resize(x, (*leading, -(-height // factor), -(-width // factor), channels), "cubic")
    return jax.image.resize(small, x.shape, "cubic")


CORRUPTIONS: dict[str, Callable[[Array, Array, float], Array]] = {
    "none": lambda key, x, level: x,
    "downsampling": lambda key, x, level: _resampled(x, int(level)),
    "white noise": lambda key, x, level: gaussian_noise(key, x, deviation=level),
    "pink noise": lambda key, x, level: colored_noise(key, x, deviation=level, exponent=-1.0),
    "color removal": lambda key, x, level: jnp.broadcast_to(rgb_to_y(x), x.shape),
}
