"""Resizing as PIL, torch, TensorFlow 1 and MATLAB do it: rows of one table, planned in NumPy."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from .._checks import check_choice, check_image, error_text
from .._types import Array, Image, Map
from ._resample import resample


class Kernel(NamedTuple):
    weigh: Callable[[np.ndarray], np.ndarray]  # of the distances of old pixels from a new one
    reach: float  # beyond which it is 0


class Resizing(NamedTuple):
    """What libraries disagree about.

    Attributes:
        kernel: How much an old pixel counts.
        antialias: Whether the kernel is stretched to the distance of the new pixels where that is larger.
        grid: Where new pixels lie: the areas of all of them are the image (`"areas"`), or the outermost lie on the
            outermost (`"corners"`), or the first on the first (`"first"`).
        border: What is beyond it: nothing (`"none"`), the last pixel (`"edge"`), or the image mirrored (`"mirror"`).
        single: Whether places are computed in the dtype of the image, and not always in float64.
    """

    kernel: Kernel
    antialias: bool = True
    grid: str = "areas"
    border: str = "none"
    single: bool = False


def _cubic(a: float) -> Kernel:
    """Keys's."""

    def weigh(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        outer = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
        return np.where(x <= 1, (a + 2) * x**3 - (a + 3) * x**2 + 1, np.where(x < 2, outer, 0))

    return Kernel(weigh, 2)


def _lanczos(lobes: int) -> Kernel:
    return Kernel(lambda x: np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0), lobes)


BOX = Kernel(lambda x: ((x > -0.5) & (x <= 0.5)).astype(x.dtype), 0.5)
LINEAR = Kernel(lambda x: np.maximum(1 - np.abs(x), 0), 1)
HAMMING = Kernel(lambda x: np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0), 1)
CUBIC, STEEP_CUBIC = _cubic(-0.5), _cubic(-0.75)
LANCZOS = _lanczos(3)

PIL = {"box": BOX, "bilinear": LINEAR, "hamming": HAMMING, "bicubic": CUBIC, "lanczos": LANCZOS}
TORCH = {"bilinear": LINEAR, "bicubic": STEEP_CUBIC}
METHODS: dict[str, Resizing] = {
    **{f"pil_{name}": Resizing(kernel) for name, kernel in PIL.items()},
    **{f"torch_{name}": Resizing(row, False, "areas", "edge", True) for name, row in TORCH.items()},
    **{f"torch_{name}_align_corners": Resizing(row, False, "corners", "edge", True) for name, row in TORCH.items()},
    "torch_bilinear_antialias": Resizing(LINEAR, single=True),
    "torch_bicubic_antialias": Resizing(CUBIC, single=True),  # less steep than without
    "tf1_bilinear": Resizing(LINEAR, False, "first", "edge", True),
    "matlab_bilinear": Resizing(LINEAR, border="mirror"),
    "matlab_bicubic": Resizing(CUBIC, border="mirror"),
    "matlab_lanczos3": Resizing(LANCZOS, border="mirror"),
}


def resize(x: Image, *, size: tuple[int, int], method: str, eight_bits: bool = False) -> Map:
    """Image of another size, with the numbers of another library.

    Args:
        x: Image.
        size: Height and width to resize to.
        method: `"pil_box"`, `"pil_bilinear"`, `"pil_hamming"`, `"pil_bicubic"` or `"pil_lanczos"`, of `Image.resize` of
            images in float (mode F); `"torch_bilinear"` or `"torch_bicubic"`, of `torch.nn.functional.interpolate`, or
            with `"_align_corners"` or `"_antialias"` behind it; `"tf1_bilinear"`, of `tf.compat.v1.image`;
            `"matlab_bilinear"`, `"matlab_bicubic"` or `"matlab_lanczos3"`, of `imresize`.
        eight_bits: Of PIL's: as it treats images of 8 bits, whole numbers in [0, 255], which are rounded and clipped
            along rows and then along columns; newer versions of PIL may begin with the columns.

    Returns:
        `[..., *size, C]`, float32, or float64 if the image is.

    Raises:
        ValueError: Also for an unknown method, or sizes that are not positive.

    Gradient:
        The transpose; with `eight_bits` as if nothing were rounded.

    Example:
        >>> import numpy as np, jaxloss
        >>> x = np.arange(4, dtype=np.float32).reshape(1, 4, 1)
        >>> print(jaxloss.ops.resize(x, size=(1, 2), method="torch_bilinear")[0, :, 0])
        [0.5 2.5]
    """
    name = "resize"
    x = check_image(name, "x", x)
    check_choice(name, "method", method, METHODS)
    if min(size) < 1:
        raise ValueError(error_text(name, "size of two positive numbers", size, "It is (height, width)."))
    if eight_bits and not method.startswith("pil_"):
        raise ValueError(error_text(name, "eight_bits with a method of PIL", repr(method), "Leave it out, and round."))
    planes = jnp.moveaxis(x, -1, -3)
    planes = resize_planes(planes, size, method, along=_resample_in_8_bits if eight_bits else resample)
    return jnp.moveaxis(planes, -3, -1)


