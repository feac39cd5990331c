"""What distortions make of photographs: a sheet with a row for each distortion and a column for each photograph."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image

from ..images import Photograph
from ..images._pictures import Cell, fit, grid, picture_of
from ..judgments.distortions import Distortion
from ..ops import to_float


SIDE = 224  # of the middle of a photograph that is shown
MOST = 3  # photographs


def artifact_sheet(
    artifacts: Mapping[str, Distortion], photographs: Sequence[Photograph], *, seed: int = 0
) -> PIL.Image.Image:
    """A contact sheet of networks: the middles of photographs, and below what each network makes of them.

    Args:
        artifacts: What `load_artifacts` returns.
        photographs: Of `jaxloss.images.read_photographs`; of more than three, the first, the last and the middle one.
        seed: Of the noise.

    Returns:
        An RGB picture.
    """
    chosen = [photographs[i] for i in np.unique(np.linspace(0, len(photographs) - 1, MOST).astype(int))]
    originals = [middle(photo.pixels, SIDE) for photo in chosen]
    cells = [Cell(photo.name, _picture(original)) for photo, original in zip(chosen, originals, strict=True)]
    return grid([cells, *(_row(name, row, originals, seed) for name, row in artifacts.items())])


def _row(name: str, row: Distortion, originals: Sequence[np.ndarray], seed: int) -> list[Cell]:
    distort, cells = jax.jit(row.function), []
    for original in originals:
        made = np.asarray(distort(jax.random.key(seed), to_float(original), strength=jnp.float32(1)))
        cells.append(Cell(name, _picture(made), (f"mean error {np.abs(made - to_float(original)).mean():.3f}",)))
    return cells


def _picture(pixels: np.ndarray) -> PIL.Image.Image:
    return fit(picture_of(np.asarray(to_float(pixels))), SIDE)


def middle(pixels: np.ndarray, side: int) -> np.ndarray:
    """The middle of an image, at most so many pixels high and wide."""
    top, left = (max(0, length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]
