"""Learned perceptual image patch similarity (Zhang, Isola, Efros, Shechtman, Wang 2018)."""

import functools
from collections.abc import Collection, Mapping
from typing import NamedTuple, TypedDict, Unpack

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from .._checks import blank, check_choice, check_image, check_mask, error_text, masked_pair, take_options
from .._types import Array, FeatureArrays, Features, Image, Map, Mask, Params, Scalar, Scores
from ..backbones._features import FeatureFunction, Look, look_together
from ..backbones._lpips_nets import LPIPS_NETS
from ..ops._pooling import masked_mean
from ._lpips_distances import Activations, activations, look_of, unit_difference, weighted_squares


class NetworkOptions(TypedDict, total=False):
    """How images are looked at; see `lpips` for the meaning of each."""

    net: str | FeatureFunction
    dtype: DTypeLike | None
    precision: str
    strip_rows: int | None


class WeightingOptions(TypedDict, total=False):
    """How distances of features are weighted; see `lpips`."""

    weighting: str


class LPIPSOptions(NetworkOptions, WeightingOptions, total=False):
    pass


class LPIPSDefaults(NamedTuple):
    """The authors' choice for each option."""

    net: str | FeatureFunction = "alex"
    weighting: str = "learned"
    dtype: DTypeLike | None = None
    precision: str = "highest"
    strip_rows: int | None = None

    def check(self, name: str) -> None:
        check_choice(name, "weighting", self.weighting, ("learned", "none"))
        if not callable(self.net):
            check_choice(name, "net", self.net, LPIPS_NETS)


def lpips(
    x: Image,
    y: Image,
    *,
    params: Params,
    data_range: Scalar,
    mask: Mask | None = None,
    **options: Unpack[LPIPSOptions],
) -> Scores:
    r"""Distance between the features that a classification network sees in two images, weighted to agree with people.

    $$d(x, y) = \sum_l \frac{1}{H_l W_l} \sum_{i,j} \sum_c
    w_{l,c} \left(\hat{f}^l_{ijc}(x) - \hat{f}^l_{ijc}(y)\right)^2$$

    $\hat{f}^l$ are the activations of layer l at unit length, $w_l \ge 0$ the learned weights: the square of the
    paper's w, as its authors' code trains and ships them.

    Args:
        x, y, data_range, mask: See `jaxloss.perceptual`; RGB.
        params: `load_params("lpips-alex")`: `{"trunk": {...}, "heads": {layer: [C]}, "preprocessing": {"offset": [3],
            "scale": [3]}}`; the last has no gradient.
        net: `"alex"` (default; the authors' choice as a metric), `"vgg"` (as a loss), `"squeeze"`; `"st_alex"` and
            `"st_vgg"`, those of `st_lpips`; `"bigan"` and others that were trained without labels, see `jaxloss weights
            convert`; or a function of your own,
            `net(params["trunk"], images)`, that returns at least the features named in the heads. Without preprocessing
            in params it sees images in [0, 1].
        weighting: `"learned"` (default); `"none"`, all $w_l = 1$: the unweighted baseline, `lpips=False` there.
        dtype: Of the network's arithmetic, such as `jnp.bfloat16`; distances are always float32 or float64.
        precision: Of products of float32 on accelerators, `"highest"` (default), `"high"`, `"default"`: see
            `jax.lax.Precision`.
        strip_rows: Rows of the image, and of the features after each pooling, that are computed at a time; by default
            all. Fewer bound the memory and cost time.

    Returns:
        `[...]`, >= 0 (below 2 per layer and unit weight); lower is better, 0 for equal images.

    Gradient:
        Finite also at positions without any activation, where that of the original is NaN.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jax.jit(jaxloss.lpips)(0.5 * y, y, params=params, data_range=1.0).round(3))
        0.084

    Reference:
        Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a perceptual metric",
        CVPR 2018. https://doi.org/10.1109/CVPR.2018.00068
    """
    return score_pair("lpips", x, y, params, data_range, mask, options)


def score_pair(
    name: str, x: Image, y: Image, params: Params, data_range: Scalar, mask: Mask | None, options: LPIPSOptions
) -> Scores:
    return _sum_of_layers(_layer_means(*_distances(name, x, y, params, data_range, mask, options)))