# PIL's weights of 8-bit images are whole numbers of 2^-22. Split in two, their sums of products are exact in float32.
FIXED_BITS, LOWER_BITS = 22, 11


def _resample_in_8_bits(matrix: np.ndarray, planes: Array, axis: int) -> Array:
    """`resample` of whole numbers in [0, 255], rounded and clipped."""
    fixed = np.trunc(matrix * 2**FIXED_BITS + np.copysign(0.5, matrix))
    upper = np.round(fixed / 2**LOWER_BITS)
    levels = lax.stop_gradient(jnp.round(planes))
    high, low = (resample(part, levels, axis).astype(jnp.int32) for part in (upper, fixed - upper * 2**LOWER_BITS))
    half = 2 ** (FIXED_BITS - 1)
    exact = jnp.clip((high * 2**LOWER_BITS + low + half) >> FIXED_BITS, 0, 255).astype(planes.dtype)
    smooth = jnp.clip(resample(matrix, planes, axis), 0, 255)
    return exact + (smooth - lax.stop_gradient(smooth))


Resample = Callable[[np.ndarray, Array, int], Array]  # a matrix times planes along one axis


def resize_planes(
    planes: Array, size: tuple[int, int], method: str, *, scale: float | None = None, along: Resample = resample
) -> Array:
    """`[..., H, W]` to `[..., *size]`; `scale` is that of a pixel, where it is not the ratio of the sizes."""
    # Where PIL rounds in between, it matters that it goes along the rows first; a CPU is faster the other way round.
    for axis in (-2, -1) if along is resample else (-1, -2):
        old, new = planes.shape[axis], size[axis]
        matrix = resize_matrix(old, new, METHODS[method], scale=scale, dtype=planes.dtype)
        planes = planes if _is_identity(matrix) else along(matrix, planes, axis)
    return planes


def _is_identity(matrix: np.ndarray) -> bool:
    return np.array_equal(matrix, np.eye(len(matrix)))


def resize_matrix(
    size: int, new: int, row: Resizing, *, scale: float | None = None, dtype: DTypeLike = np.float64
) -> np.ndarray:
    """How each of `new` pixels is made of `size` ones, `[new, size]`."""
    number = np.dtype(dtype if row.single else np.float64).type
    step = number(size) / number(new) if scale is None else number(1 / scale)
    stretch = max(number(1), step) if row.antialias else number(1)
    index = np.arange(new, dtype=number)[:, None]
    match row.grid:
        case "areas":
            wide = number if row.antialias else np.float64  # torch rounds the product and the difference at once
            centers = ((index + number(0.5)) * wide(step) - number(0.5)).astype(number)
        case "corners":
            centers = index * (number(size - 1) / number(max(new - 1, 1)))
        case _:
            centers = index * step
    reach = row.kernel.reach * float(stretch)
    taps = np.floor(centers - reach) + np.arange(math.ceil(2 * reach) + 2, dtype=number)
    weights = row.kernel.weigh((taps - centers) * (1 / stretch))
    sources = taps.astype(int)
    match row.border:
        case "none":  # and of pixels on the very edge of the kernel, those that PIL takes
            first, end = (np.floor(centers + side * reach + 1) for side in (-1, 1))
            weights = np.where((taps >= np.maximum(first, 0)) & (taps < np.minimum(end, size)), weights, 0)
        case "mirror":  # pixels beyond the border are those before it, in reverse
            sources = np.mod(sources, 2 * size)
            sources = np.where(sources < size, sources, 2 * size - 1 - sources)
    matrix = np.zeros((new, size), number)
    np.add.at(matrix, (np.broadcast_to(np.arange(new)[:, None], sources.shape), sources.clip(0, size - 1)), weights)
    return matrix / matrix.sum(axis=1, keepdims=True)


def halve_bicubic(planes: Array) -> Array:
    """`[..., H, W]` to `[..., ceil(H / 2), ceil(W / 2)]`: MATLAB's `imresize(planes, 0.5)`, mirrored at the border."""
    height, width = planes.shape[-2:]
    return resize_planes(planes, (-(-height // 2), -(-width // 2)), "matlab_bicubic", scale=0.5)
