"""Learned perceptual image patch similarity (Zhang, Isola, Efros, Shechtman, Wang 2018)."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import blank, check_image, check_mask, error_text, masked_pair
from .._types import Array, Features, Image, Map, Mask, Params, Scalar, Scores
from ..backbones._features import FeatureFunction
from ..ops._pooling import masked_mean
from ._lpips_distances import activations_of, layer_distances, unit_difference


def lpips(
    x: Image,
    y: Image,
    *,
    params: Params,
    net: str | FeatureFunction = "alex",
    data_range: Scalar,
    version: str = "0.1",
    weighting: str = "learned",
    mask: Mask | None = None,
    dtype: DTypeLike | None = None,
) -> Scores:
    r"""Distance between the features that a classification network sees in two images, weighted to agree with people.

    $$d(x, y) = \sum_l \frac{1}{H_l W_l} \sum_{i,j} \sum_c
    w_{l,c} \left(\hat{f}^l_{ijc}(x) - \hat{f}^l_{ijc}(y)\right)^2$$

    $\hat{f}^l$ are the activations of layer l, scaled to unit length at each position, and $w_l \ge 0$ the learned
    weights. The paper writes $\|w \odot \Delta\|^2$: its w is the square root of this one, which is the one that its
    authors' code trains and ships.

    Args:
        x: Image under test, `[..., H, W, 3]`, floating RGB values in `[0, data_range]`.
        y: Reference, same shape.
        params: `load_params("lpips-alex")`: `{"trunk": {...}, "heads": {"0.1": {layer: [C]}, ...}}`.
        net: `"alex"` (the authors' choice as a metric), `"vgg"` (as a loss) or `"squeeze"`; or a function of your own,
            `net(params["trunk"], images)`, that returns at least the features named in the heads.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255]. Images in [-1, 1]
            go through `jaxloss.ops.to_unit` first.
        version: `"0.1"`, or `"0.0"`, the first release, with weights of its own and without input normalization.
        weighting: `"learned"`; or `"none"`, all $w_l = 1$: the unweighted baseline, `lpips=False` of the original.
        mask: `[..., H, W]`, weights >= 0. Pixels of weight 0 are black in both images, and positions of the features
            count with the share of weighted pixels around them.
        dtype: Of the network's arithmetic, such as `jnp.bfloat16`; distances are always float32 or float64.

    Returns:
        `[...]`, >= 0 (below 2 per layer and unit weight); lower is better, 0 for equal images; NaN for an empty mask.

    Raises:
        ValueError: If the shapes differ, images do not have 3 channels or are too small for the network, or an option
            is unknown.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images; also at positions without any activation, where that of the original is
        NaN.

    Agrees with:
        `lpips` 0.1.4 with the same weights: 1e-5 absolute.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jaxloss.lpips(0.5 * y, y, params=params, data_range=1.0).round(3))
        0.084

    Reference:
        Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a perceptual metric",
        CVPR 2018.
    """
    components = _components("lpips", x, y, params, net, data_range, version, weighting, mask, dtype)
    return jnp.stack(list(components.values())).sum(axis=0)


def lpips_components(
    x: Image,
    y: Image,
    *,
    params: Params,
    net: str | FeatureFunction = "alex",
    data_range: Scalar,
    version: str = "0.1",
    weighting: str = "learned",
    mask: Mask | None = None,
    dtype: DTypeLike | None = None,
) -> dict[str, Scores]:
    """The share of each layer in `lpips`, which is their sum.

    Args:
        x: Image under test, `[..., H, W, 3]`, floating RGB values in `[0, data_range]`.
        y: Reference, same shape.
        params: As for `lpips`.
        net: As for `lpips`.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        version: As for `lpips`.
        weighting: As for `lpips`.
        mask: `[..., H, W]`, weights >= 0.
        dtype: Of the network's arithmetic.

    Returns:
        `{layer: [...]}` from the first layer to the last, each >= 0; lower is better.

    Raises:
        ValueError: As `lpips`.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        `lpips` 0.1.4 with `retPerLayer=True`: 1e-5 absolute.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(list(jaxloss.lpips_components(0.5 * y, y, params=params, data_range=1.0)))
        ['relu1', 'relu2', 'relu3', 'relu4', 'relu5']

    Reference:
        Zhang et al., CVPR 2018.
    """
    return _components("lpips_components", x, y, params, net, data_range, version, weighting, mask, dtype)


def lpips_map(
    x: Image,
    y: Image,
    *,
    params: Params,
    net: str | FeatureFunction = "alex",
    data_range: Scalar,
    version: str = "0.1",
    weighting: str = "learned",
    mask: Mask | None = None,
    dtype: DTypeLike | None = None,
) -> Map:
    """Where two images differ for `lpips`: the distances of all layers, enlarged to the image and added.

    Each layer is enlarged bilinearly. The mean of the map is close to `lpips`, not equal: enlarging weights the
    positions at the border differently.

    Args:
        x: Image under test, `[..., H, W, 3]`, floating RGB values in `[0, data_range]`.
        y: Reference, same shape.
        params: As for `lpips`.
        net: As for `lpips`.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        version: As for `lpips`.
        weighting: As for `lpips`.
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 are black in both images.
        dtype: Of the network's arithmetic.

    Returns:
        `[..., H, W, 1]`, >= 0; lower is better.

    Raises:
        ValueError: As `lpips`.
        TypeError: For integer images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Agrees with:
        `lpips` 0.1.4 with `spatial=True`: 1e-5 absolute.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (64, 48, 3))
        >>> print(jaxloss.lpips_map(0.5 * y, y, params=params, data_range=1.0).shape)
        (64, 48, 1)

    Reference:
        Zhang et al., CVPR 2018.
    """
    distances, _ = _distances("lpips_map", x, y, params, net, data_range, version, weighting, mask, dtype)
    enlarged = (
        jax.image.resize(distance, (*jnp.shape(x)[:-1], 1), "linear", antialias=False)
        for distance in distances.values()
    )
    return functools.reduce(jnp.add, enlarged)


def lpips_features(
    x: Image,
    *,
    params: Params,
    net: str | FeatureFunction = "alex",
    data_range: Scalar,
    version: str = "0.1",
    mask: Mask | None = None,
    dtype: DTypeLike | None = None,
) -> Features:
    """What `lpips` compares: a network's activations at unit length.

    Those of a reference that does not change need to be computed only once: then `lpips_from_features` compares.

    Args:
        x: Image, `[..., H, W, 3]`, floating RGB values in `[0, data_range]`.
        params: As for `lpips`.
        net: As for `lpips`.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        version: As for `lpips`.
        mask: `[..., H, W]`, weights >= 0; pixels of weight 0 are black.
        dtype: Of the network's arithmetic.

    Returns:
        `{layer: [..., h, w, c]}`, of length 1 along the channels, or 0 where nothing is active.

    Raises:
        ValueError: If the image does not have 3 channels or is too small for the network, or an option is unknown.
        TypeError: For integer images.

    Gradient:
        Finite everywhere; 0 where nothing is active.

    Agrees with:
        `normalize_tensor` of `lpips` 0.1.4: 1e-5 absolute.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> features = jaxloss.lpips_features(jnp.ones((64, 64, 3)), params=params, data_range=1.0)
        >>> print(jnp.linalg.norm(features["relu1"][0, 0]).round(4))
        1.0

    Reference:
        Zhang et al., CVPR 2018.
    """
    x = check_image("lpips_features", "x", x)
    x = x if mask is None else blank(x, check_mask("lpips_features", mask, x))
    activations = activations_of("lpips_features", x, params, net, data_range, version, dtype)
    return {layer: z.features * z.scale for layer, z in activations.items()}


def lpips_from_features(
    x_features: Features,
    y_features: Features,
    *,
    params: Params,
    version: str = "0.1",
    weighting: str = "learned",
    mask: Mask | None = None,
) -> Scores:
    """The `lpips` of two images of which the features are known.

    Args:
        x_features: `lpips_features` of the image under test, `{layer: [..., h, w, c]}`.
        y_features: Those of the reference, of the same shapes.
        params: As for `lpips`; only the heads are used.
        version: As for `lpips`, the same as for the features.
        weighting: As for `lpips`.
        mask: `[..., H, W]` of the images, weights >= 0, the same as for the features.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal features.

    Raises:
        ValueError: If the layers or their shapes differ, or an option is unknown.

    Gradient:
        Finite everywhere, 0 for equal features.

    Agrees with:
        `lpips` of the images.

    Example:
        >>> import functools, jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> features = functools.partial(jaxloss.lpips_features, params=params, data_range=1.0)
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> reference = features(y)
        >>> print(jaxloss.lpips_from_features(features(0.5 * y), reference, params=params).round(3))
        0.084

    Reference:
        Zhang et al., CVPR 2018.
    """
    name = "lpips_from_features"
    shapes = [{layer: z.shape for layer, z in features.items()} for features in (x_features, y_features)]
    if shapes[0] != shapes[1]:
        way_out = "Both come from lpips_features, of images of one shape."
        raise ValueError(error_text(name, "features of equal layers and shapes", shapes, way_out))
    differences = {layer: jnp.asarray(x) - jnp.asarray(y_features[layer]) for layer, x in x_features.items()}
    distances = layer_distances(name, differences, params, version, weighting)
    weight = None
    if mask is not None:
        some = next(iter(distances.values()))
        mask = jnp.asarray(mask).astype(some.dtype)
        weight = jnp.broadcast_to(mask, (*some.shape[:-3], *mask.shape[-2:]))
    components = _layer_means(distances, weight)
    return jnp.stack(list(components.values())).sum(axis=0)


def _components(name: str, *arguments: Any) -> dict[str, Scores]:
    return _layer_means(*_distances(name, *arguments))


def _distances(
    name: str,
    x: Image,
    y: Image,
    params: Params,
    net: str | FeatureFunction,
    data_range: Scalar,
    version: str,
    weighting: str,
    mask: Mask | None,
    dtype: DTypeLike | None,
) -> tuple[dict[str, Array], Array | None]:
    """The distance `[..., h, w, 1]` at each position of each layer, and the mask."""
    x, y, weight = masked_pair(name, x, y, mask)
    # Apart, not as one batch: then the backward pass runs for the images alone that are differentiated.
    x_activations, y_activations = (activations_of(name, z, params, net, data_range, version, dtype) for z in (x, y))
    differences = {layer: unit_difference(z, y_activations[layer]) for layer, z in x_activations.items()}
    return layer_distances(name, differences, params, version, weighting), weight


def _layer_means(distances: dict[str, Array], weight: Array | None) -> dict[str, Scores]:
    if weight is None:
        return {layer: masked_mean(distance) for layer, distance in distances.items()}
    return {
        layer: masked_mean(distance, jax.image.resize(weight, distance.shape[:-1], "linear").astype(distance.dtype))
        for layer, distance in distances.items()
    }
