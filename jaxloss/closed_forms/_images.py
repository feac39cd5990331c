r"""Gradients of an image's SSIM, multi-sigma SSIM and MS-SSIM in closed form.

The derivatives of `_patches`, summed over the pixels p of the map: whatever depends on p alone is filtered
with the adjoint of the window. Written without automatic differentiation, as an independent check of it.
"""

from collections.abc import Sequence

import jax.numpy as jnp

from .._checks import check_fits, check_pair
from .._types import Array, Image, ImageArray, Scalar
from ..metrics._ms_ssim import MS_SSIM_WEIGHTS, check_scales
from ..metrics._multi_sigma_ssim import SIGMAS
from ..metrics._statistics import Constants, make_constants
from ..ops._filters import Taps, as_taps, filter_maps, gaussian_window, merge_channels, split_channels
from ..ops._pyramids import average_pool
from ._patches import Terms, make_terms, product


def ssim_gradient(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> ImageArray:
    """Gradient of an image's SSIM with respect to the image, in closed form.

    Equation 10 summed over the pixels p of the map: what depends on p alone is filtered with the adjoint of the window,
    so that a gradient costs three filters.

    Args:
        x, y, data_range, k1, k2: See `jaxloss.closed_forms`.
        window_size, sigma: Of the Gaussian, in pixels.

    Returns:
        `[..., H, W, C]`, per unit of `x`: the direction in which `ssim` rises.

    Gradient:
        Differentiable itself.

    Agrees with:
        `jax.grad` of `ssim`: 1e-5 relative, 1e-10 in float64; the MATLAB code of Wang and Avanaki: 1e-4 relative.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jax.random.uniform(jax.random.key(0), (2, 16, 16, 3))
        >>> closed = jax.jit(jaxloss.ssim_gradient)(x, y, data_range=1.0)
        >>> automatic = jax.jit(jax.grad(jaxloss.ssim))(x, y, data_range=1.0)
        >>> print(jnp.allclose(closed, automatic, atol=1e-7))
        True

    Reference:
        Zhao et al. 2017, supplement, equations 5 to 10. https://doi.org/10.1109/TCI.2016.2644865
        Wang and Simoncelli, "Maximum differentiation competition", 2008. https://doi.org/10.1167/8.12.8
    """
    x, y = check_pair("ssim_gradient", x, y)
    constants = make_constants("ssim_gradient", data_range, k1, k2, x.dtype)
    x, y = x - constants.middle, y - constants.middle
    check_fits("ssim_gradient", f"a window of {window_size}", window_size, x, "Use a smaller window_size.")
    taps = as_taps(gaussian_window(window_size, sigma))
    terms = _image_terms(x, y, taps, constants)
    return (_dl(terms, terms.cs, taps, x) + _dcs(terms, terms.luminance, taps, x, y)) / _pixels(terms.luminance)


def multi_sigma_ssim_gradient(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    sigmas: Sequence[float] = SIGMAS,
    window_size: int = 33,
    k1: float = 0.01,
    k2: float = 0.03,
) -> ImageArray:
    """Gradient of an image's multi-sigma SSIM with respect to the image, in closed form.

    Args:
        x, y, data_range, k1, k2: See `jaxloss.closed_forms`.
        sigmas: Standard deviations in pixels, ascending.
        window_size: Side of all windows.

    Returns:
        `[..., H, W, C]`, per unit of `x`: the direction in which `multi_sigma_ssim` rises.

    Gradient:
        Differentiable itself.

    Agrees with:
        `jax.grad` of `multi_sigma_ssim`: 1e-5 relative, 1e-10 in float64.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> x, y = jax.random.uniform(jax.random.key(0), (2, 9, 9, 1))
        >>> options = {"data_range": 1.0, "sigmas": (1.0, 2.0), "window_size": 7}
        >>> closed = jax.jit(lambda x: jaxloss.multi_sigma_ssim_gradient(x, y, **options))(x)
        >>> automatic = jax.jit(jax.grad(lambda x: jaxloss.multi_sigma_ssim(x, y, **options)))(x)
        >>> print(jnp.allclose(closed, automatic, atol=1e-7))
        True

    Reference:
        Zhao et al. 2017, supplement, equation 11; errata: `jaxloss.closed_forms._patches`.
        https://doi.org/10.1109/TCI.2016.2644865
    """
    x, y = check_pair("multi_sigma_ssim_gradient", x, y)
    constants = make_constants("multi_sigma_ssim_gradient", data_range, k1, k2, x.dtype)
    x, y = x - constants.middle, y - constants.middle
    check_fits("multi_sigma_ssim_gradient", f"a window of {window_size}", window_size, x, "Use a smaller window_size.")
    windows = [as_taps(gaussian_window(window_size, sigma)) for sigma in sigmas]
    terms = [_image_terms(x, y, taps, constants) for taps in windows]
    gradient = _dl(terms[-1], product(t.cs for t in terms), windows[-1], x)
    for i, (term, taps) in enumerate(zip(terms, windows, strict=True)):
        others = product(t.cs for j, t in enumerate(terms) if j != i)
        gradient += _dcs(term, terms[-1].luminance * others, taps, x, y)
    return gradient / _pixels(terms[-1].luminance)


def ms_ssim_gradient(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    weights: Sequence[float] = MS_SSIM_WEIGHTS,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> ImageArray:
    r"""Gradient of an image's MS-SSIM (Wang 2003) with respect to the image, in closed form.

    $$\nabla \prod_j v_j^{w_j} = \sum_j w_j v_j^{w_j - 1} \prod_{i \neq j} v_i^{w_i} \, \nabla v_j$$

    with the means $v_j$ of `ms_ssim`. Equations 8 to 10 give the gradient of each mean at its scale, and the adjoint of
    the pooling takes it to the scale before.

    Args:
        x, y, data_range, k1, k2: See `jaxloss.closed_forms`.
        weights: One exponent per scale, finest first.
        window_size, sigma: Of the Gaussian at every scale, in pixels.

    Returns:
        `[..., H, W, C]`, per unit of `x`: the direction in which `ms_ssim` rises; 0 where a mean is not positive.

    Gradient:
        Differentiable itself.

    Agrees with:
        `jax.grad` of `ms_ssim` with its defaults: 1e-5 relative, 1e-10 in float64.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (24, 24, 1))
        >>> options = {"data_range": 1.0, "weights": (0.5, 0.5)}
        >>> closed = jax.jit(lambda x: jaxloss.ms_ssim_gradient(x, y, **options))(0.5 * y)
        >>> automatic = jax.jit(jax.grad(lambda x: jaxloss.ms_ssim(x, y, **options)))(0.5 * y)
        >>> print(jnp.allclose(closed, automatic, atol=1e-7))
        True

    Reference:
        Zhao et al. 2017, supplement, equations 5 to 10. https://doi.org/10.1109/TCI.2016.2644865
    """
    x, y = check_pair("ms_ssim_gradient", x, y)
    constants = make_constants("ms_ssim_gradient", data_range, k1, k2, x.dtype)
    x, y = x - constants.middle, y - constants.middle
    check_scales("ms_ssim_gradient", x, len(weights), window_size, "symmetric")
    taps = as_taps(gaussian_window(window_size, sigma))
    scales = [(x, y)]
    for _ in weights[1:]:
        scales.append((average_pool(scales[-1][0]), average_pool(scales[-1][1])))
    terms = [_image_terms(x, y, taps, constants) for x, y in scales]
    fields = [t.cs for t in terms[:-1]] + [terms[-1].luminance * terms[-1].cs]
    means = [_channel_mean(field, x.shape) for field in fields]
    positive = product(mean > 0 for mean in means)
    means = [jnp.where(positive, mean, 1) for mean in means]
    score = jnp.where(positive, product(v**w for v, w in zip(means, weights, strict=True)), 0) / x.shape[-1]

    gradient = jnp.zeros(())  # of no scale yet
    for j in reversed(range(len(scales))):
        x, y = scales[j]
        # Of the score with respect to each pixel of the field whose mean over the channel is v_j.
        slope = weights[j] * score / means[j] / (_pixels(fields[j]) // x.shape[-1])
        slope = _spread_channels(slope, fields[j].shape)
        if j == len(scales) - 1:
            gradient = _dl(terms[j], slope * terms[j].cs, taps, x) + _dcs(
                terms[j], slope * terms[j].luminance, taps, x, y
            )
        else:
            gradient = _average_pool_adjoint(gradient, x.shape) + _dcs(terms[j], slope, taps, x, y)
    return gradient


def _image_terms(x: Array, y: Array, taps: Taps, constants: Constants) -> Terms:
    """Equations 1 to 4 at every pixel whose window lies in the image, in the layout of the filter."""
    maps = [merge_channels(z) for z in (x, y, x * x, y * y, x * y)]
    return make_terms(filter_maps(maps, taps, taps, step=x.shape[-1]), constants)


def _dl(terms: Terms, factor: Array, taps: Taps, x: Array) -> ImageArray:
    """Equation 8, times a factor, summed over p."""
    (out,) = _adjoint([factor * terms.dl], taps, x)
    return out


def _dcs(terms: Terms, factor: Array, taps: Taps, x: Array, y: Array) -> ImageArray:
    """Equation 9, times a factor, summed over p: y(q) and x(q) come out of the sum."""
    b = 2 * factor / terms.b
    of_y, of_x, constant = _adjoint([b, b * terms.cs, b * (terms.mu_y - terms.cs * terms.mu_x)], taps, x)
    return y * of_y - x * of_x - constant


def _adjoint(maps: Sequence[Array], taps: Taps, x: Array) -> list[ImageArray]:
    """Sum over p of G(p - q) times each map."""
    filtered = filter_maps(maps, taps[::-1], taps[::-1], step=x.shape[-1], full=True)
    return [split_channels(z, x.shape) for z in filtered]


def _average_pool_adjoint(gradient: Array, shape: tuple[int, ...]) -> ImageArray:
    """To each pixel a quarter of its cell's; what a mirrored row or column received goes to the last real one."""
    for axis in (-3, -2):
        size = shape[axis]
        gradient = jnp.repeat(gradient, 2, axis=axis) / 2
        if size % 2:
            inner, last, mirrored = jnp.split(gradient, [size - 1, size], axis=axis)
            gradient = jnp.concatenate([inner, last + mirrored], axis=axis)
    return gradient


def _pixels(field: Array) -> int:
    """How many values of an image's field are averaged, in the layout of the filter."""
    _, height, width = field.shape
    return height * width


def _channel_mean(field: Array, shape: tuple[int, ...]) -> Array:
    """Mean over the image, `[..., C]`, of a field in the layout of the filter."""
    return split_channels(field, shape).mean(axis=(-3, -2))


def _spread_channels(value: Array, shape: tuple[int, ...]) -> Array:
    """One value per image and channel `[..., C]`, at every pixel of the layout of the filter."""
    n, height, width = shape
    channels = value.shape[-1]
    spread = jnp.broadcast_to(value.reshape(n, 1, 1, channels), (n, height, width // channels, channels))
    return spread.reshape(shape)
