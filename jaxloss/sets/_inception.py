"""What FID is taken of: images as four programs prepare them, and their features in Inception v3."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_choice, check_image, check_positive, error_text
from .._types import Array, FeatureSet, FeatureSetArray, Image, Map, Params, Scalar
from ..backbones._features import PRECISIONS
from ..backbones._inception import (
    DIMENSIONS,
    INCEPTION,
    SIDE,
    SPATIAL,
    SPATIAL_BLOCK,
    SPATIAL_CHANNELS,
    Branches,
    Chain,
)
from ..ops._resize import resize


class FIDConvention(NamedTuple):
    """How a program prepares images of 8 bits for Inception, and how it comes to such images.

    Attributes:
        resize: Method of `jaxloss.ops.resize`, to 299 x 299 pixels.
        offset: The network sees `(x - offset) / scale` of numbers in [0, 255].
        scale: See `offset`.
        truncated: Whether samples become 8 bits by dropping what is behind the point, and not by rounding.
        clipped: Whether numbers are clipped to [0, 255] after resizing, which bicubic kernels may leave.
    """

    resize: str
    offset: float
    scale: float
    truncated: bool = False
    clipped: bool = False


TENSORFLOW = FIDConvention("tf1_bilinear", 128.0, 128.0)
FID_CONVENTIONS: dict[str, FIDConvention] = {
    "adm": TENSORFLOW._replace(truncated=True),
    "torch-fidelity": TENSORFLOW,
    "pytorch-fid": FIDConvention("torch_bilinear", 127.5, 127.5),
    "clean-fid": FIDConvention("pil_bicubic", 128.0, 128.0, clipped=True),
}
"""What makes FIDs of one set of images differ; network and covariance (divided by n - 1) are the same for all."""

GRAIN = 2**-8  # of a level, by which one that was scaled to float may have become less


def prepare_images(x: Image, *, data_range: Scalar, convention: str) -> Map:
    """Images as a program shows them to Inception: of 8 bits, then resized, then about [-1, 1].

    Args:
        x: Images of RGB, `[..., H, W, 3]`.
        data_range: Largest minus smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].
        convention: A row of `FID_CONVENTIONS`: `"adm"`, `"torch-fidelity"`, `"pytorch-fid"` or `"clean-fid"`.

    Returns:
        `[..., 299, 299, 3]`, float32, or float64 if the images are.

    Raises:
        ValueError: Also for an unknown convention, and images without 3 channels.

    Gradient:
        That of resizing, as if nothing were rounded; 0 where a pixel is clipped.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import prepare_images
        >>> x = np.ones((1, 8, 8, 3), np.float32)
        >>> print(prepare_images(x, data_range=1.0, convention="torch-fidelity").max())
        0.9921875

    Reference:
        Parmar, Zhang, Zhu, "On aliased resizing and surprising subtleties in GAN evaluation", CVPR 2022,
        https://arxiv.org/abs/2104.11222.
    """
    return _prepare("prepare_images", x, data_range, convention)


def inception_features(
    x: Image,
    *,
    params: Params,
    data_range: Scalar,
    convention: str,
    dimension: int = 2048,
    precision: str = "highest",
) -> FeatureSetArray:
    """Features of images in Inception v3, of which FID is the `frechet_distance` and KID the `kid`.

    Args:
        x: Images of RGB, `[n, H, W, 3]`.
        params: `jaxloss.load_params("inception")`.
        data_range: As for `prepare_images`.
        convention: As for `prepare_images`. Both sets of a distance are of one.
        dimension: 2048, the last ones, which FID is of; 64, 192 or 768, means of earlier ones, for small sets; or 2023,
            7 channels at each of 17 x 17 positions, which sFID is of.
        precision: Of products on accelerators: `"highest"`; or `"high"` or `"default"`, which are faster, and move FID.

    Returns:
        `[n, dimension]`, float32, or float64 if the images are.

    Raises:
        ValueError: Also for params of another network.

    Gradient:
        That of the network and of `prepare_images`.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import inception_features
        >>> def features(images, params):
        ...     return inception_features(images, params=params, data_range=1.0, convention="pytorch-fid", dimension=64)
        >>> layers = {"Conv2d_1a_3x3": (3, 32), "Conv2d_2a_3x3": (32, 32), "Conv2d_2b_3x3": (32, 64)}
        >>> params = {name: {"kernel": np.ones((3, 3, *n)), "bias": np.zeros(n[1])} for name, n in layers.items()}
        >>> print(jax.eval_shape(features, np.ones((2, 64, 64, 3), np.float32), params).shape)
        (2, 64)

    Reference:
        Szegedy et al., CVPR 2016, https://arxiv.org/abs/1512.00567; Heusel et al., NeurIPS 2017,
        https://arxiv.org/abs/1706.08500; sFID: Nash et al., ICML 2021, https://arxiv.org/abs/2103.03841.
    """
    name = "inception_features"
    if x.ndim != 4:
        way_out = "One image: x[None]. Channels go last: jnp.moveaxis(x, 1, -1)."
        raise ValueError(error_text(name, "x of shape [n, H, W, 3]", x.shape, way_out))
    if dimension not in (*DIMENSIONS, SPATIAL):
        known = [*DIMENSIONS, SPATIAL]
        raise ValueError(error_text(name, f"dimension one of {known}", dimension, "FID is of 2048."))
    check_choice(name, "precision", precision, PRECISIONS)
    prepared = _prepare(name, x, data_range, convention)
    return network_features(name, prepared, params=params, dimension=dimension, precision=precision)


def inception_logits(x: FeatureSet, *, params: Params, bias: bool = False) -> FeatureSetArray:
    """What Inception says of classes, from its features, for `inception_score`.

    Args:
        x: `[n, 2048]` of `inception_features`.
        params: `jaxloss.load_params("inception")`.
        bias: Whether the network's bias is added, which the Inception score leaves out.

    Returns:
        `[n, 1008]`, in the dtype of `x`.

    Raises:
        ValueError: For features of another length.

    Gradient:
        Of a linear function.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import inception_logits
        >>> params = {"fc": {"kernel": np.zeros((2048, 1008), np.float32), "bias": np.ones(1008, np.float32)}}
        >>> print(inception_logits(np.ones((2, 2048), np.float32), params=params, bias=True).shape)
        (2, 1008)
    """
    x = jnp.asarray(x)
    kernel, added = (jnp.asarray(params["fc"][part], x.dtype) for part in ("kernel", "bias"))
    if x.ndim != 2 or x.shape[1] != kernel.shape[0]:
        way_out = "They are those of inception_features with dimension=2048."
        raise ValueError(error_text("inception_logits", f"x of shape [n, {kernel.shape[0]}]", x.shape, way_out))
    logits = jnp.dot(x, kernel, precision=lax.Precision.HIGHEST)
    return logits + added[None] if bias else logits


def _prepare(name: str, x: Image, data_range: Scalar, convention: str) -> Array:
    x = check_image(name, "x", x)
    check_positive(name, "data_range", data_range)
    check_choice(name, "convention", convention, FID_CONVENTIONS)
    if x.shape[-1] != 3:
        way_out = "Gray images: jnp.repeat(x, 3, axis=-1). Channels go last: jnp.moveaxis(x, -3, -1)."
        raise ValueError(error_text(name, "x of shape [..., H, W, 3]", x.shape, way_out))
    row = FID_CONVENTIONS[convention]
    levels = jnp.clip(255 * (x / as_scalar(data_range, x.dtype)), 0, 255)
    rounded = jnp.floor(levels + (GRAIN if row.truncated else 0.5))
    levels = lax.stop_gradient(rounded) + (levels - lax.stop_gradient(levels))
    levels = resize(levels, size=(SIDE, SIDE), method=row.resize)
    return ((jnp.clip(levels, 0, 255) if row.clipped else levels) - row.offset) / row.scale


def network_features(name: str, x: Array, *, params: Params, dimension: int, precision: str) -> Array:
    """`[n, dimension]` of prepared images `[n, H, W, 3]`: means over all positions, or numbers at each of them."""
    from ..backbones._inception_network import Inception  # Flax takes as long to import as JAX

    chain = _chain(dimension)
    missing = [row.name for row in chain if "pool" not in row.name and row.name not in params]
    if missing:
        way_out = 'They are those of jaxloss.load_params("inception").'
        raise ValueError(error_text(name, f"params of Inception, with {missing}", list(params), way_out))
    features = jnp.asarray(Inception(chain, x.dtype, precision).apply({"params": params}, x))
    if dimension == SPATIAL:
        return features[..., :SPATIAL_CHANNELS].reshape(features.shape[0], -1)
    return features.mean((1, 2))


def _chain(dimension: int) -> Chain:
    """The network up to where the features are."""
    names = [row.name for row in INCEPTION]
    if dimension != SPATIAL:
        return INCEPTION[: names.index(DIMENSIONS[dimension]) + 1]
    *chain, block = INCEPTION[: names.index(SPATIAL_BLOCK) + 1]
    return (*chain, block._replace(chains=block.chains[:1]) if isinstance(block, Branches) else block)
