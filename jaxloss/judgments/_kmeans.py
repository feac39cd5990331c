"""A network that is learned from images without labels: k-means, layer by layer (Krähenbühl et al. 2016)."""

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import check_choice, check_fits, check_image, error_text
from .._types import Array, Image
from ..backbones._features import BACKBONES, PREPROCESSING
from ..backbones._layers import Conv, Fire, Relu, Table, smallest_side, used_layers
from ..backbones._lpips_nets import LPIPS_NETS
from ..weights._tensors import nest


BIAS = 0.1  # of the normalized responses: a little more than half of them pass the ReLU
ROUNDS = 20  # of k-means, and
POWERS = 8  # multiplications by the covariance: more change little
SPARE = 32  # further directions that are followed for the sake of the wanted ones
NEGLIGIBLE = 1e-6  # share of the largest variance: directions in which patches hardly vary
PATCH_NUMBERS = 20_000_000  # in all patches of a layer: 80 MB
ROWS = 4096  # patches that are compared with all centers at once
IMAGES = 8  # that are looked at at once

matmul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def kmeans_trunk(key: Array, images: Image, *, net: str = "alex") -> dict[str, Any]:
    r"""A network learned from unlabelled images: the kernels of each layer are centers of what the layer sees.

    Patches $p$ of a layer's input are whitened along as many principal directions as there are kernels, scaled to unit
    length and clustered by spherical k-means. The response to a center $c$,

    $$c^T \Lambda^{-1/2} V^T (p - \bar{p}) / s + 0.1,$$

    is the layer's convolution: over the patches its mean is 0.1, and with $s$ its deviation is 1. A center to which no
    patch belongs moves to one of the patches that are farthest from their own. The published method also balances the
    layers by one factor for each, to which `lpips` is blind.

    A few hundred images of 128 pixels suffice; more of them cost little time and hardly any memory. The published
    network is AlexNet. Layers with more kernels than inputs, as in SqueezeNet, learn nothing from it.

    Args:
        key: From `jax.random.key`; decides which patches are taken, and where the centers begin.
        images: `[n, H, W, 3]`, values in [0, 1]: crops of photographs.
        net: As for `lpips`.

    Returns:
        What `load_params` returns for the network, float32: the trunk of `init_lpips`.

    Raises:
        ValueError: If the images are too small, or too few: a layer needs at least as many patches as it has kernels.

    Example:
        >>> import jax
        >>> from jaxloss.judgments import kmeans_trunk
        >>> images = jax.random.uniform(jax.random.key(0), (10, 128, 128, 3))
        >>> print(list(kmeans_trunk(jax.random.key(1), images)))  # doctest: +SKIP
        ['conv1', 'conv2', 'conv3', 'conv4', 'conv5']

    Reference:
        Krähenbühl, Doersch, Donahue, Darrell, "Data-dependent initializations of convolutional neural networks", ICLR
        2016, https://arxiv.org/abs/1511.06856; "K-means" in table 5 of Zhang et al., CVPR 2018.
    """
    check_choice("kmeans_trunk", "net", net, LPIPS_NETS)
    backbone, layers = LPIPS_NETS[net]
    table = used_layers(BACKBONES[backbone], layers)
    images = check_image("kmeans_trunk", "images", images).astype(jnp.float32)
    if images.ndim != 4 or images.shape[-1] != 3:
        way_out = "One image is not enough; images of other sizes: crop them."
        raise ValueError(error_text("kmeans_trunk", "images of shape [n, H, W, 3]", images.shape, way_out))
    check_fits("kmeans_trunk", f"{table[-1].name} of {net}", smallest_side(table), images, "Crop larger images.")
    convolutions = list(_convolutions(table))
    for before, conv, name in convolutions:
        _check_count(conv, name, len(images), before, images.shape[1:3])
    offset, scale = (jnp.asarray(numbers, jnp.float32) for numbers in PREPROCESSING["lpips"])
    images = (images - offset.reshape(1, 1, 1, 3)) / scale.reshape(1, 1, 1, 3)
    learned: dict[str, Array] = {}
    for step, (before, conv, name) in enumerate(convolutions):
        params = nest(learned)
        if before and before[-1].name == NARROW:
            params["squeeze"] = params[name.split("/")[0]]["squeeze"]
        filters = _learn(jax.random.fold_in(key, step), params, images, before=before, conv=conv)
        learned |= {f"{name}/kernel": filters.kernel, f"{name}/bias": filters.bias}
    return nest(learned)


class Filters(NamedTuple):
    kernel: Array
    bias: Array


NARROW = "narrow"


