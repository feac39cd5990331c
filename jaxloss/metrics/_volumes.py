"""SSIM and PSNR of volumes `[..., D, H, W, C]`: what of `_ssim` and `_pixel` has three axes."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Unpack

import jax.numpy as jnp

from .._checks import Pair, check_positive, error_text, masked_pair, take_options
from .._types import Array, Scalar, Scores, Volume, VolumeMap, VolumeMask
from ..ops._filters import Taps, extend_border, filter_maps, merge_channels, split_channels
from ..ops._moments import filter_moments
from ..ops._numerics import safe_divide
from ..ops._pooling import masked_mean, mean_from_sums
from ..ops._sums import sum_field
from ._pixel import decibels, squared_error
from ._ssim import SSIMDefaults, WindowOptions
from ._statistics import Constants, centered, components_of_means, dissimilarity, make_constants, squares


def ssim3d(
    x: Volume, y: Volume, *, data_range: Scalar, mask: VolumeMask | None = None, **options: Unpack[WindowOptions]
) -> Scores:
    r"""Structural similarity of volumes: `ssim` with the moments of cubes around each voxel.

    $$\mathrm{SSIM}(p) = \frac{2\mu_x\mu_y + C_1}{\mu_x^2 + \mu_y^2 + C_1} \cdot
    \frac{2\sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}, \quad C_i = (k_i L)^2$$

    averaged over voxels and channels.

    Args:
        x, y: `[..., D, H, W, C]`, floating, of equal shape; no side shorter than the window.
        data_range: L, as in `jaxloss.metrics`.
        mask: `[..., D, H, W]`, weights >= 0 or bool; voxels of weight 0 have no influence.
        options: Those of `ssim` but `downsample`: `window_size` is the side of a cube, `covariance="sample"` divides by
            its voxels less one.

    Returns:
        `[...]` in [-1, 1]; higher is better, exactly 1 for equal volumes. By default the windows lie in the volume;
        with `border="reflect"` it is the number of torchmetrics, with `**SSIM_CONVENTIONS["skimage"]` scikit-image's.

    Gradient:
        Finite everywhere, 0 for equal volumes.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (12, 12, 12, 1))
        >>> print(jax.jit(jaxloss.ssim3d)(0.5 * y, y, data_range=1.0).round(3))
        0.641

    Reference:
        Wang et al. 2004. https://doi.org/10.1109/TIP.2003.819861
    """
    slabs = _prepare("ssim3d", x, y, data_range, mask, options)
    total = sum_field(slabs.field, 1, slabs.constants, *slabs.maps)
    windows = slabs.field.windows(slabs.maps[0].shape[1])
    if mask is None:
        mean = total / windows
    else:
        mean = mean_from_sums(total, slabs.field.center(slabs.maps[2]).sum(axis=(-2, -1))[:, None])
    return 1 - mean[:, 0].reshape(slabs.shape[:-4])


def ssim3d_map(
    x: Volume, y: Volume, *, data_range: Scalar, mask: VolumeMask | None = None, **options: Unpack[WindowOptions]
) -> VolumeMap:
    """The SSIM of each cube, `[..., D', H', W', C]` as that of `ssim_map`, before `ssim3d` averages."""
    slabs = _prepare("ssim3d_map", x, y, data_range, mask, options)
    values = operator.mul(*slabs.field.components(slabs.constants, slabs.maps))
    margin = slabs.field.halo if slabs.valid else 0
    *leading, depth, height, width, channels = slabs.shape
    return split_channels(values, (*leading, depth - margin, height, width, channels))


def psnr3d(x: Volume, y: Volume, *, data_range: Scalar, mask: VolumeMask | None = None) -> Scores:
    r"""Peak signal-to-noise ratio of volumes: that of the mean over all voxels, not the mean over slices.

    $$\mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}}$$

    Args:
        x, y, data_range, mask: As for `ssim3d`, of any size.

    Returns:
        `[...]` in dB; higher is better, `inf` for equal volumes.

    Gradient:
        As of `psnr`; 0 for equal volumes.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> x, y = jnp.zeros((2, 4, 4, 1)), jnp.full((2, 4, 4, 1), 0.25)
        >>> print(jaxloss.psnr3d(x, y, data_range=1.0).round(4))
        12.0412

    Reference:
        Huynh-Thu and Ghanbari 2008. https://doi.org/10.1049/el:20080522
    """
    check_positive("psnr3d", "data_range", data_range)
    pair = _volume_pair("psnr3d", x, y, mask)
    # One slice below the other: an image.
    *leading, depth, height, width, channels = pair.x.shape
    x, y = (z.reshape(*leading, depth * height, width, channels) for z in (pair.x, pair.y))
    weight = None if pair.mask is None else pair.mask.reshape(*leading, depth * height, width)
    return decibels(masked_mean(squared_error(x, y), weight), data_range)


@dataclass(frozen=True)
class VolumeField:
    """One minus SSIM, of slabs of slices `[n, D, H * W * C]`: what is a row to `sum_field` is a slice here.

    It is one channel to it: all channels are summed.
    """

    taps: Taps
    slices: tuple[int, int, int]  # H, W, C

    @property
    def halo(self) -> int:
        return len(self.taps) - 1

    def windows(self, depth: int) -> int:
        height, width, channels = self.slices
        return (depth - self.halo) * (height - self.halo) * (width - self.halo) * channels

    def __call__(self, step: int, parameters: Constants, *maps: Array) -> Array:
        values = dissimilarity(*self.components(parameters, maps))
        n, depth, _ = maps[0].shape
        # One axis at a time, here and below: of several JAX cannot tell on an explicit mesh how the result is spread.
        values = values.reshape(n * (depth - self.halo), self.windows(1 + self.halo))
        values = values.reshape(n, depth - self.halo, self.windows(1 + self.halo))
        return values if len(maps) == 2 else self.center(maps[2]) * values

    def components(self, constants: Constants, maps: Sequence[Array]) -> tuple[Array, Array]:
        """Luminance and contrast-structure of each cube, `[n * D', H', W' * C]`."""
        x, y, *weight = centered(maps, constants)
        if weight:
            (w,) = weight
            along_depth = filter_maps([w, *(w * z for z in (x, y, *squares(x, y)))], self.taps, (1.0,), step=1)
        else:
            along_depth = filter_moments(squares, [x, y], self.taps, (1.0,), step=1)
        height, width, channels = self.slices
        each_slice = [merge_channels(z.reshape(*z.shape[:2], height, width, channels)) for z in along_depth]
        sums = filter_maps(each_slice, self.taps, self.taps, step=channels)
        means = [safe_divide(z, sums[0]) for z in sums[1:]] if weight else sums
        return components_of_means(means, constants)

    def center(self, weight: Array) -> Array:
        """The weight of each cube's center."""
        n, depth, _ = weight.shape
        before, after = self.halo // 2, self.halo - self.halo // 2
        inside = (slice(before, side - after) for side in (depth, *self.slices[:2]))
        return weight.reshape(n, depth, *self.slices)[(slice(None), *inside)].reshape(
            n, depth - self.halo, self.windows(1 + self.halo)
        )


