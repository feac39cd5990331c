"""Pooling: the step from one scale of an image to the next."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._checks import check_choice, check_image, error_text
from .._types import Array, Image, Map
from ._filters import repeat_pixels


def _extend_symmetric(image: Array, factor: int) -> Array:
    margin = ((factor - 1) // 2, factor // 2)
    return _pad(image, margin, margin, mode="symmetric")


def _extend_replicate(image: Array, factor: int) -> Array:
    height, width = image.shape[-3:-1]
    margin = (max(-height % factor, -width % factor), 0)
    return repeat_pixels(image, margin, margin)


def _extend_zero(image: Array, factor: int) -> Array:
    height, width = image.shape[-3:-1]
    rows, columns = -height % factor, -width % factor
    return _pad(image, (rows, rows), (columns, columns), mode="constant")


def _extend_zero_after(image: Array, factor: int) -> Array:
    before = (factor - 1) // 2
    rows, columns = ((before, max(0, -side % factor - before)) for side in image.shape[-3:-1])
    return _pad(image, rows, columns, mode="constant")


# Largest side of the matrix that pools a block of neighboring cells of a row.
BLOCK = 64

# What happens to rows and columns that do not fill a cell: each is what some library does.
ODD_SIZES = {
    "symmetric": _extend_symmetric,  # mirror the border: MATLAB's imfilter followed by [::factor], TensorFlow
    "drop": lambda image, factor: image,  # leave them out: torchmetrics, piq's SSIM
    "replicate": _extend_replicate,  # repeat the first row and column, of both axes when either is odd: piq's MS-SSIM
    "zero": _extend_zero,  # surround with zeros that count: pytorch-msssim
    "zero_after": _extend_zero_after,  # zeros that count, around centered cells: MATLAB's conv2 followed by [::factor]
}


def average_pool(image: Image, *, factor: int = 2, odd: str = "symmetric") -> Map:
    """Mean over cells of `factor` x `factor` pixels.

    Args:
        image: `[..., H, W, C]`, floating.
        factor: Side of a cell in pixels, >= 1.
        odd: What to do when `factor` does not divide a side: `"symmetric"` mirrors the border (Wang et al.'s MATLAB
            code, TensorFlow), `"drop"` leaves the last pixels out (torchmetrics), `"replicate"` repeats the first row
            and column (piq), `"zero"` surrounds with zeros that count (pytorch-msssim), `"zero_after"` puts them beyond
            the last row and column (MATLAB's `conv2`). All agree on even sizes and a factor of 2; beyond a factor of 2
            the cells of `"symmetric"` and of `"zero_after"` are centered on every factor-th pixel.

    Returns:
        `[..., ceil(H / factor), ceil(W / factor), C]`, with `"drop"` the floor; the range of the input.

    Raises:
        ValueError: For an unknown `odd`, or a factor below 1.
        TypeError: For integer images.

    Gradient:
        Linear: each pixel receives `1 / factor**2` of its cell's.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> print(jaxloss.ops.average_pool(jnp.arange(12.0).reshape(2, 6, 1))[..., 0])
        [[3.5 5.5 7.5]]
    """
    image = check_image("average_pool", "image", image)
    check_choice("average_pool", "odd", odd, ODD_SIZES)
    if factor < 1:
        raise ValueError(error_text("average_pool", "factor >= 1", factor, "1 leaves the image as it is."))
    image = jnp.asarray(ODD_SIZES[odd](image, factor))
    height, width = image.shape[-3] // factor, image.shape[-2] // factor
    image = image[..., : height * factor, : width * factor, :]
    cells = average_cells_p.bind(image.reshape(-1, *image.shape[-3:]), factor=factor, spread=False)
    return cells.reshape(*image.shape[:-3], *cells.shape[1:])


def pool_windows(image: Array, factor: int) -> Array:
    """Elsewhere than on a CPU, where XLA's windowed sums are slow."""
    cells = (1, factor, factor, 1)
    return lax.reduce_window(image, 0.0, lax.add, cells, cells, "VALID") / factor**2


def pool_planes(image: Array, factor: int) -> Array:
    """On a TPU, which would hold images of three channels padded to 128 of them."""
    cells = (1, 1, factor, factor)
    pooled = lax.reduce_window(jnp.moveaxis(image, -1, 1), 0.0, lax.add, cells, cells, "VALID") / factor**2
    return jnp.moveaxis(pooled, 1, -1)


def _pool_rows(image: Array, factor: int) -> Array:
    *leading, height, width, channels = image.shape
    # One axis at a time: under an explicit mesh a reshape may not merge two and split another.
    lines = image.reshape(*leading, height, width * channels)
    lines = lines.reshape(*leading, height // factor, factor, width * channels)
    total = functools.reduce(jnp.add, (lines[..., i, :] for i in range(factor)))
    return (total / factor).reshape(*leading, height // factor, width, channels)


def _pool_columns(image: Array, factor: int) -> Array:
    *leading, height, width, channels = image.shape
    width //= factor
    if channels * factor > BLOCK:
        cells = image.reshape(*leading, height, width, factor, channels)
        return functools.reduce(jnp.add, (cells[..., i, :] for i in range(factor))) / factor
    # Loops over an innermost axis of three channels are slow, and fused across scales they would compute the gradients
    # of the coarse scales anew at each fine pixel. A product with a small matrix does neither.
    count = max(n for n in range(1, BLOCK // (channels * factor) + 1) if width % n == 0)
    pool = np.kron(np.kron(np.eye(count), np.full((factor, 1), 1 / factor)), np.eye(channels))
    blocks = image.reshape(*leading, height, width * factor * channels)
    blocks = blocks.reshape(*leading, height, width // count, count * factor * channels)
    pooled = jnp.matmul(blocks, pool.astype(image.dtype), precision=lax.Precision.HIGHEST)
    return pooled.reshape(*leading, height, width * channels).reshape(*leading, height, width, channels)


def pooled_size(size: int, other: int, odd: str) -> int:
    """Length of a side after pooling by 2, where `other` is the other side."""
    if odd == "replicate":
        return (size + max(size % 2, other % 2)) // 2
    return size // 2 if odd == "drop" else -(-size // 2)


def _pad(image: Array, rows: tuple[int, int], columns: tuple[int, int], *, mode: str) -> Array:
    if rows == columns == (0, 0):
        return image
    return jnp.pad(image, [(0, 0)] * (image.ndim - 3) + [rows, columns, (0, 0)], mode=mode)


# Means over cells of `[n, H, W, C]`, or (`spread`) the adjoint. It is a primitive so that the form is chosen when the
# platform is known.
average_cells_p = Primitive("average_cells")


def _lower(pool: Callable[[Array, int], Array], platform: str | None = None) -> None:
    def implementation(image: Array, *, factor: int, spread: bool) -> Array:
        if not spread:
            return pool(image, factor)
        n, height, width, channels = image.shape
        pooled = jax.typeof(image).update(shape=(n, height * factor, width * factor, channels))
        (shares,) = jax.linear_transpose(lambda z: pool(z, factor), pooled)(image)
        return shares

    mlir.register_lowering(average_cells_p, mlir.lower_fun(implementation, multiple_results=False), platform)


def _abstract(image, *, factor: int, spread: bool):
    n, height, width, channels = image.shape
    height, width = (side * factor if spread else side // factor for side in (height, width))
    return image.update(shape=(n, height, width, channels), weak_type=False)


def _transpose(cotangent, image, *, factor: int, spread: bool):
    return [average_cells_p.bind(cotangent, factor=factor, spread=not spread)]


def _batch(operands, axes, **params):
    (image,), (axis,) = operands, axes
    image = jnp.moveaxis(image, axis, 0)
    cells = average_cells_p.bind(image.reshape(-1, *image.shape[2:]), **params)
    return cells.reshape(*image.shape[:2], *cells.shape[1:]), 0


@functools.partial(jax.jit, static_argnames=("factor", "spread"))
def _evaluate(image: Array, **params) -> Array:
    return average_cells_p.bind(image, **params)


average_cells_p.def_impl(_evaluate)
average_cells_p.def_abstract_eval(_abstract)
_lower(pool_windows)
_lower(pool_planes, "tpu")
_lower(lambda image, factor: _pool_columns(_pool_rows(image, factor), factor), "cpu")
ad.deflinear2(average_cells_p, _transpose)
batching.primitive_batchers[average_cells_p] = _batch
