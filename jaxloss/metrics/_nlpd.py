"""Normalized Laplacian pyramid distance (Laparra, Ballé, Berardino, Simoncelli 2016)."""

from typing import NamedTuple

import jax.numpy as jnp

from .._checks import as_scalar, check_positive, error_text, masked_pair
from .._types import Array, Image, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._laplacian import laplacian_pyramid
from ..ops._numerics import safe_abs
from ..ops._pooling import masked_norm
from ..ops._pyramids import average_pool


class Normalization(NamedTuple):
    """What divides a level of the pyramid: a constant, and weights of the neighbors at (rows down, columns right)."""

    sigma: float
    neighbors: dict[tuple[int, int], float]


# Fitted by the authors to photographs in [0, 1].
LEVELS = (
    Normalization(0.0248, {(1, 0): 0.1011, (0, 1): 0.1493, (0, -1): 0.1460, (0, -2): 0.0072, (-1, 0): 0.1015}),
    Normalization(0.0185, {(1, 0): 0.0757, (0, 1): 0.1986, (0, -1): 0.1846, (-1, 0): 0.0837}),
    Normalization(0.0179, {(1, 0): 0.0477, (0, 1): 0.2138, (0, -1): 0.2243, (-1, 0): 0.0467}),
    Normalization(0.0191, {(0, 1): 0.2503, (0, -1): 0.2616}),
    Normalization(0.0220, {(0, 1): 0.2598, (0, -1): 0.2552}),
    Normalization(0.2782, {(0, 1): 0.2215, (0, -1): 0.0717}),
)


def nlpd(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, levels: int = 6) -> Scores:
    r"""Normalized Laplacian pyramid distance: difference of local contrasts as early vision has them.

    $$\mathrm{NLPD} = \frac{1}{M} \sum_{k=1}^{M} \sqrt{\overline{(\tilde x_k - \tilde y_k)^2}}, \qquad
    \tilde z_k = \frac{z_k}{\sigma_k + \sum_j p_{kj} |z_k|_j}$$

    with $z_k$ the levels of the Laplacian pyramid of luma in [0, 1], each divided by a weighted sum of its neighbors.
    Pixels of weight 0 are black in both images.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB).
        levels: M, of the pyramid, at most 6: the last is what the others leave.

    Returns:
        `[...]`, >= 0; lower is better, exactly 0 for equal images.

    Gradient:
        Finite everywhere; 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.nlpd)(0.6 * y, y, data_range=1.0).round(3))
        0.349

    Reference:
        "Perceptual image quality assessment using a normalized Laplacian pyramid", Human Vision and Electronic Imaging,
        2016. https://doi.org/10.2352/ISSN.2470-1173.2016.16.HVEI-103
    """
    check_positive("nlpd", "data_range", data_range)
    if not 1 <= levels <= len(LEVELS):
        raise ValueError(error_text("nlpd", "levels from 1 to 6", levels, "Laparra et al. use 6."))
    normalizations = (*LEVELS[: levels - 1], LEVELS[-1])
    pair = luma_pair("nlpd", masked_pair("nlpd", x, y, mask))
    unit = as_scalar(data_range, pair.x.dtype)
    x_levels, y_levels = (laplacian_pyramid(z / unit, levels=levels) for z in (pair.x, pair.y))
    distances, weight = [], pair.mask
    for of_x, of_y, normalization in zip(x_levels, y_levels, normalizations, strict=True):
        distances.append(masked_norm(normalize(of_x, normalization) - normalize(of_y, normalization), weight))
        weight = None if weight is None else average_pool(weight[..., None])[..., 0]
    return jnp.stack(distances).mean(axis=0)


def normalize(level: Array, normalization: Normalization) -> Array:
    height, width = level.shape[-3:-1]
    around = jnp.pad(safe_abs(level), [(0, 0)] * (level.ndim - 3) + [(1, 1), (2, 1), (0, 0)])
    amplitude = sum(
        weight * around[..., 1 + down : 1 + down + height, 2 + right : 2 + right + width, :]
        for (down, right), weight in normalization.neighbors.items()
    )
    return level / (normalization.sigma + amplitude)
