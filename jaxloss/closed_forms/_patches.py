r"""The published derivatives of SSIM and multi-scale SSIM, in closed form.

Written from the supplement of Zhao, Gallo, Frosio and Kautz (2017), equations 5 to 11, in its notation and without
automatic differentiation: an independent check of it. Errata of the supplement that matter here:

* The sentence after equation 5 should read "where we used the observation that $\partial x(p) / \partial x(q) = 0$ for
  all $p \neq q$"; equation 5 itself is right.
* In the derivative of equation 11, $l$ is $l_M$, and each $cs_i$ has the window and the moments of its own $\sigma_i$.
* Its last two lines divide by $cs_i$, which may be 0; the line before them does not, and is what is used here.
* In equations 2 to 4 the patch $P_x$ stands for the image $x$.
"""

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import check_pair, error_text
from .._types import Array, Image, ImageArray, Scalar
from ..metrics._multi_sigma_ssim import SIGMAS
from ..metrics._statistics import Constants, make_constants
from ..ops._filters import gaussian_window


class Terms(NamedTuple):
    """Moments and terms of equations 1 to 4 for one window, and the denominators of equation 1."""

    mu_x: Array  # of x - middle, as everywhere but in the luminance
    mu_y: Array
    luminance: Array  # the l of the paper
    cs: Array
    dl: Array  # the factor of G(p - q) in equation 8
    b: Array  # sigma_x² + sigma_y² + C2


def make_terms(moments: Sequence[Array], constants: Constants) -> Terms:
    mu_x, mu_y, square_x, square_y, product = moments
    sigma_x2, sigma_y2, sigma_xy = square_x - mu_x**2, square_y - mu_y**2, product - mu_x * mu_y
    b = sigma_x2 + sigma_y2 + constants.c2
    cs = (2 * sigma_xy + constants.c2) / b
    m_x, m_y = mu_x + constants.middle, mu_y + constants.middle
    a = m_x**2 + m_y**2 + constants.c1
    luminance = (2 * m_x * m_y + constants.c1) / a
    return Terms(mu_x, mu_y, luminance, cs, 2 * (m_y - m_x * luminance) / a, b)


def _patch_terms(x: Array, y: Array, window: Array, constants: Constants) -> Terms:
    """Equations 1 to 4 at the center p of patches [..., K, K, C]; G is the window around p."""
    moments = [(window * z).sum(axis=(-3, -2), keepdims=True) for z in (x, y, x * x, y * y, x * y)]
    return make_terms(moments, constants)


def _patch_dl(terms: Terms, window: Array) -> Array:
    """Equation 8."""
    return window * terms.dl


def _patch_dcs(terms: Terms, x: Array, y: Array, window: Array) -> Array:
    """Equation 9."""
    return 2 / terms.b * window * ((y - terms.mu_y) - terms.cs * (x - terms.mu_x))


def _patch_window(patch: Array, sigma: float) -> Array:
    """G at each pixel of the patch, with as many axes."""
    taps = gaussian_window(patch.shape[-2], sigma)
    window = jnp.asarray(np.outer(taps, taps), patch.dtype)
    return lax.broadcast_in_dim(window, (*(1,) * (patch.ndim - 3), *window.shape, 1), (patch.ndim - 3, patch.ndim - 2))


def _check_patches(name: str, x: Image, y: Image) -> tuple[Array, Array]:
    x, y = check_pair(name, x, y)
    height, width = x.shape[-3:-1]
    if height != width or height % 2 == 0:
        way_out = "The derivative is that of the SSIM at the center pixel: take odd, square patches."
        raise ValueError(error_text(name, "patches [..., K, K, C] with odd K", x.shape, way_out))
    return x, y