def score_steps(name: str, x: Array, params: Params, data_range: Scalar, given: LPIPSOptions) -> Scores:
    """From each of the frames `[..., T, H, W, C]` to the next, `[..., T - 1]`; each is looked at once."""
    options = _take(name, given, LPIPSDefaults._fields)

    def compare(features: FeatureArrays) -> dict[str, Array]:
        frames = activations(features)  # of all videos in one row; what follows the last frame of one is dropped below
        following = {layer: Activations(*(jnp.roll(part, -1, axis=0) for part in z)) for layer, z in frames.items()}
        differences = {layer: unit_difference(frames[layer], following[layer]) for layer in frames}
        return weighted_squares(name, differences, params, options.weighting)

    look = _look(name, params, options)
    distances = look_together(name, (x,), params=params["trunk"], data_range=data_range, look=look, combine=compare)
    return _sum_of_layers(_layer_means(distances, None))[..., :-1]


def lpips_components(
    x: Image,
    y: Image,
    *,
    params: Params,
    data_range: Scalar,
    mask: Mask | None = None,
    **options: Unpack[LPIPSOptions],
) -> dict[str, Scores]:
    """The share of each layer in `lpips`, which is their sum.

    Args:
        x, y, params, data_range, mask, options: As for `lpips`.

    Returns:
        `{layer: [...]}` from the first layer to the last, each >= 0; lower is better. `retPerLayer=True` of the
        original: 1e-5 absolute.

    Gradient:
        As that of `lpips`.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(list(jax.jit(jaxloss.lpips_components)(0.5 * y, y, params=params, data_range=1.0)))
        ['relu1', 'relu2', 'relu3', 'relu4', 'relu5']

    Reference:
        Zhang et al., CVPR 2018. https://doi.org/10.1109/CVPR.2018.00068
    """
    return _layer_means(*_distances("lpips_components", x, y, params, data_range, mask, options))


def lpips_map(
    x: Image,
    y: Image,
    *,
    params: Params,
    data_range: Scalar,
    mask: Mask | None = None,
    **options: Unpack[LPIPSOptions],
) -> Map:
    """Where two images differ for `lpips`: the distances of all layers, enlarged to the image and added.

    Each layer is enlarged bilinearly. The mean of the map is close to `lpips`, not equal: enlarging weights the
    positions at the border differently.

    Args:
        x, y, params, data_range, mask, options: As for `lpips`.

    Returns:
        `[..., H, W, 1]`, >= 0; lower is better. `spatial=True` of the original: 1e-5 absolute.

    Gradient:
        As that of `lpips`.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jax.jit(jaxloss.lpips_map)(0.5 * y, y, params=params, data_range=1.0).shape)
        (64, 64, 1)

    Reference:
        Zhang et al., CVPR 2018. https://doi.org/10.1109/CVPR.2018.00068
    """
    distances, _ = _distances("lpips_map", x, y, params, data_range, mask, options)
    enlarged = (
        jax.image.resize(distance, (*jnp.shape(x)[:-1], 1), "linear", antialias=False)
        for distance in distances.values()
    )
    return functools.reduce(jnp.add, enlarged)


def lpips_features(
    x: Image, *, params: Params, data_range: Scalar, mask: Mask | None = None, **options: Unpack[NetworkOptions]
) -> FeatureArrays:
    """What `lpips` compares: a network's activations at unit length.

    Those of a reference that does not change need to be computed only once: then `lpips_from_features` compares.

    Args:
        x, params, data_range, mask: As for `lpips`.
        options: net, dtype, precision and strip_rows, as for `lpips`.

    Returns:
        `{layer: [..., h, w, c]}`, of length 1 along the channels, or 0 where nothing is active. `normalize_tensor` of
        the original: 1e-5 absolute.

    Gradient:
        Finite everywhere; 0 where nothing is active.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> features = jax.jit(jaxloss.lpips_features)(jnp.ones((64, 64, 3)), params=params, data_range=1.0)
        >>> print(jnp.linalg.norm(features["relu1"][0, 0]).round(4))
        1.0

    Reference:
        Zhang et al., CVPR 2018. https://doi.org/10.1109/CVPR.2018.00068
    """
    name = "lpips_features"
    taken = _take(name, options, NetworkOptions.__annotations__)
    x = check_image(name, "x", x)
    x = x if mask is None else blank(x, check_mask(name, mask, x))
    look = _look(name, params, taken)

    def at_unit_length(features: FeatureArrays) -> FeatureArrays:
        return {layer: z.features * z.scale for layer, z in activations(features).items()}

    return look_together(name, (x,), params=params["trunk"], data_range=data_range, look=look, combine=at_unit_length)