def _convolutions(table: Table) -> Iterator[tuple[Table, Conv, str]]:
    """The layers that come before each convolution, the convolution, and what its parameters are called."""
    for i, layer in enumerate(table):
        match layer:
            case Conv(name):
                yield table[:i], layer, name
            case Fire(name, squeeze, expand):
                narrow = Conv("squeeze", squeeze, size=1, padding=0)
                yield table[:i], narrow, f"{name}/squeeze"
                before = (*table[:i], narrow, Relu(NARROW))
                for size in (1, 3):
                    wide = Conv("expand", expand, size=size, padding=size // 2)
                    yield before, wide, f"{name}/expand{size}x{size}"


def _check_count(conv: Conv, name: str, count: int, before: Table, sides: tuple[int, ...]) -> None:
    seen = (functools.reduce(lambda size, layer: layer.output_size(size), before, side) for side in sides)
    positions = count * math.prod(max(0, conv._replace(padding=0).output_size(side)) for side in seen)
    if positions < conv.features:
        expected, way_out = f"at least {conv.features} patches for {name}", "Give more images, or larger ones."
        raise ValueError(error_text("kmeans_trunk", expected, positions, way_out))


@functools.partial(jax.jit, static_argnames=("before", "conv"))
def _learn(key: Array, params: dict[str, Any], images: Array, *, before: Table, conv: Conv) -> Filters:
    patch_key, filter_key = jax.random.split(key)
    patches = _patches(patch_key, params, images, before, conv)
    learn = jax.vmap(functools.partial(_filters, count=conv.features // conv.groups))
    found = learn(jax.random.split(filter_key, conv.groups), jnp.stack(jnp.split(patches, conv.groups, axis=-1)))
    return Filters(jnp.concatenate(list(found.kernel), axis=-1), found.bias.reshape(-1))


def _patches(key: Array, params: dict[str, Any], images: Array, before: Table, conv: Conv) -> Array:
    """`[n, size, size, C]` of what a convolution sees within the images, as many in each, at different places.

    Centers of windows that reach beyond the border are lines along it.
    """
    from ..backbones._network import Backbone  # Flax takes as long to import as JAX, and most users need none of it

    tap = before[-1].name if before else ""
    backbone = Backbone(before, (tap,))

    def seen(image: Array) -> Array:
        return cast(dict[str, Array], backbone.apply({"params": params}, image[None]))[tap][0] if before else image

    shape = jax.eval_shape(seen, images[0]).shape
    rows, columns = (conv._replace(padding=0).output_size(side) for side in shape[:2])
    window = (conv.size, conv.size, shape[2])
    wanted = -(-PATCH_NUMBERS // (math.prod(window) * len(images)))

    def of_image(keyed: tuple[Array, Array]) -> Array:
        x = seen(keyed[1])
        places = jax.random.choice(keyed[0], rows * columns, (min(wanted, rows * columns),), replace=False)
        corners = conv.stride * jnp.stack([places // columns, places % columns], axis=-1)
        return jax.vmap(lambda corner: lax.dynamic_slice(x, (*corner, 0), window))(corners)

    found = lax.map(of_image, (jax.random.split(key, len(images)), images), batch_size=IMAGES)
    return found.reshape(-1, *window)


def _filters(key: Array, patches: Array, count: int) -> Filters:
    """Kernels and biases of responses to patches `[n, size, size, C]`, as in the docstring of `kmeans_trunk`."""
    basis_key, center_key = jax.random.split(key)
    window, patches = patches.shape[1:], patches.reshape(len(patches), -1)
    mean = patches.mean(axis=0)
    centered = patches - mean[None]
    whitening = _whitening(basis_key, matmul(centered.T, centered) / len(patches), count)
    centers = _spherical_kmeans(center_key, _unit(matmul(centered, whitening)), count)
    kernel = matmul(whitening, centers.T)
    deviation = jnp.sqrt(jnp.square(matmul(centered, kernel)).mean(axis=0))
    kernel = kernel / jnp.where(deviation > 0, deviation, 1)[None]
    return Filters(kernel.reshape(*window, count), BIAS - matmul(mean, kernel))


def _whitening(key: Array, covariance: Array, count: int) -> Array:
    """`[d, count]` or fewer columns: the principal directions, each divided by the deviation along it.

    By repeated multiplication of a random basis, which for few directions out of thousands takes a small part of the
    time of all eigenvectors.
    """
    size = len(covariance)
    start = jax.random.normal(key, (size, min(size, count + SPARE)), jnp.float32)
    basis = lax.fori_loop(0, POWERS, lambda _, q: jnp.linalg.qr(matmul(covariance, q))[0], jnp.linalg.qr(start)[0])
    variances, turned = jnp.linalg.eigh(matmul(basis.T, matmul(covariance, basis)))
    variances, turned = variances[::-1][:count], turned[:, ::-1][:, :count]
    kept = variances > NEGLIGIBLE * variances[0]
    scales = jnp.where(kept, lax.rsqrt(jnp.where(kept, variances, 1)), 0)
    return matmul(basis, turned) * scales[None]


def _unit(vectors: Array) -> Array:
    """Of length 1; what is 0 stays 0."""
    length = jnp.sqrt(jnp.square(vectors).sum(axis=1, keepdims=True))
    return vectors / jnp.where(length > 0, length, 1)


def _spherical_kmeans(key: Array, directions: Array, count: int) -> Array:
    """Centers `[count, r]` of unit length, of directions `[n, r]` of unit length or 0; those have no say."""
    start = directions[jax.random.choice(key, len(directions), (count,), replace=False)]
    blocks = jnp.pad(directions, ((0, -len(directions) % ROWS), (0, 0))).reshape(-1, ROWS, directions.shape[1])

    def assign(centers: Array, sums: tuple[Array, Array], block: Array) -> tuple[tuple[Array, Array], Array]:
        alike = matmul(block, centers.T)
        counts = jnp.any(block != 0, axis=1)
        members = jax.nn.one_hot(jnp.argmax(alike, axis=1), count) * counts.astype(block.dtype)[:, None]
        sums = (sums[0] + matmul(members.T, block), sums[1] + members.sum(axis=0))
        return sums, jnp.where(counts, alike.max(axis=1), jnp.inf)

    def refine(_: Array, centers: Array) -> Array:
        nothing = (jnp.zeros_like(centers), jnp.zeros(count, centers.dtype))
        (sums, sizes), nearest = lax.scan(functools.partial(assign, centers), nothing, blocks)
        farthest = lax.top_k(-nearest.reshape(-1)[: len(directions)], count)[1]
        empty = sizes == 0
        moved = directions[farthest[jnp.cumsum(empty) - 1]]
        return jnp.where(empty[:, None], moved, _unit(sums))

    return lax.fori_loop(0, ROUNDS, refine, start)
