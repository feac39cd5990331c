"""Video multi-method assessment fusion (Li et al. 2016), of still images."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import error_text
from .._types import Array, Image, Params, Scalar, Scores
from ..ops._filters import as_taps, filter_maps, gaussian_window, repeat_edges
from ..ops._moments import filter_moments
from ..ops._numerics import safe_abs, safe_power
from ._support_vectors import Machine, regress, take_parts
from ._video import video_planes


SCALES = 4
MIDDLE = 128  # of the levels: the nearer to 0 values are, the more digits variances have
NOISE = 2.0  # of vision, a variance
PARTS = ("vectors", "coefficients", "offset", "gamma", "slopes", "intercepts", "transform")

# Daubechies' wavelets of two vanishing moments.
LOW = (0.482962913144690, 0.836516303737469, 0.224143868041857, -0.129409522550921)
HIGH = (-0.129409522550921, -0.224143868041857, 0.836516303737469, -0.482962913144690)
BORDER = 0.1  # share of each side that does not count
# Watson et al. 1997, of luma, by scale and band: what is just visible 3 heights away from 1080 lines, inverted.
AMPLITUDES = np.array(((0.67234, 0.72709), (0.41317, 0.49428), (0.22727, 0.28688), (0.11792, 0.15214)))
RATIOS = 2.0 ** np.arange(1, SCALES + 1)[:, None] * 0.401 * np.array(((1, 0.534),)) / (3 * 1080 * math.pi / 180)
SENSITIVITY = (AMPLITUDES / (2 * 0.495 * 10 ** (0.466 * np.log10(RATIOS) ** 2)))[:, [0, 0, 1]]


class VMAFFeatures(NamedTuple):
    """What `vmaf` is made of, `[...]` each, by libvmaf's names."""

    adm2: Array
    motion2: Array
    vif_scale0: Array
    vif_scale1: Array
    vif_scale2: Array
    vif_scale3: Array


def vmaf(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    params: Params,
    yuv: bool = False,
    gain_limit: float = 100.0,
    scales: int = SCALES,
    transform: bool = False,
    clip: bool = True,
) -> Scores:
    r"""Video multi-method assessment fusion of a still image: VMAF v0.6.1 with its float features, without motion.

    $$\mathrm{VMAF} = \frac{\sum_k c_k \exp(-\gamma \|a f + b - v_k\|^2) - \rho - b_0}{a_0}$$

    The features f are those of `vmaf_features`; the support vectors were learned from human judgements of videos.

    Args:
        x, y, data_range: See `jaxloss.metrics`. 32 x 32 pixels or more. 1 channel (gray) or 3 (RGB), of which luma
            with the levels of video is made as ffmpeg does: `16 + 219 (0.299 R + 0.587 G + 0.114 B)` of 255.
        params: `load_params("vmaf")`.
        yuv: Whether they are planes of a video instead, Y or Y, U, V, of which Y is taken as it is.
        gain_limit: By how much contrast may be enhanced and count as better, >= 1; 1.0 is VMAF NEG, 100.0 VMAF.
        scales: How many are looked at; what is left at others, of which the model knows, is taken as all of it.
        transform: Whether scores are those for screens of phones, which are higher.
        clip: Whether scores end at 0 and 100, beyond which there is no gradient.

    Returns:
        `[...]`, in [0, 100]; higher is better. Equal images score about 97.43, for nothing moves.

    Raises:
        ValueError: If `params` are those of another metric.

    Gradient:
        Finite everywhere; at equal images that of contrast, of which more is better: to improve an image take
        `gain_limit=1.0`, without which what is improved is no longer like the reference.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (48, 48, 3))
        >>> params = jaxloss.load_params("vmaf")
        >>> print(jax.jit(jaxloss.vmaf)(0.7 * y, y, params=params, data_range=1.0).round(1))
        19.2

    Reference:
        "Toward a practical perceptual video quality metric", Netflix Technology Blog, 2016.
        https://github.com/Netflix/vmaf
    """
    features = jnp.stack(_features("vmaf", x, y, data_range, yuv, gain_limit, scales), axis=-1)
    given = take_parts("vmaf", params, PARTS, features.dtype)
    slopes, intercepts = (given[part].reshape((*(1,) * (features.ndim - 1), -1)) for part in ("slopes", "intercepts"))
    machine = Machine(given["vectors"], given["coefficients"], given["offset"], given["gamma"])
    score = regress(slopes[..., 1:] * features + intercepts[..., 1:], machine)
    score = (score - intercepts[..., 0]) / slopes[..., 0]
    if transform:
        constant, linear, quadratic = given["transform"]
        score = jnp.maximum(score, constant + linear * score + quadratic * score**2)
    return jnp.clip(score, 0, 100) if clip else score