def ssim_patch_gradient(
    x: Image, y: Image, *, data_range: Scalar, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03
) -> ImageArray:
    r"""Derivative of the SSIM at one pixel with respect to every pixel of the patch around it.

    $$\frac{\partial\,\mathrm{SSIM}(p)}{\partial x(q)} = \frac{\partial l(p)}{\partial x(q)} \, cs(p) +
    l(p) \, \frac{\partial cs(p)}{\partial x(q)}$$

    Args:
        x, y: Patches `[..., K, K, C]` with odd K; p is the center pixel.
        data_range, k1, k2: See `jaxloss.closed_forms`.
        sigma: Standard deviation of the Gaussian; its window is the whole patch.

    Returns:
        `[..., K, K, C]`: the derivative of each channel's SSIM with respect to the same channel, per unit of `x`.

    Raises:
        ValueError: If the patches are not square with an odd side.

    Gradient:
        Differentiable itself.

    Agrees with:
        Automatic differentiation of `ssim_map`: 1e-5 relative, 1e-10 in float64.

    Example:
        >>> import jax, jaxloss
        >>> x, y = jax.random.uniform(jax.random.key(0), (2, 11, 11, 1))
        >>> print(jax.jit(jaxloss.ssim_patch_gradient)(x, y, data_range=1.0)[5, 5, 0].round(3))
        -0.183

    Reference:
        Zhao et al. 2017, supplement, equations 5 to 10; its errata are listed in the module.
        https://doi.org/10.1109/TCI.2016.2644865
    """
    x, y = _check_patches("ssim_patch_gradient", x, y)
    constants = make_constants("ssim_patch_gradient", data_range, k1, k2, x.dtype)
    x, y = x - constants.middle, y - constants.middle
    window = _patch_window(x, sigma)
    terms = _patch_terms(x, y, window, constants)
    return _patch_dl(terms, window) * terms.cs + terms.luminance * _patch_dcs(terms, x, y, window)


def multi_sigma_ssim_patch_gradient(
    x: Image, y: Image, *, data_range: Scalar, sigmas: Sequence[float] = SIGMAS, k1: float = 0.01, k2: float = 0.03
) -> ImageArray:
    r"""Derivative of the multi-sigma SSIM at one pixel with respect to every pixel of the patch around it.

    $$\frac{\partial\,\mathrm{MS\text{-}SSIM}(p)}{\partial x(q)} =
    \frac{\partial l_M(p)}{\partial x(q)} \prod_j cs_j(p) +
    l_M(p) \sum_i \frac{\partial cs_i(p)}{\partial x(q)} \prod_{j \neq i} cs_j(p)$$

    Args:
        x, y: Patches `[..., K, K, C]` with odd K; p is the center pixel.
        data_range, k1, k2: See `jaxloss.closed_forms`.
        sigmas: Standard deviations, ascending; the window of each is the whole patch.

    Returns:
        `[..., K, K, C]`, per unit of `x`; defined also where some `cs_i` is 0.

    Raises:
        ValueError: If the patches are not square with an odd side.

    Gradient:
        Differentiable itself.

    Agrees with:
        Automatic differentiation of `multi_sigma_ssim_map`: 1e-5 relative, 1e-10 in float64.

    Example:
        >>> import jax, jaxloss
        >>> x, y = jax.random.uniform(jax.random.key(0), (2, 31, 31, 1))
        >>> print(jax.jit(jaxloss.multi_sigma_ssim_patch_gradient)(x, x, data_range=1.0)[15, 15, 0])
        0.0

    Reference:
        Zhao et al. 2017, supplement, equation 11; the errata are listed in the module.
        https://doi.org/10.1109/TCI.2016.2644865
    """
    x, y = _check_patches("multi_sigma_ssim_patch_gradient", x, y)
    constants = make_constants("multi_sigma_ssim_patch_gradient", data_range, k1, k2, x.dtype)
    x, y = x - constants.middle, y - constants.middle
    windows = [_patch_window(x, sigma) for sigma in sigmas]
    terms = [_patch_terms(x, y, window, constants) for window in windows]
    gradient = _patch_dl(terms[-1], windows[-1]) * product(t.cs for t in terms)
    for i, (term, window) in enumerate(zip(terms, windows, strict=True)):
        others = product(t.cs for j, t in enumerate(terms) if j != i)
        gradient += terms[-1].luminance * _patch_dcs(term, x, y, window) * others
    return gradient


def product(factors: Iterable[Array]) -> Array:
    return functools.reduce(operator.mul, factors)
