"""Separable filtering as one JAX primitive with its exact adjoint.

The primitive correlates maps `[n, height, width * channels]` with one window along the rows of an image and one along
its columns. It is linear, so its derivative in every mode and of every order is itself or its adjoint: plain autodiff
of whatever is built on it costs what a hand-written derivative costs, and needs no collective when `n` is sharded.

Channels ride along the row: a horizontal shift by one pixel is a shift by `channels` elements, and every load of a CPU
is a contiguous vector.

XLA would fuse the vertical pass into each tap of the horizontal one, 121 taps instead of 22. Where it fuses differs by
platform, and so does the form of the two passes, which are lowered when the platform is known:

* On a CPU all maps of one call go through one `stack` between the passes: a concatenation is what it does not fuse.
* On a GPU an optimization barrier is enough, and everything else is left to fuse: of an SSIM with its gradient each
  pass writes to memory what the next one reads, and nothing else does. Small windows are taken in one pass.
"""

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._checks import check_choice, check_fits, check_image, error_text
from .._types import Array, Image, Map


Taps = tuple[float, ...]
Window = Sequence[float] | np.ndarray


def gaussian_window(size: int, sigma: float) -> np.ndarray:
    """Samples of a Gaussian at the integers around its center, normalized to sum 1.

    Args:
        size: Number of taps; an even window is centered between two pixels.
        sigma: Standard deviation in pixels, > 0.

    Returns:
        `[size]`, float64 on the host: a window is a constant of the compiled function.

    Raises:
        ValueError: If the size is below 1 or sigma is not positive.

    Example:
        >>> import jaxloss
        >>> print(jaxloss.ops.gaussian_window(3, 1.0).round(4))
        [0.2741 0.4519 0.2741]
    """
    _check_size("gaussian_window", size)
    if not sigma > 0:
        raise ValueError(error_text("gaussian_window", "sigma > 0", sigma, "Wang et al. use 1.5."))
    offset = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offset**2) / (2 * float(sigma) ** 2))
    return weights / weights.sum()


def uniform_window(size: int) -> np.ndarray:
    """A window of equal weights with sum 1.

    Args:
        size: Number of taps.

    Returns:
        `[size]`, float64 on the host.

    Raises:
        ValueError: If the size is below 1.

    Example:
        >>> import jaxloss
        >>> print(jaxloss.ops.uniform_window(4))
        [0.25 0.25 0.25 0.25]
    """
    _check_size("uniform_window", size)
    return np.full(size, 1 / size)


def _check_size(name: str, size: int) -> None:
    if not size >= 1:
        raise ValueError(error_text(name, "size >= 1", size, "The size is the number of taps, 11 in Wang et al."))


# Up to so many taps the last pass is left to fuse with the arithmetic around it. Longer ones, of several windows, would
# make one loop so large that it is no longer vectorized: the gradient of the multi-sigma SSIM took twice as long.
MAX_FUSED_TAPS = 15

# Up to so many taps a GPU takes a window in one pass: more reads, but of a cache, and nothing written in between.
MAX_DIRECT_TAPS = 25

BORDERS = ("valid", "reflect", "zero")
GPUS = ("cuda", "rocm")


