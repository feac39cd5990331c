"""Blind/referenceless image spatial quality evaluator (Mittal, Moorthy, Bovik 2012)."""

import jax.numpy as jnp

from .._checks import check_choice, check_fits
from .._types import Array, Image, Params, Scalar, Scores
from ..ops._resize import halve_bicubic
from ._natural_scenes import (
    SHAPES,
    fit_asymmetric,
    fit_symmetric,
    gray_levels,
    neighbor_products,
    normalize_contrast,
)
from ._support_vectors import Machine, regress, take_parts


SCALES = 2
SMALLEST = 14  # the window at half the resolution
PARTS = ("vectors", "coefficients", "offset", "gamma", "lowest", "highest")


def brisque(x: Image, *, data_range: Scalar, params: Params, shape: str = "table", rounding: bool = True) -> Scores:
    r"""Blind/referenceless image spatial quality evaluator: how distorted an image looks, without a reference.

    $$\mathrm{BRISQUE} = \sum_k c_k \exp(-\gamma \|f - v_k\|^2) - \rho$$

    The 36 features f, at two scales, are the parameters of (asymmetric) generalized Gaussians fitted to luma after its
    local contrast is normalized, and to its products with the four neighbors. The support vectors were learned from
    human judgements of the LIVE database.

    Args:
        x: `[..., H, W, C]`, 1 channel (gray) or 3 (RGB), 14 x 14 pixels or more, floating, in `[0, data_range]`.
        data_range: See `jaxloss.metrics`.
        params: `load_params("brisque")`: `{"vectors": [n, 36], "coefficients": [n], "offset": [], "gamma": [],
            "lowest": [36], "highest": [36]}`; features from lowest to highest become -1 to 1.
        shape: Of the Gaussians: `"table"`, the nearest in the authors' table, in steps of 0.001; `"smooth"`,
            interpolated, where finite differences are the gradient.
        rounding: Whether luma of RGB images is rounded to one of 256 levels first, as by MATLAB's `rgb2gray`.

    Returns:
        `[...]`, mostly from 0 to 100; lower is better. The scores of the authors' MATLAB code: 1e-3 in float64, 1e-2 in
        float32; less closely in images with flat parts, in which that counts the signs of rounding errors.

    Gradient:
        That of `shape="smooth"` without rounding; finite everywhere, 0 in flat images. The score was not made to be
        minimized: far from photographs it says little.

    Example:
        >>> import jax, jaxloss
        >>> x = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> params = jaxloss.load_params("brisque")
        >>> print(jax.jit(jaxloss.brisque)(x, params=params, data_range=1.0).round(1))
        100.0

    Reference:
        "No-reference image quality assessment in the spatial domain", IEEE TIP 21, 2012.
        https://doi.org/10.1109/TIP.2012.2214050
    """
    name = "brisque"
    check_choice(name, "shape", shape, SHAPES)
    levels = gray_levels(name, x, data_range, rounding)
    check_fits(name, "two scales", SMALLEST, levels[..., None], "Enlarge the image.")
    given = take_parts(name, params, PARTS, levels.dtype)
    features = []
    for scale in range(SCALES):
        features.append(_features(normalize_contrast(levels, border="zero"), shape))
        if scale < SCALES - 1:
            levels = halve_bicubic(levels)
    leading = (1,) * (levels.ndim - 2)
    lowest, highest = (given[part].reshape((*leading, -1)) for part in ("lowest", "highest"))
    f = -1 + 2 * (jnp.concatenate(features, axis=-1) - lowest) / (highest - lowest)
    return regress(f, Machine(given["vectors"], given["coefficients"], given["offset"], given["gamma"]))


def _features(z: Array, shape: str) -> Array:
    """`[..., 18]` of contrast-normalized pixels."""
    overall, variance = fit_symmetric(z, shape=shape)
    fit = fit_asymmetric(neighbor_products(z), shape=shape)
    pairs = jnp.stack([fit.shape, fit.mean, fit.left**2, fit.right**2], axis=-1)  # [..., 4, 4]
    return jnp.concatenate([jnp.stack([overall, variance], axis=-1), pairs.reshape(*pairs.shape[:-2], 16)], axis=-1)
