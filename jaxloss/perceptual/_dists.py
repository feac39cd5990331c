"""Deep image structure and texture similarity (Ding, Ma, Wang, Simoncelli 2020)."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from .._checks import as_scalar, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Params, Scalar, Scores
from ..backbones._features import Look, Preprocessing, look_at
from ..ops._numerics import safe_divide


NET = "vgg16_norm"
LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
C1 = C2 = 1e-6  # of means and variances


def dists(
    x: Image,
    y: Image,
    *,
    params: Params,
    data_range: Scalar,
    mask: Mask | None = None,
    short_side: int | None = 256,
    dtype: DTypeLike | None = None,
    precision: str = "highest",
) -> Scores:
    r"""Deep image structure and texture similarity, as a distance: textures may be other ones of the same kind.

    $$D(x, y) = 1 - \sum_{i,j} \left(\alpha_{ij} \frac{2 \mu_x \mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1}
    + \beta_{ij} \frac{2 \sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}\right)$$

    over the channels j of the image itself and of five layers i of VGG16, whose pooling is the root of a mean of
    squares; $\mu$ and $\sigma$ are over all positions, and the weights sum to 1.

    Args:
        x, y, data_range, mask: See `jaxloss.perceptual`; RGB. The mask weights the positions of each layer.
        params: `load_params("dists")`: `{"trunk": {...}, "heads": {"alpha": {layer: [C]}, "beta": {layer: [C]}},
            "preprocessing": {"offset": [3], "scale": [3]}}`; the last has no gradient.
        short_side: Images whose shorter side is longer are reduced to it, bilinearly with antialiasing, as the authors'
            command and their results do; None leaves images as they are, as their `forward` does. piq reduces to 256,
            too, but without antialiasing.
        dtype, precision: As for `lpips`.

    Returns:
        `[...]`, >= 0, mostly below 1; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere, where nothing is active, too; 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("dists")
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.dists)(0.5 * y, y, params=params, data_range=1.0).round(3))
        0.3

    Reference:
        Ding, Ma, Wang, Simoncelli, "Image quality assessment: unifying structure and texture similarity", IEEE TPAMI
        44, 2022. https://arxiv.org/abs/2004.07728
    """
    name = "dists"
    x, y, mask = masked_pair(name, x, y, mask)
    check_positive(name, "data_range", data_range)
    if short_side is not None:
        x, y, mask = _reduce(name, short_side, x, y, mask)
    look, alpha, beta = _look_and_heads(name, params, dtype, precision)
    unit = as_scalar(data_range, x.dtype)

    def see(image: Array) -> dict[str, Array]:
        return {"image": image / unit, **look_at(name, image, params=params["trunk"], data_range=data_range, look=look)}

    # Apart, not as one batch: then the backward pass runs for the images alone that are differentiated.
    seen_x, seen_y = see(x), see(y)
    _check_heads(name, alpha, beta, {layer: z.shape[-1:] for layer, z in seen_x.items()})
    parts, weights = [], []
    for layer, z in seen_x.items():
        means, deviations = _dissimilarities(z, seen_y[layer], _shares(mask, z))
        for head, dissimilarity in ((alpha, means), (beta, deviations)):
            weight = jnp.asarray(head[layer], z.dtype).reshape((1,) * (dissimilarity.ndim - 1) + (-1,))
            parts.append((weight * dissimilarity).sum(axis=-1))
            weights.append(weight.sum())
    score = jnp.stack(parts).sum(axis=0) / jnp.stack(weights).sum()
    return score if mask is None else score + jnp.where(mask.sum(axis=(-2, -1)) > 0, 0, jnp.nan).astype(score.dtype)


def _dissimilarities(x: Array, y: Array, shares: Array | None) -> tuple[Array, Array]:
    """`[..., c]`: one minus the similarity of means, and of deviations; exactly 0 for equal features."""
    m_x, m_y = _mean(x, shares), _mean(y, shares)
    d_x, d_y = x - m_x, y - m_y
    spread = _mean(d_x**2, shares) + _mean(d_y**2, shares)
    of_means = (m_x - m_y) ** 2 / (m_x**2 + m_y**2 + C1)
    of_deviations = _mean((d_x - d_y) ** 2, shares) / (spread + C2)
    return of_means[..., 0, 0, :], of_deviations[..., 0, 0, :]


def _mean(values: Array, shares: Array | None) -> Array:
    if shares is None:
        return values.mean(axis=(-3, -2), keepdims=True)
    return (shares * values).sum(axis=(-3, -2), keepdims=True)


def _shares(mask: Array | None, features: Array) -> Array | None:
    """`[..., h, w, 1]`: what each position counts, in all 1, or 0 where the mask is empty."""
    if mask is None:
        return None
    weight = jax.image.resize(mask, features.shape[:-1], "linear").astype(features.dtype)[..., None]
    return safe_divide(weight, weight.sum(axis=(-3, -2), keepdims=True))


def _reduce(name: str, short_side: int, x: Array, y: Array, mask: Array | None) -> tuple[Array, Array, Array | None]:
    if short_side < 1:
        raise ValueError(error_text(name, "short_side >= 1", short_side, "The authors recommend 256."))
    height, width = x.shape[-3:-1]
    shorter = min(height, width)
    if shorter <= short_side:
        return x, y, mask
    sides = tuple(side * short_side // shorter for side in (height, width))

    def reduced(z: Array) -> Array:
        return jax.image.resize(z, (*z.shape[:-3], *sides, z.shape[-1]), "linear").astype(z.dtype)

    return reduced(x), reduced(y), None if mask is None else reduced(mask[..., None])[..., 0]


def _look_and_heads(name: str, params: Params, dtype: DTypeLike | None, precision: str) -> tuple[Look, Params, Params]:
    if not (params.keys() >= {"trunk", "heads", "preprocessing"} and params["heads"].keys() >= {"alpha", "beta"}):
        way_out = "They are what load_params('dists') returns."
        expected = "params with 'trunk', 'preprocessing', and 'heads' of 'alpha' and 'beta'"
        raise ValueError(error_text(name, expected, list(params), way_out))
    # Constants of the network, whatever else of the parameters is trained.
    offset, scale = (lax.stop_gradient(params["preprocessing"][part]) for part in ("offset", "scale"))
    heads = params["heads"]
    return Look(NET, LAYERS, Preprocessing(offset, scale), dtype, precision), heads["alpha"], heads["beta"]


def _check_heads(name: str, alpha: Params, beta: Params, expected: Mapping[str, tuple[int, ...]]) -> None:
    for head in (alpha, beta):
        got = {layer: jnp.shape(weight) for layer, weight in head.items()}
        if got != expected:
            way_out = "They are what load_params('dists') returns."
            raise ValueError(error_text(name, f"heads of shapes {expected}", f"heads of shapes {got}", way_out))
