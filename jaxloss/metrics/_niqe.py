"""Naturalness image quality evaluator (Mittal, Soundararajan, Bovik 2013)."""

import jax.numpy as jnp
from jax import lax

from .._checks import check_choice, check_fits, error_text
from .._types import Array, Image, Params, Scalar, Scores
from ..ops._numerics import safe_divide, safe_sqrt
from ..ops._resize import halve_bicubic
from ._natural_scenes import SHAPES, fit_asymmetric, gray_levels, neighbor_products, normalize_contrast


SCALES = 2


def niqe(
    x: Image,
    *,
    data_range: Scalar,
    params: Params,
    block_size: int = 96,
    shape: str = "table",
    rounding: bool = True,
) -> Scores:
    r"""Naturalness image quality evaluator: how far the statistics of an image are from those of photographs.

    $$\mathrm{NIQE} = \sqrt{(\nu - \mu)^T \left(\frac{\Sigma_\nu + \Sigma_x}{2}\right)^{-1} (\nu - \mu)}$$

    $\mu$ and $\Sigma_x$ are the mean and the covariance, over blocks of the image, of 36 features, at two scales: the
    parameters of asymmetric generalized Gaussians fitted to luma after its local contrast is normalized, and to its
    products with the four neighbors. $\nu$ and $\Sigma_\nu$ are those of 125 undistorted photographs; no human
    judgement was learned from.

    Args:
        x: `[..., H, W, C]`, 1 channel (gray) or 3 (RGB), floating, in `[0, data_range]`; one block or more, of which
            what remains at the right and the bottom is left out. One block has no covariance, and blocks without
            negative or positive products, flat ones, do not count.
        data_range: See `jaxloss.metrics`.
        params: `load_params("niqe")`: `{"mean": [36], "covariance": [36, 36]}`, of blocks of 96 x 96 pixels.
        block_size: Their side, even.
        shape, rounding: As for `brisque`.

    Returns:
        `[...]`, >= 0, mostly from 2 to 20; lower is better; NaN where no block counts. The scores of the authors'
        MATLAB code: 1e-3 relative, but in images with flat parts, in which that counts the signs of rounding errors.

    Gradient:
        That of `shape="smooth"` without rounding; finite everywhere, 0 in flat images.

    Example:
        >>> import jax, jaxloss
        >>> x = jax.random.uniform(jax.random.key(0), (96, 96, 3))
        >>> params = jaxloss.load_params("niqe")
        >>> print(jax.jit(jaxloss.niqe)(x, params=params, data_range=1.0).round(1))
        47.6

    Reference:
        "Making a 'completely blind' image quality analyzer", IEEE SPL 20, 2013.
        https://doi.org/10.1109/LSP.2012.2227726
    """
    name = "niqe"
    check_choice(name, "shape", shape, SHAPES)
    if block_size < 2 or block_size % 2:
        raise ValueError(error_text(name, "an even block_size >= 2", block_size, "The published parameters are of 96."))
    levels = gray_levels(name, x, data_range, rounding)
    check_fits(name, "one block", block_size, levels[..., None], "Enlarge the image.")
    height, width = (side // block_size * block_size for side in levels.shape[-2:])
    levels = levels[..., :height, :width]
    features, counts = [], []
    for scale in range(SCALES):
        blocks = _blocks(normalize_contrast(levels, border="edge"), block_size >> scale)
        found, complete = _features(blocks, shape)
        features.append(found)
        counts.append(complete)
        if scale < SCALES - 1:
            levels = halve_bicubic(levels)
    return _distance(name, jnp.concatenate(features, axis=-1), jnp.stack(counts).all(axis=0), params)


def _blocks(z: Array, side: int) -> Array:
    """`[..., H, W]` to `[..., blocks, side, side]`."""
    *leading, height, width = z.shape
    rows, columns = height // side, width // side
    z = z.reshape(*leading, rows, side, columns, side)
    return jnp.swapaxes(z, -3, -2).reshape(*leading, rows * columns, side, side)


def _features(z: Array, shape: str) -> tuple[Array, Array]:
    """`[..., 18]` of contrast-normalized blocks, and whether all of them are defined."""
    fit = fit_asymmetric(jnp.concatenate([z[..., None, :, :], neighbor_products(z)], axis=-3), shape=shape)
    left, right = fit.left * fit.scale, fit.right * fit.scale
    first = jnp.stack([fit.shape[..., 0], (left[..., 0] + right[..., 0]) / 2], axis=-1)
    pairs = jnp.stack([fit.shape, fit.mean, left, right], axis=-1)[..., 1:, :]  # [..., 4, 4]
    complete = ((fit.left > 0) & (fit.right > 0)).all(axis=-1)
    return jnp.concatenate([first, pairs.reshape(*pairs.shape[:-2], 16)], axis=-1), complete


def _distance(name: str, features: Array, complete: Array, params: Params) -> Scores:
    """Of blocks `[..., n, 36]` from the published ones."""
    if not params.keys() >= {"mean", "covariance"}:
        way_out = "They are what load_params('niqe') returns."
        raise ValueError(error_text(name, "params with 'mean' and 'covariance'", list(params), way_out))
    nu, sigma = (jnp.asarray(params[part], features.dtype) for part in ("mean", "covariance"))
    axes = (1,) * (features.ndim - 2)
    nu, sigma = nu.reshape(*axes, -1), sigma.reshape(*axes, *sigma.shape)
    count = complete.sum(axis=-1)[..., None].astype(features.dtype)
    features = jnp.where(complete[..., None], features, 0)
    mean = safe_divide(features.sum(axis=-2), count)
    deviations = jnp.where(complete[..., None], features - mean[..., None, :], 0)
    products = jnp.einsum("...ni,...nj->...ij", deviations, deviations, precision=lax.Precision.HIGHEST)
    covariance = products / jnp.maximum(count - 1, 1)[..., None]
    # In units of the published deviations, in which the matrix is far easier to invert.
    unit = jnp.sqrt(jnp.diagonal(sigma, axis1=-2, axis2=-1))
    matrix = (sigma + covariance) / (2 * unit[..., None, :] * unit[..., :, None])
    difference = (nu - mean) / unit
    distance = safe_sqrt((difference * _solve(matrix, difference)).sum(axis=-1))
    return distance + jnp.where(count[..., 0] > 0, 0, jnp.nan).astype(distance.dtype)


def _solve(matrix: Array, right: Array) -> Array:
    """`matrix^-1 right` for `[..., n, n]`, positive definite, and `[..., n]`: by elimination, which needs no pivots.

    In plain arithmetic, where a library's would be another one on each kind of device, with roundings of its own.
    """
    rows = jnp.arange(right.shape[-1])[:, None]

    def eliminate(z: Array, k: Array) -> tuple[Array, None]:
        row = lax.dynamic_index_in_dim(z, k, -2)
        row = row / lax.dynamic_index_in_dim(row, k, -1)
        column = lax.dynamic_index_in_dim(z, k, -1)
        return jnp.where((rows == k).reshape((1,) * (z.ndim - 2) + rows.shape), row, z - column * row), None

    z, _ = lax.scan(eliminate, jnp.concatenate([matrix, right[..., None]], axis=-1), rows[:, 0])
    return z[..., -1]