def separable_filter(
    image: Image, window: Window, column_window: Window | None = None, *, border: str = "valid"
) -> Map:
    """Correlate an image with a separable window: `window` down the rows, `column_window` along them.

    `out[i, j, c] = sum_{k, l} window[k] column_window[l] image[i + k, j + l, c]`

    Args:
        image: `[..., H, W, C]`, floating.
        window: `[K]` vertical taps.
        column_window: `[L]` horizontal taps; the vertical ones by default.
        border: `"valid"` keeps the pixels whose whole window lies in the image; `"reflect"` (mirrored without
            repeating the edge pixel) and `"zero"` first extend the image so that the size is kept.

    Returns:
        `[..., H - K + 1, W - L + 1, C]` for `"valid"`, else `[..., H, W, C]`; float32, or float64 if the image is.

    Raises:
        ValueError: For an unknown border, or an image smaller than the window.
        TypeError: For integer images.

    Gradient:
        The exact adjoint: full correlation with the flipped windows, folded back at the border.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> image = jnp.arange(16.0).reshape(4, 4, 1)
        >>> print(jaxloss.ops.separable_filter(image, [0.5, 0.5], [1.0])[..., 0])
        [[ 2.  3.  4.  5.]
         [ 6.  7.  8.  9.]
         [10. 11. 12. 13.]]
    """
    image = check_image("separable_filter", "image", image)
    rows = as_taps(window)
    columns = rows if column_window is None else as_taps(column_window)
    check_choice("separable_filter", "border", border, BORDERS)
    image = extend_border(image, len(rows), len(columns), border)
    check_fits("separable_filter", "the window", max(len(rows), len(columns)), image, "Use a smaller window.")
    (out,) = filter_maps([merge_channels(image)], rows, columns, step=image.shape[-1])
    return split_channels(out, image.shape)


def as_taps(window: Window) -> Taps:
    return tuple(float(tap) for tap in window)


