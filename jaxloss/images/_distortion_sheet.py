"""What distortions look like: a sheet with a row for each and a column for each strength."""

from collections.abc import Collection, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image

from .._checks import suggestion
from .._files import InputError
from ..judgments.distortions import DISTORTIONS, distort
from ._pictures import Cell, fit, grid, picture_of


_LARGEST = 224  # side of an image in the sheet

STRENGTHS = (0.1, 0.25, 0.5, 1.0)


def choose_distortions(families: Collection[str] | None = None) -> list[str]:
    """Names of the distortions of some families, or of all of them, in the order of the table."""
    known = list(dict.fromkeys(row.family for row in DISTORTIONS.values()))
    for family in families or ():
        if family not in known:
            raise InputError(f"No family of distortions is named {family!r}. {suggestion(family, known)}")
    return [name for name, row in DISTORTIONS.items() if not families or row.family in families]


def check_strengths(strengths: Sequence[float]) -> None:
    if not strengths or not all(0 <= strength <= 1 for strength in strengths):
        given = ", ".join(f"{strength:g}" for strength in strengths) or "none"
        raise InputError(f"Strengths lie from 0 to 1, got {given}. By default they are 0.1, 0.25, 0.5 and 1.")


def distortion_sheet(
    image: np.ndarray,
    *,
    strengths: Sequence[float] = STRENGTHS,
    families: Collection[str] | None = None,
    seed: int = 0,
) -> PIL.Image.Image:
    """A contact sheet of the distortions of `jaxloss.judgments.distortions`.

    Args:
        image: `[H, W, C]`, values in [0, 1]; gray ones become RGB. Reduced to 224 pixels before it is distorted, since
            many distortions are measured in pixels.
        strengths: One for each column, from 0 to 1.
        families: Which there should be, `"noise"`, `"blur"`, `"photometric"`, `"spatial"` or `"compression"`; all by
            default.
        seed: Of noise and directions, which are the same along a row.

    Returns:
        An RGB picture.

    Raises:
        InputError: For another family, or a strength outside [0, 1].

    Example:
        >>> from jaxloss.images import distortion_sheet, sample_photograph
        >>> sheet = distortion_sheet(sample_photograph(), families=["photometric"], strengths=[0.2, 1.0])
        >>> print(sheet.size)
        (496, 1152)
    """
    check_strengths(strengths)
    names = choose_distortions(families)
    if max(image.shape[:2]) > _LARGEST:
        image = np.asarray(fit(picture_of(image), _LARGEST), np.float32) / 255
    x = jnp.asarray(np.broadcast_to(image, (*image.shape[:2], 3)), jnp.float32)
    return grid([_row(x, name, strengths, seed) for name in names])


def _row(x: jax.Array, name: str, strengths: Sequence[float], seed: int) -> list[Cell]:
    # The image is an argument: of a constant, XLA would compute while it compiles, and slowly, what a network makes.
    along = jax.vmap(lambda x, strength: distort(jax.random.key(seed), x, name=name, strength=strength), (None, 0))
    distorted = np.asarray(jax.jit(along)(x, jnp.asarray(strengths, jnp.float32)))
    errors = np.abs(distorted - np.asarray(x)).mean((1, 2, 3))
    return [
        Cell(f"{name} {strength:g}", fit(picture_of(pixels), _LARGEST), (f"mean error {error:.3f}",))
        for strength, pixels, error in zip(strengths, distorted, errors, strict=True)
    ]