def lpips_from_features(
    x_features: Features,
    y_features: Features,
    *,
    params: Params,
    mask: Mask | None = None,
    **options: Unpack[WeightingOptions],
) -> Scores:
    """The `lpips` of two images of which the features are known.

    Args:
        x_features, y_features: `lpips_features` of both images, `{layer: [..., h, w, c]}`, of equal shapes.
        params: As for `lpips`; only the heads are used.
        mask: That of the images, the same as for the features.
        options: weighting, as for `lpips`.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal features: the `lpips` of the images.

    Gradient:
        Finite everywhere, 0 for equal features.

    Example:
        >>> import functools, jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> features = jax.jit(functools.partial(jaxloss.lpips_features, params=params, data_range=1.0))
        >>> y = jax.random.uniform(jax.random.key(0), (64, 64, 3))
        >>> print(jax.jit(jaxloss.lpips_from_features)(features(0.5 * y), features(y), params=params).round(3))
        0.084

    Reference:
        Zhang et al., CVPR 2018. https://doi.org/10.1109/CVPR.2018.00068
    """
    name = "lpips_from_features"
    weighting = _take(name, options, WeightingOptions.__annotations__).weighting
    shapes = [{layer: z.shape for layer, z in features.items()} for features in (x_features, y_features)]
    if shapes[0] != shapes[1]:
        way_out = "Both come from lpips_features, of images of one shape."
        raise ValueError(error_text(name, "features of equal layers and shapes", shapes, way_out))
    differences = {layer: jnp.asarray(x) - jnp.asarray(y_features[layer]) for layer, x in x_features.items()}
    distances = weighted_squares(name, differences, params, weighting)
    if mask is not None:
        some = next(iter(distances.values()))
        mask = jnp.asarray(mask).astype(some.dtype)
        mask = jnp.broadcast_to(mask, (*some.shape[:-3], *mask.shape[-2:]))
    return _sum_of_layers(_layer_means(distances, mask))


def _distances(
    name: str, x: Image, y: Image, params: Params, data_range: Scalar, mask: Mask | None, given: LPIPSOptions
) -> tuple[dict[str, Array], Array | None]:
    """The distance `[..., h, w, 1]` at each position of each layer, and the mask `[..., H, W]`."""
    options = _take(name, given, LPIPSDefaults._fields)
    x, y, mask = masked_pair(name, x, y, mask)
    look = _look(name, params, options)

    def compare(features_x: FeatureArrays, features_y: FeatureArrays) -> dict[str, Array]:
        f_x, f_y = activations(features_x), activations(features_y)
        differences = {layer: unit_difference(f_x[layer], f_y[layer]) for layer in f_x}
        return weighted_squares(name, differences, params, options.weighting)

    # Apart, not as one batch: then the backward pass runs for the images alone that are differentiated.
    images = x, y
    distances = look_together(name, images, params=params["trunk"], data_range=data_range, look=look, combine=compare)
    return distances, mask


def _look(name: str, params: Params, options: LPIPSDefaults) -> Look:
    return look_of(name, params, options.net, options.dtype, options.precision, options.strip_rows)


def _layer_means(distances: dict[str, Array], mask: Array | None) -> dict[str, Scores]:
    """Over the positions of each layer; each counts with the share of the mask around it."""
    if mask is None:
        return {layer: masked_mean(distance) for layer, distance in distances.items()}
    return {
        layer: masked_mean(distance, jax.image.resize(mask, distance.shape[:-1], "linear").astype(distance.dtype))
        for layer, distance in distances.items()
    }


def _sum_of_layers(components: dict[str, Scores]) -> Scores:
    return jnp.stack(list(components.values())).sum(axis=0)


def _take(name: str, given: Mapping[str, object], known: Collection[str]) -> LPIPSDefaults:
    if "version" in given:
        way_out = f"It is chosen with the parameters: load_params('lpips-alex', version={given['version']!r})."
        raise TypeError(error_text(name, "no version", repr(given["version"]), way_out))
    options = take_options(name, LPIPSDefaults, given, known)
    options.check(name)
    return options
