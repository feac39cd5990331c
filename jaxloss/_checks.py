"""The few argument checks: what was expected, what came, and the way out, at trace time."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from ._types import Array, ArrayLike, Image, Mask, Scalar


NUMBERS = (int, float, np.number)

Options = TypeVar("Options")


def error_text(name: str, expected: str, got: object, way_out: str) -> str:
    return f"{name}: expected {expected}, got {got}. {way_out}"


def check_image(name: str, argument: str, image: Image) -> Array:
    """The image as a float32 (or, if it came so, float64) array of shape [..., height, width, channels]."""
    image = jnp.asarray(image)
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(
            error_text(
                name,
                f"{argument} of a floating dtype",
                image.dtype,
                "Convert integer images with jaxloss.ops.to_float, and pass data_range=1.0 where it is asked for.",
            )
        )
    if image.ndim < 3 or 0 in image.shape[-3:]:
        raise ValueError(
            error_text(
                name,
                f"{argument} of shape [..., H, W, C] without empty axes",
                image.shape,
                "Give gray images a channel axis: image[..., None].",
            )
        )
    # Statistics of half-precision images are float32: E[x²] - µ² cancels in 8 or 11 bits of mantissa.
    return image if image.dtype == jnp.float64 else image.astype(jnp.float32)


def check_pair(name: str, x: Image, y: Image) -> tuple[Array, Array]:
    """Two images of equal shape, in one dtype."""
    x, y = check_image(name, "x", x), check_image(name, "y", y)
    if x.shape != y.shape:
        raise ValueError(
            error_text(
                name,
                "x and y of equal shape [..., H, W, C]",
                f"{x.shape} and {y.shape}",
                "Channels go last: jnp.moveaxis(y, -3, -1). One reference for a batch: jnp.broadcast_to(y, x.shape).",
            )
        )
    dtype = max(x.dtype, y.dtype, key=lambda dtype: dtype.itemsize)
    return x.astype(dtype), y.astype(dtype)


def check_mask(name: str, mask: Mask, image: Array) -> Array:
    """The mask of each image, `[..., H, W]`, in the dtype of the images; one `[H, W]` serves a batch."""
    mask = jnp.asarray(mask)
    shape = image.shape[:-1]
    if not 2 <= mask.ndim <= len(shape) or mask.shape != shape[len(shape) - mask.ndim :]:
        raise ValueError(
            error_text(
                name,
                f"mask of shape [..., H, W] = {shape} or {shape[-2:]}",
                mask.shape,
                "A mask has no channel axis: mask[..., 0].",
            )
        )
    if mask.dtype != jnp.bool_ and not jnp.issubdtype(mask.dtype, jnp.floating):
        raise TypeError(
            error_text(name, "mask of dtype bool or floating", mask.dtype, "Use mask > 0, or mask.astype(jnp.float32).")
        )
    # Adding zeros of the image spreads a shared mask over devices as the images are.
    return jnp.broadcast_to(mask.astype(image.dtype), shape) + jnp.zeros_like(image[..., 0])


def blank(image: Array, mask: Mask) -> Array:
    """The image with 0 wherever the mask is 0.

    Not `mask * image`: a pixel that does not count may be NaN, and 0 * NaN is NaN, in the gradient too.
    """
    return jnp.where(jnp.asarray(mask)[..., None] > 0, image, jnp.zeros_like(image))


class Pair(NamedTuple):
    """Two images as a metric wants them: checked, of one dtype, blank where they do not count."""

    x: Array
    y: Array
    mask: Array | None  # [..., H, W]


def masked_pair(name: str, x: Image, y: Image, mask: Mask | None) -> Pair:
    x, y = check_pair(name, x, y)
    if mask is None:
        return Pair(x, y, None)
    mask = check_mask(name, mask, x)
    return Pair(blank(x, mask), blank(y, mask), mask)


def check_positive(name: str, argument: str, value: Scalar) -> None:
    """A static number must be positive and finite; a traced one cannot be looked at."""
    if isinstance(value, NUMBERS) and not (value > 0 and math.isfinite(value)):
        way_out = _POSITIVE_HELP.get(argument, "Choose a larger value.")
        raise ValueError(error_text(name, f"{argument} > 0", value, way_out))


def as_scalar(value: Scalar, dtype: DTypeLike) -> Scalar:
    """A number as it is; a traced or device scalar in the dtype of the images."""
    return float(value) if isinstance(value, NUMBERS) else jnp.asarray(value, dtype)


def one_dtype(name: str, *values: ArrayLike) -> list[Array]:
    """Arrays of float64 if any is, else of float32; plain numbers have no say, as everywhere in JAX."""
    arrays = [jnp.asarray(value) for value in values]
    for array in arrays:
        if not (jnp.issubdtype(array.dtype, jnp.floating) or array.weak_type):
            way_out = "Convert with jnp.asarray(x, jnp.float32)."
            raise TypeError(error_text(name, "arrays of a floating dtype", array.dtype, way_out))
    dtypes = {array.dtype for array in arrays if not array.weak_type} or {jnp.result_type(float)}
    dtype = jnp.float64 if jnp.dtype("float64") in dtypes else jnp.float32
    return [array.astype(dtype) for array in arrays]


_POSITIVE_HELP = {
    "data_range": "It is the largest minus the smallest possible pixel value: 1.0 for [0, 1], 255.0 for [0, 255].",
    "k1": "It keeps the division defined where both images are black; Wang et al. use 0.01.",
    "k2": "It keeps the division defined where both images are flat; Wang et al. use 0.03.",
}


def check_choice(name: str, argument: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise ValueError(error_text(name, f"{argument} one of {sorted(choices)}", repr(value), "Choose one of these."))


def suggestion(name: str, choices: Collection[str]) -> str:
    """The way out where a name is unknown."""
    close = get_close_matches(name, choices, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(choices)}."


def take_options(
    name: str, kind: Callable[..., Options], given: Mapping[str, object], known: Collection[str] = ()
) -> Options:
    """A family's typed tuple of defaults with what the caller gave instead, out of all or of those that are known."""
    known = list(known or inspect.signature(kind).parameters)
    for option in given:
        if option not in known:
            raise TypeError(error_text(name, f"options out of {known}", repr(option), suggestion(option, known)))
    return kind(**given)


def check_fits(name: str, what: str, needed: int, image: Array | jax.ShapeDtypeStruct, way_out: str) -> None:
    """Both sides of the image must be at least `needed` pixels long."""
    height, width, channels = image.shape[-3:]
    if min(height, width) >= needed:
        return
    if height in (1, 3, 4) and channels > 4:
        way_out = "Channels go last: jnp.moveaxis(image, -3, -1)."
    expected = f"images of at least {needed} x {needed} pixels for {what}"
    raise ValueError(error_text(name, expected, image.shape, way_out))