class Slabs(NamedTuple):
    """A checked pair of volumes in the layout of their field."""

    maps: tuple[Array, ...]  # x, y and, where there is one, the mask: [n, D, H * W * C]
    shape: tuple[int, ...]  # [..., D, H, W, C], before their border was extended
    valid: bool  # whether it was not
    field: VolumeField
    constants: Constants


def _prepare(
    name: str, x: Volume, y: Volume, data_range: Scalar, mask: VolumeMask | None, given: WindowOptions
) -> Slabs:
    options = take_options(name, SSIMDefaults, given, WindowOptions.__annotations__)
    options.check(name)
    pair = _volume_pair(name, x, y, mask)
    taps, border, shape = options.taps, options.border, pair.x.shape
    size = len(taps)
    if border == "valid" and min(shape[-4:-1]) < size:
        expected = f"volumes of at least {size} x {size} x {size} voxels for a window of {size}"
        way_out = "Use a smaller window_size, or another border; channels go last."
        raise ValueError(error_text(name, expected, shape, way_out))
    constants = make_constants(name, data_range, options.k1, options.k2, pair.x.dtype, options.unbias(axes=3))
    maps = [_slabs(z, size, border) for z in (pair.x, pair.y)]
    if pair.mask is not None:
        maps.append(_slabs(jnp.broadcast_to(pair.mask[..., None], shape), size, border, fill=1.0))
    *_, height, width, channels = shape
    margin = 0 if border == "valid" else size - 1
    field = VolumeField(taps, (height + margin, width + margin, channels))
    return Slabs(tuple(maps), shape, border == "valid", field, constants)


def _slabs(volume: Array, size: int, border: str, *, fill: float = 0.0) -> Array:
    """`[n, D, H * W * C]`, extended along all axes so that a valid filter returns their size."""
    wide = extend_border(volume, size, size, border, fill=fill)
    *leading, depth, height, width, channels = wide.shape
    lines = wide.reshape(*leading, depth, height * width, channels)
    return merge_channels(extend_border(lines, size, 1, border, fill=fill))


def _volume_pair(name: str, x: Volume, y: Volume, mask: VolumeMask | None) -> Pair:
    pair = masked_pair(name, x, y, mask)
    if pair.x.ndim < 4:
        way_out = "Give gray volumes a channel axis: volume[..., None]."
        raise ValueError(error_text(name, "x and y of shape [..., D, H, W, C]", pair.x.shape, way_out))
    return pair
