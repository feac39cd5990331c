"""The table of all distortions, and the one function that reads it."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import NUMBERS, check_image, error_text, suggestion
from ..._types import Array, Image, ImageArray, Scalar
from ._blur import bilateral_blur, gaussian_blur, motion_blur
from ._jpeg import jpeg
from ._noise import checkerboard, colored_noise, gaussian_noise, impulse_noise, uniform_noise
from ._photometric import color_shift, contrast_change, lightness_shift, saturation_change
from ._quantization import quantization
from ._spatial import chromatic_aberration, ghosting, grid_warp, homography, shift


Parameters = dict[str, Any]


class Distortion(NamedTuple):
    """A row of `DISTORTIONS`.

    Attributes:
        function: Takes an image, after a `key` if its first parameter bears this name, and parameters by keyword.
        family: A word for what is alike: `"noise"`, `"blur"`, `"photometric"`, `"spatial"` or `"compression"`.
        parameters: `(key, strength)` to the keyword arguments: the strength, from 0 to 1, says how much, and the key
            whatever is left open, such as a direction. Both are arrays, and may be tracers.
    """

    function: Callable[..., Array]
    family: str
    parameters: Callable[[Array, Array], Parameters]


def _any(key: Array, strength: Array, lowest: float, highest: float, shape: tuple[int, ...] = ()) -> Array:
    """Numbers drawn evenly, in the dtype of the strength."""
    return jax.random.uniform(key, shape, strength.dtype, lowest, highest)


def _either(key: Array, first: float, second: float) -> Array:
    return jnp.where(jax.random.bernoulli(key), first, second)


def _way(key: Array, length: Array) -> Parameters:
    """So far in any direction."""
    radians = _any(key, length, -np.pi, np.pi)
    return {"down": length * jnp.sin(radians), "right": length * jnp.cos(radians)}


def _near_identity(key: Array, strength: Array, rows: int) -> Parameters:
    """The first rows of the matrix differ from those of the identity, each entry by up to 0.2."""
    entries = np.arange(9).reshape(3, 3)
    free = (entries < 3 * rows) & (entries < 8)  # the last entry is the scale of all others
    differences = jnp.where(free, _any(key, strength, -0.2, 0.2, (3, 3)), 0.0)
    return {"matrix": jnp.eye(3, dtype=strength.dtype) + strength * differences}


def _grid(key: Array, strength: Array, interpolation: str) -> Parameters:
    return {"displacements": strength * _any(key, strength, -0.08, 0.08, (4, 4, 2)), "interpolation": interpolation}


def _checkers(key: Array, strength: Array) -> Parameters:
    return {"amplitude": 0.3 * strength, "side": jax.random.choice(key, jnp.array([1, 2, 4], strength.dtype))}


DISTORTIONS: dict[str, Distortion] = {
    "gaussian_noise": Distortion(gaussian_noise, "noise", lambda key, strength: {"deviation": 0.3 * strength}),
    "uniform_noise": Distortion(uniform_noise, "noise", lambda key, strength: {"deviation": 0.3 * strength}),
    "pink_noise": Distortion(
        colored_noise, "noise", lambda key, strength: {"deviation": 0.3 * strength, "exponent": -1.0}
    ),
    "blue_noise": Distortion(
        colored_noise, "noise", lambda key, strength: {"deviation": 0.3 * strength, "exponent": 1.0}
    ),
    "colored_noise": Distortion(
        colored_noise,
        "noise",
        lambda key, strength: {"deviation": 0.3 * strength, "exponent": _any(key, strength, -2, 2)},
    ),
    "impulse_noise": Distortion(impulse_noise, "noise", lambda key, strength: {"share": 0.4 * strength}),
    "checkerboard": Distortion(checkerboard, "noise", _checkers),
    "gaussian_blur": Distortion(gaussian_blur, "blur", lambda key, strength: {"sigma": 5 * strength}),
    "motion_blur": Distortion(
        motion_blur, "blur", lambda key, strength: {"length": 24 * strength, "angle": _any(key, strength, 0, 180)}
    ),
    "bilateral_blur": Distortion(
        bilateral_blur, "blur", lambda key, strength: {"sigma": 1 + 2 * strength, "tolerance": 0.4 * strength}
    ),
    "lightness_shift": Distortion(
        lightness_shift, "photometric", lambda key, strength: {"offset": strength * _either(key, 0.4, -0.4)}
    ),
    "color_shift": Distortion(
        color_shift,
        "photometric",
        lambda key, strength: {"distance": 0.25 * strength, "angle": _any(key, strength, 0, 360)},
    ),
    "contrast_change": Distortion(
        contrast_change, "photometric", lambda key, strength: {"factor": _either(key, 4, 1 / 4) ** strength}
    ),
    "saturation_change": Distortion(
        saturation_change, "photometric", lambda key, strength: {"factor": 1 + strength * _either(key, 2, -1)}
    ),
    "shift": Distortion(shift, "spatial", lambda key, strength: _way(key, 8 * strength)),
    "affine_warp": Distortion(homography, "spatial", lambda key, strength: _near_identity(key, strength, 2)),
    "homography": Distortion(homography, "spatial", lambda key, strength: _near_identity(key, strength, 3)),
    "linear_warp": Distortion(grid_warp, "spatial", lambda key, strength: _grid(key, strength, "linear")),
    "cubic_warp": Distortion(grid_warp, "spatial", lambda key, strength: _grid(key, strength, "cubic")),
    "ghosting": Distortion(
        ghosting, "spatial", lambda key, strength: {"weight": strength / 2, **_way(key, 4 + 8 * strength)}
    ),
    "chromatic_aberration": Distortion(
        chromatic_aberration, "spatial", lambda key, strength: {"spread": 0.06 * strength}
    ),
    # Factors of the quality are factors of the steps: each part of the way loses about as much as the last.
    "jpeg": Distortion(
        jpeg,
        "compression",
        lambda key, strength: {"quality": 95 * (3 / 95) ** strength, "rounding": "straight-through"},
    ),
    "quantization": Distortion(
        quantization,
        "compression",
        lambda key, strength: {"levels": jnp.round(2 ** (6 - 5 * strength)), "rounding": "straight-through"},
    ),
}


def distort(key: Array, x: Image, *, name: str, strength: Scalar) -> ImageArray:
    """A distortion of the table, as strong as one number says.

    Args:
        key: From `jax.random.key`: the noise, and what the row leaves open, such as a direction. The images of a batch
            have noise of their own and the rest in common; `vmap` over keys gives each its own.
        x: The image; rows of color need three channels.
        name: A key of `DISTORTIONS`.
        strength: From 0 (none) to 1 (more than anyone would bear).

    Returns:
        Same shape, values in [0, 1]; exactly x where the strength is 0.

    Raises:
        ValueError: For an unknown name, or a strength that is known and outside [0, 1].

    Gradient:
        Of x and of the strength that of the row's function; JPEG and quantization pass it straight through their
        rounding. 0 of the strength where it is 0.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import distort
        >>> x = jnp.array([[[0.0], [0.25], [1.0]]])
        >>> worst = jax.jit(lambda x: distort(jax.random.key(0), x, name="quantization", strength=1.0))(x)
        >>> print(worst.ravel())
        [0. 0. 1.]
    """
    x = check_image("distort", "x", x)
    if name not in DISTORTIONS:
        raise ValueError(error_text("distort", "a key of DISTORTIONS", repr(name), suggestion(name, DISTORTIONS)))
    if isinstance(strength, NUMBERS) and not 0 <= strength <= 1:
        raise ValueError(error_text("distort", "strength in [0, 1]", strength, "1 is the strongest."))
    row, strength = DISTORTIONS[name], jnp.asarray(strength, x.dtype)
    drawn, noise = jax.random.split(key)
    first = next(iter(inspect.signature(row.function).parameters))
    data = (noise, x) if first == "key" else (x,)
    return jnp.where(strength > 0, row.function(*data, **row.parameters(drawn, strength)), x)


def distort_in_turn(key: Array, x: Image, *, names: Sequence[str], strengths: Sequence[Scalar] | Array) -> ImageArray:
    """Several distortions of the table, each of what the one before has left.

    Args:
        key: From `jax.random.key`, split among them.
        x: The image.
        names: Keys of `DISTORTIONS`, one may come twice.
        strengths: Of each, from 0 to 1.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: If there are not as many strengths as names.

    Gradient:
        By the chain rule, see `distort`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import distort_in_turn
        >>> x, names = jnp.array([[[0.0], [0.25], [1.0]]]), ("quantization", "contrast_change")
        >>> both = jax.jit(lambda x: distort_in_turn(jax.random.key(0), x, names=names, strengths=(1.0, 0.0)))(x)
        >>> print(both.ravel())
        [0. 0. 1.]
    """
    x = check_image("distort_in_turn", "x", x)
    if len(names) != len(strengths):
        way_out = "Each name has its strength."
        raise ValueError(error_text("distort_in_turn", f"{len(names)} strengths", len(strengths), way_out))
    for part, name, strength in zip(jax.random.split(key, len(names)), names, strengths, strict=True):
        x = distort(part, x, name=name, strength=strength)
    return x