def vmaf_features(
    x: Image,
    y: Image,
    *,
    data_range: Scalar,
    yuv: bool = False,
    gain_limit: float = 100.0,
    scales: int = SCALES,
) -> VMAFFeatures:
    r"""Features of `vmaf`: how much detail is left, and how much information at each of four scales.

    $$\mathrm{ADM} = \frac{\sum_{sb} \sqrt[3]{\sum \max(|r_{sb}| - m_s, 0)^3} + \nu_s}
    {\sum_{sb} \sqrt[3]{\sum |y_{sb}|^3} + \nu_s}$$

    of wavelets of scales s and bands b weighted by how visible they are, where r is what a distorted wavelet has left
    of that of the reference y, and the mask m is what it has in addition, around it. The other features are those of
    `vif_p` at each scale by itself, with borders, and with images whose contrast is faint taken as preserved.

    Args:
        x, y, data_range, yuv, gain_limit, scales: As for `vmaf`.

    Returns:
        `VMAFFeatures` of `[...]`, mostly in [0, 1]; higher is better, 1 for equal images, or nearly.

    Gradient:
        Finite everywhere.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (48, 48, 3))
        >>> print(jax.jit(jaxloss.vmaf_features)(0.7 * y, y, data_range=1.0).adm2.round(2))
        0.76

    Reference:
        Li et al., "Image quality assessment by separately evaluating detail losses and additive impairments", IEEE TMM
        13, 2011. https://doi.org/10.1109/TMM.2011.2152382
    """
    return _features("vmaf_features", x, y, data_range, yuv, gain_limit, scales)


def _features(
    name: str, x: Image, y: Image, data_range: Scalar, yuv: bool, gain_limit: float, scales: int
) -> VMAFFeatures:
    if not 1 <= scales <= SCALES:
        raise ValueError(error_text(name, f"scales from 1 to {SCALES}", scales, "The model was trained with 4."))
    if not gain_limit >= 1:
        raise ValueError(error_text(name, "gain_limit >= 1", gain_limit, "VMAF NEG has 1.0, VMAF 100.0."))
    fit = (f"{scales} scales", max(8 * scales, 9))
    luma, (difference,), _, leading = video_planes(name, x, y, data_range, yuv=yuv, fit=fit)
    luma = luma - MIDDLE
    detail = _detail(luma + difference, luma, gain_limit, scales)
    fidelity = _fidelity(luma, difference, gain_limit, scales)
    rest = [jnp.ones_like(detail)] * (SCALES - scales)
    return VMAFFeatures(*(z.reshape(leading) for z in (detail, jnp.zeros_like(detail), *fidelity, *rest)))


