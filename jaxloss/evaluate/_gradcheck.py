"""The derivatives of SSIM and its multi-scale forms, computed in four ways and held against each other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_pair, error_text
from .._files import InputError
from .._types import Array, ArrayLike
from ..closed_forms._images import ms_ssim_gradient, multi_sigma_ssim_gradient, ssim_gradient
from ..images import ImageFile, check_comparable, distort, sample_photograph
from ..registry import METRICS
from ._compare import shape_notes
from ._derivatives import (
    closed_form,
    finite_differences,
    forward_mode,
    random_directions,
    relative_error,
    reverse_mode,
    steepest_pixels,
)


CLOSED_FORMS: dict[str, Callable[..., jax.Array]] = {
    "ssim": ssim_gradient,
    "multi_sigma_ssim": multi_sigma_ssim_gradient,
    "ms_ssim": ms_ssim_gradient,
}
TOLERANCES = {
    "float64": {"forward": 1e-10, "closed form": 1e-10, "finite differences": 1e-6},
    "float32": {"reverse": 5e-4, "forward": 5e-4, "closed form": 5e-4},
}
_LARGEST = 256  # pixels a side of what is checked: thousands of derivatives, in seconds
_RANDOM, _PIXELS = 6, 4  # directions along which derivatives are compared
_RANDOM_STEP, _PIXEL_STEP = 1e-4, 5e-4  # of the finite differences, for values in [0, 1]


class GradientCheck(NamedTuple):
    """How far several ways to a gradient lie apart.

    Attributes:
        metric: Name in the registry.
        dtype: Precision of all ways but the yardstick: `"float64"` or `"float32"`.
        errors: Way to its largest deviation from the yardstick, reverse mode in float64, relative to the largest
            derivative there: `"reverse"`, `"forward"`, `"closed form"`, and `"finite differences"` in float64.
    """

    metric: str
    dtype: str
    errors: dict[str, float]

    @property
    def failures(self) -> tuple[str, ...]:
        """The ways whose error is above the tolerance, or NaN."""
        limits = TOLERANCES[self.dtype]
        return tuple(way for way, error in self.errors.items() if not error <= limits[way])


def gradient_pair(files: Sequence[ImageFile]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The images for `check_gradients`: a pair, one image and a noisy copy of it, or the sample photograph and one.

    Args:
        files: None, one (the reference), or two (the image under test and its reference).

    Returns:
        The image under test and the reference, `[H, W, C]`, at most 256 pixels a side, and notes on what was done.

    Raises:
        InputError: If the images do not match, are too small, or are more than two.

    Example:
        >>> from jaxloss.evaluate import gradient_pair
        >>> x, y, notes = gradient_pair([])
        >>> print(x.shape, notes)
        (256, 256, 3) ()
    """
    if len(files) > 2:
        raise InputError(f"expected at most 2 images, got {len(files)}: the image under test and its reference.")
    if len(files) == 2:
        check_comparable(files[1], files[0])
        x, y = files[0].pixels, files[1].pixels
    else:
        y = files[0].pixels if files else sample_photograph()
        x = distort(y, "white noise")
    height, width = y.shape[:2]
    notes = []
    if max(height, width) > _LARGEST:
        x, y = _center(x), _center(y)
        notes.append(f"the central {y.shape[1]} x {y.shape[0]} pixels of {width} x {height} are checked.")
    metrics = [METRICS[name] for name in CLOSED_FORMS]
    missing = shape_notes(metrics, y.shape)
    if len(missing) == len(metrics):
        least = min(row.smallest for row in metrics)
        raise InputError(f"expected images of at least {least} x {least} pixels, got {width} x {height}.")
    return x, y, (*notes, *missing)


def _center(image: np.ndarray) -> np.ndarray:
    top, left = (max(0, length - _LARGEST) // 2 for length in image.shape[:2])
    return image[top : top + _LARGEST, left : left + _LARGEST]


def check_gradients(x: ArrayLike, y: ArrayLike) -> list[GradientCheck]:
    """Compare four ways to the gradients of SSIM, multi-sigma SSIM and MS-SSIM with respect to the image under test.

    Reverse mode and the closed forms give whole gradients. Forward mode and finite differences (central, of fourth
    order, in float64) give derivatives along random directions and at the most sensitive pixels.

    Args:
        x: Image under test, `[H, W, C]`, floating, values in [0, 1].
        y: Reference, same shape.

    Returns:
        One `GradientCheck` for each metric that the image is large enough for, in float64 and in float32.

    Raises:
        ValueError: If the shapes differ, are not `[H, W, C]`, or are too small for all.
        TypeError: For integer images.

    Example:
        >>> from jaxloss.evaluate import check_gradients
        >>> from jaxloss.images import sample_photograph
        >>> y = sample_photograph()[100:124, 100:124]
        >>> for check in check_gradients(0.9 * y, y):
        ...     print(check.metric, check.dtype, check.failures)
        ssim float64 ()
        ssim float32 ()
    """
    images = np.asarray(x, np.float64), np.asarray(y, np.float64)
    shape = check_pair("check_gradients", jnp.asarray(x), jnp.asarray(y))[0].shape
    fitting = [name for name in CLOSED_FORMS if min(shape[:2]) >= METRICS[name].smallest]
    if len(shape) != 3 or not fitting:
        way_out = "Give one pair of images; SSIM alone needs 11 x 11 pixels."
        raise ValueError(error_text("check_gradients", "images [H, W, C] of a sufficient size", shape, way_out))
    with ThreadPoolExecutor() as pool:  # Nearly all the time goes into compiling, which uses one core a function.
        return [check for checks in pool.map(lambda name: _check(name, *images), fitting) for check in checks]


def _check(name: str, x: np.ndarray, y: np.ndarray) -> list[GradientCheck]:
    score, gradient = METRICS[name].function, CLOSED_FORMS[name]
    with jax.enable_x64(True):
        yardstick = np.asarray(reverse_mode(score, x, y))
        directions = np.concatenate([random_directions(x.shape, _RANDOM), steepest_pixels(yardstick, _PIXELS)])
        steps = np.repeat([_RANDOM_STEP, _PIXEL_STEP], [_RANDOM, _PIXELS])
        double = {
            "forward": forward_mode(score, x, y, directions),
            "closed form": closed_form(gradient, x, y),
            "finite differences": finite_differences(score, x, y, directions, steps),
        }
    x, y = x.astype(np.float32), y.astype(np.float32)
    single = {
        "reverse": reverse_mode(score, x, y),
        "forward": forward_mode(score, x, y, directions.astype(np.float32)),
        "closed form": closed_form(gradient, x, y),
    }
    ways = {"float64": double, "float32": single}
    return [
        GradientCheck(name, dtype, {way: _error(found, yardstick, directions) for way, found in results.items()})
        for dtype, results in ways.items()
    ]


def _error(found: Array, yardstick: np.ndarray, directions: np.ndarray) -> float:
    """Of a whole gradient, or of derivatives along directions; small ones are measured by the gradient of a mean."""
    least = 1 / yardstick.size
    if found.ndim == yardstick.ndim:
        return relative_error(found, yardstick, least)
    expected = np.tensordot(directions, yardstick, yardstick.ndim)
    norm = float(np.linalg.norm(directions[0]))
    return max(
        relative_error(found[:_RANDOM], expected[:_RANDOM], least * norm),
        relative_error(found[_RANDOM:], expected[_RANDOM:], least),
    )