def extend_border(image: Array, rows: int, columns: int, border: str, *, fill: float = 0.0) -> Map:
    """Extend an image so that a valid filter of `rows` x `columns` taps returns its size."""
    if border == "valid":
        return image
    margins = [((taps - 1) // 2, taps // 2) for taps in (rows, columns)]
    widths = [(0, 0)] * (image.ndim - 3) + [*margins, (0, 0)]
    if border == "reflect":
        return jnp.pad(image, widths, mode="reflect")
    return jnp.pad(image, widths, constant_values=fill)


def repeat_edges(maps: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    """Maps `[..., h, w]` with their outermost lines repeated, so often before and after.

    `jnp.pad` would slice the axes that it leaves alone, too, and these may be spread over devices.
    """
    for axis, (before, after) in ((maps.ndim - 2, rows), (maps.ndim - 1, columns)):
        first = lax.slice_in_dim(maps, 0, 1, axis=axis)
        last = lax.slice_in_dim(maps, maps.shape[axis] - 1, None, axis=axis)
        if before or after:
            maps = lax.concatenate([first] * before + [maps] + [last] * after, axis)
    return maps


def repeat_pixels(image: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    """An image `[..., H, W, C]` with its outermost rows and columns repeated, so often before and after."""
    wide = repeat_edges(image, columns, (0, 0))  # the lines of maps [W, C]
    *leading, height, width, channels = wide.shape
    high = repeat_edges(wide.reshape(*leading, height, width * channels), rows, (0, 0))
    return high.reshape(*high.shape[:-1], width, channels)


def merge_channels(image: Array) -> Array:
    """`[..., H, W, C]` to the layout of the primitive, `[n, H, W * C]`."""
    *leading, height, width, channels = image.shape
    # One after the other: merging both at once JAX cannot tell on an explicit mesh how the result is spread.
    return image.reshape(*leading, height, width * channels).reshape(math.prod(leading), height, width * channels)


def split_channels(maps: Array, shape: tuple[int, ...]) -> Map:
    """Back from `[n, h, w * C]`, with leading axes and channels as in `shape`."""
    _, height, width = maps.shape
    maps = maps.reshape(*shape[:-3], height, width)
    return maps.reshape(*shape[:-3], height, width // shape[-1], shape[-1])


def filter_maps(maps: Sequence[Array], rows: Taps, columns: Taps, *, step: int, full: bool = False) -> list[Array]:
    """Correlate maps `[n, h, w * step]` of one shape, within their border or (`full`) with its whole surroundings."""
    return separable_filter_p.bind(*maps, rows=rows, columns=columns, step=step, full=full)


separable_filter_p = Primitive("separable_filter")
separable_filter_p.multiple_results = True


def correlate(z: Array, taps: Taps, axis: int, step: int = 1) -> Array:
    return _weigh_shifts(z, taps, axis, step, lambda shift: shift)


def _weigh_shifts(z: Array, taps: Taps, axis: int, step: int, f: Callable[[Array], Array]) -> Array:
    """The sum of `tap * f(shift)`, in which a tap multiplies all its shifts at once, such as those of both sides."""
    # In lax: jnp's operators are functions under jit of their own, and there are hundreds of them in a program.
    size = z.shape[axis] - (len(taps) - 1) * step
    shifts: dict[float, list[Array]] = {}
    for i, tap in enumerate(taps):
        shifts.setdefault(tap, []).append(f(lax.slice_in_dim(z, i * step, i * step + size, axis=axis)))
    weighted = (lax.mul(z.dtype.type(tap), functools.reduce(lax.add, alike)) for tap, alike in shifts.items())
    return functools.reduce(lax.add, weighted)


def _surround(z: Array, axis: int, size: int) -> Array:
    zeros = jnp.zeros_like(lax.slice_in_dim(z, 0, 1, axis=axis))
    zeros = lax.broadcast_in_dim(zeros, (*z.shape[:axis], size, *z.shape[axis + 1 :]), tuple(range(z.ndim)))
    return lax.concatenate([zeros, z, zeros], axis)


def _correlate_apart(z: Array, taps: Taps, axis: int, step: int = 1) -> Array:
    """The same in a loop of its own: XLA fuses nothing across a concatenation of halves along the last axis."""
    reach = (len(taps) - 1) * step if axis == z.ndim - 1 else 0
    width = z.shape[-1] - reach
    halves = z[..., : width // 2 + reach], z[..., width // 2 :]
    return lax.concatenate([correlate(half, taps, axis, step) for half in halves], z.ndim - 1)


def _correlate_valid(maps: Sequence[Array], rows: Taps, columns: Taps, step: int) -> list[Array]:
    vertical = jnp.stack([correlate(z, rows, 1) for z in maps])
    if len(columns) <= MAX_FUSED_TAPS:
        return list(correlate(vertical, columns, 3, step))
    return list(_correlate_apart(vertical, columns, 3, step))


def _correlate_full(maps: Sequence[Array], rows: Taps, columns: Taps, step: int) -> list[Array]:
    # The maps are stacked row by row, not one after the other: XLA splits the outer axes over the cores.
    # Concatenated zeros before the first pass and padded ones before the second: as a pad, the first would become a
    # condition per tap; as a concatenation, the second would cost a copy of its own.
    surrounded = jnp.stack([_surround(z, 2, (len(columns) - 1) * step) for z in maps], axis=2)
    margin = len(rows) - 1
    horizontal = jnp.pad(correlate(surrounded, columns, 3, step), ((0, 0), (margin, margin), (0, 0), (0, 0)))
    vertically = correlate if len(rows) <= MAX_FUSED_TAPS else _correlate_apart
    return [vertically(horizontal[:, :, i], rows, 1) for i in range(len(maps))]


def _implementation(*maps: Array, rows: Taps, columns: Taps, step: int, full: bool) -> list[Array]:
    return (_correlate_full if full else _correlate_valid)(maps, rows, columns, step)


def on_gpu(*maps: Array, rows: Taps, columns: Taps, step: int, full: bool) -> list[Array]:
    if len(rows) * len(columns) <= MAX_DIRECT_TAPS:
        return [_correlate_directly(z, rows, columns, step, full) for z in maps]
    if not full:
        vertical = lax.optimization_barrier([correlate(z, rows, 1) for z in maps])
        return [correlate(z, columns, 2, step) for z in vertical]
    around, above = (len(columns) - 1) * step, len(rows) - 1
    maps = lax.optimization_barrier(maps)  # the arithmetic before would be done anew for each tap
    padded = [jnp.pad(z, ((0, 0), (0, 0), (around, around))) for z in maps]
    horizontal = lax.optimization_barrier([correlate(z, columns, 2, step) for z in padded])
    return [correlate(jnp.pad(z, ((0, 0), (above, above), (0, 0))), rows, 1) for z in horizontal]


def _correlate_directly(z: Array, rows: Taps, columns: Taps, step: int, full: bool) -> Array:
    if full:
        around, above = (len(columns) - 1) * step, len(rows) - 1
        z = lax.optimization_barrier(z)  # the arithmetic before would be done anew for each tap
        z = jnp.pad(z, ((0, 0), (above, above), (around, around)))
    return _weigh_shifts(z, rows, 1, 1, lambda lines: correlate(lines, columns, 2, step))


def abstract_filters(*maps, rows: Taps, columns: Taps, step: int, full: bool):
    sign = 1 if full else -1
    height, width = sign * (len(rows) - 1), sign * (len(columns) - 1) * step
    # `update` keeps the sharding and the varying manual axes of the input: explicit meshes and shard_map need them.
    return [z.update(shape=(z.shape[0], z.shape[1] + height, z.shape[2] + width), weak_type=False) for z in maps]


def filter_some(operands: Sequence, present: Sequence[bool], **params) -> list:
    """The outputs for the present operands, and None for the others: a filter of zero is zero."""
    outputs = iter(separable_filter_p.bind(*(z for z, p in zip(operands, present, strict=True) if p), **params))
    return [next(outputs) if p else None for p in present]


def _jvp(primals, tangents, **params):
    outputs = separable_filter_p.bind(*primals, **params)
    present = [not isinstance(t, ad.Zero) for t in tangents]
    zeros = [ad.Zero(jax.typeof(out).to_tangent_aval()) for out in outputs]
    filtered = filter_some(tangents, present, **params)
    return outputs, [zero if t is None else t for t, zero in zip(filtered, zeros, strict=True)]


def _transpose(cotangents, *operands, rows: Taps, columns: Taps, step: int, full: bool):
    present = [not isinstance(ct, ad.Zero) for ct in cotangents]
    if not any(present):
        return [ad.Zero(z.aval) for z in operands]
    filtered = filter_some(cotangents, present, rows=rows[::-1], columns=columns[::-1], step=step, full=not full)
    return [ad.Zero(z.aval) if ct is None else ct for ct, z in zip(filtered, operands, strict=True)]


def _batch(operands, axes, **params):
    """Merge the mapped axis into the leading one; maps that are not mapped over are filtered once."""
    mapped = [axis is not None for axis in axes]
    moved = [z if axis is None else jnp.moveaxis(z, axis, 0) for z, axis in zip(operands, axes, strict=True)]
    merged = [z.reshape(math.prod(z.shape[:-2]), *z.shape[-2:]) for z in moved]
    if all(mapped):
        outputs = separable_filter_p.bind(*merged, **params)
    else:
        over = filter_some(merged, mapped, **params)
        once = filter_some(merged, [not m for m in mapped], **params)
        outputs = [b if a is None else a for a, b in zip(over, once, strict=True)]
    # z.shape[:-2] is (mapped axis, n) for a mapped operand, and (n,) for the others.
    split = [out.reshape(*z.shape[:-2], *out.shape[1:]) for out, z in zip(outputs, moved, strict=True)]
    return split, [0 if m else None for m in mapped]


@functools.partial(jax.jit, static_argnames=("rows", "columns", "step", "full"))
def _evaluate(*maps: Array, **params) -> list[Array]:
    return separable_filter_p.bind(*maps, **params)


separable_filter_p.def_impl(_evaluate)
separable_filter_p.def_abstract_eval(abstract_filters)
mlir.register_lowering(separable_filter_p, mlir.lower_fun(_implementation, multiple_results=True))
for platform in GPUS:
    mlir.register_lowering(separable_filter_p, mlir.lower_fun(on_gpu, multiple_results=True), platform)
ad.primitive_jvps[separable_filter_p] = _jvp
ad.primitive_transposes[separable_filter_p] = _transpose
batching.primitive_batchers[separable_filter_p] = _batch