def _fidelity(y: Array, e: Array, gain_limit: float, scales: int) -> list[Array]:
    """Of the reference and of what the other image adds to it, `[n, H, W]`: a share of information at each scale."""
    shares = []
    for scale in range(scales):
        side = 2 ** (SCALES - scale) + 1
        taps, margin = as_taps(gaussian_window(side, side / 5)), side // 2
        if scale:
            y, e = (_mirror(z, margin) for z in (y, e))
            rows = [z[:, : z.shape[1] // 2 * 2 : 2] for z in filter_maps([y, e], taps, (1.0,), step=1)]
            y, e = (z[:, :, : z.shape[2] // 2 * 2 : 2] for z in filter_maps(rows, (1.0,), taps, step=1))
        moments = filter_moments(_products, [_mirror(z, margin) for z in (y, e)], taps, taps, step=1)
        left, there = _information(*moments, gain_limit)
        shares.append(left.sum(axis=(1, 2)) / there.sum(axis=(1, 2)))
    return shares


def _mirror(z: Array, margin: int) -> Array:
    return jnp.pad(z, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")


def _products(y: Array, e: Array) -> tuple[Array, Array, Array]:
    return y * y, e * e, y * e


def _information(
    mean_y: Array, mean_e: Array, yy: Array, ee: Array, ye: Array, gain_limit: float
) -> tuple[Array, Array]:
    """Bits that are left of the reference, and those that were there, of its moments and those of the difference."""
    variance = yy - mean_y**2
    covariance, difference = ye - mean_y * mean_e, ee - mean_e**2
    faint = variance < NOISE
    of_x = jnp.maximum(variance + 2 * covariance + difference, 0)
    variance = jnp.where(faint, NOISE, variance)
    slope = covariance / variance
    gain = jnp.clip(1 + slope, 0, gain_limit)
    noise = jnp.maximum(difference - slope * covariance, 0)
    left = jnp.log1p(gain**2 * variance / (noise + NOISE)) / math.log(2)
    there = jnp.log1p(variance / NOISE) / math.log(2)
    return jnp.where(faint, 1 - of_x * (NOISE / 255) ** 2, left), jnp.where(faint, 1, there)


def _detail(x: Array, y: Array, gain_limit: float, scales: int) -> Array:
    left, there = [], []
    z = jnp.stack([x, y])
    for scale in range(scales):
        z, bands = jax.vmap(_wavelets)(z)
        top, start = (int(BORDER * length - 0.5) for length in z.shape[2:])
        # With one more on each side, where there is one, for the mask.
        bands = bands[..., max(top - 1, 0) : z.shape[2] - top + 1, max(start - 1, 0) : z.shape[3] - start + 1]
        weights = SENSITIVITY[scale][:, None, None, None].astype(z.dtype)
        dis, ref = bands
        restored = _restored(dis, ref, gain_limit)
        mask = _mask(functools.reduce(jnp.add, weights * safe_abs(dis - restored)), top, start)
        rows, columns = (
            slice(edge, edge + n) for edge, n in zip((min(top, 1), min(start, 1)), mask.shape[1:], strict=True)
        )
        seen, all_of_it = (weights * safe_abs(r[..., rows, columns]) for r in (restored, ref))
        noise = (mask.shape[1] * mask.shape[2] / 32) ** (1 / 3)
        left.append(_cubic_norm(jnp.maximum(seen - mask[None], 0)) + noise)
        there.append(_cubic_norm(all_of_it) + noise)
    return jnp.concatenate(left).sum(axis=0) / jnp.concatenate(there).sum(axis=0)


def _wavelets(z: Array) -> tuple[Array, Array]:
    """What is low in both directions `[n, h, w]`; and `[3, n, h, w]` high down columns, high along rows, high in both.

    The sides are halved, and rounded up.
    """
    for axis in (1, 2):
        length = z.shape[axis]
        parts = [(1, 2), (0, length), (length - 1, length), (length - 2, length - 1)][: 3 + length % 2]
        z = lax.concatenate([lax.slice_in_dim(z, *part, axis=axis) for part in parts], axis)
    # A stack keeps XLA from computing the first pass anew for each tap of the second; and a concatenation of the left
    # and the right, the second for all that is made of it.
    z = jnp.stack([_every_second(z, taps, 1) for taps in (LOW, HIGH)])
    middle = z.shape[3] // 4 * 2
    parts = z[..., : middle + 2], z[..., middle:]
    (low, high), *both = (jnp.concatenate([_every_second(part, taps, 3) for part in parts], -1) for taps in (LOW, HIGH))
    return low, jnp.concatenate([high[None], *both])


def _every_second(z: Array, taps: tuple[float, ...], axis: int) -> Array:
    size = z.shape[axis] - len(taps) + 1
    return functools.reduce(jnp.add, (tap * lax.slice_in_dim(z, i, i + size, 2, axis) for i, tap in enumerate(taps)))


def _restored(dis: Array, ref: Array, gain_limit: float) -> Array:
    """What each wavelet has left of the reference's; more than all of it where the direction is the same, within 1°."""
    dot = ref[0] * dis[0] + ref[1] * dis[1]
    lengths = (ref[0] ** 2 + ref[1] ** 2) * (dis[0] ** 2 + dis[1] ** 2)
    aligned = (dot >= 0) & (dot**2 >= math.cos(math.pi / 180) ** 2 * lengths)
    most = jnp.where(aligned[None], gain_limit, 1.0).astype(ref.dtype) * ref
    return jnp.clip(dis, jnp.minimum(most, 0), jnp.maximum(most, 0))


def _mask(added: Array, top: int, start: int) -> Array:
    """A thirtieth of the sum of 3 x 3, and of the middle once more."""
    rows, columns = (int(edge == 0) for edge in (top, start))
    added = jnp.pad(added, ((0, 0), (rows, 0), (columns, 0)), mode="reflect")
    added = repeat_edges(added, (0, rows), (0, columns))
    (around,) = filter_maps([added], (1.0,) * 3, (1.0,) * 3, step=1)
    return (around + added[:, 1:-1, 1:-1]) / 30


def _cubic_norm(z: Array) -> Array:
    # A product with ones, for sums of what is long to compute are not vectorized.
    rows = jnp.matmul(z**3, jnp.ones(z.shape[-1], z.dtype), precision=lax.Precision.HIGHEST)
    return safe_power(rows.sum(axis=-1), 1 / 3)
