"""Where images differ: the map of a metric as a picture beside them, and a sheet of distortions above their maps."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image

from .._checks import suggestion
from .._files import InputError
from .._types import Array, Params
from ..registry import METRICS, Metric
from ..weights._load import load_params
from ._colors import colorize
from ._pictures import Cell, Legend, fit, grid, picture_of
from ._read import ImageFile


_LARGEST, _LARGEST_OF_MANY = 640, 256  # side of an image in a picture; "many" are more than 8 rows


class ErrorMap(NamedTuple):
    """What the map of a metric says of two images.

    Attributes:
        score: Of the metric.
        errors: `[H, W]`, the distance of the map from that of equal images; NaN where the map does not reach.
        formula: Of the errors, in words.
    """

    score: float
    errors: np.ndarray
    formula: str


def choose_map(name: str) -> Metric:
    """The row of a metric that has a map.

    Args:
        name: Of a metric.

    Returns:
        Its row of the registry.

    Raises:
        InputError: If there is no such metric, or it has no map; with those that have one.

    Example:
        >>> import jaxloss
        >>> from jaxloss.images import choose_map
        >>> try:
        ...     choose_map("psnr")
        ... except jaxloss.InputError as error:
        ...     print(str(error).partition(",")[0])
        no map of a metric 'psnr'. There are: ssim
    """
    known = {name: row for name, row in METRICS.items() if row.kind == "metric" and row.map is not None}
    if name not in known:
        raise InputError(f"no map of a metric {name!r}. {suggestion(name, known)}")
    return known[name]


def dissimilarity_map(reference: np.ndarray, image: np.ndarray, *, metric: str = "ssim") -> np.ndarray:
    """Where an image differs from its reference, by the map of a metric.

    Args:
        reference: `[H, W, C]`, floating, values in [0, 1].
        image: Image under test, same shape.
        metric: Name of a metric that has a map.

    Returns:
        `[H, W]`: the distance of the map from that of equal images, mean over the channels; NaN where the map does not
        reach. For SSIM it is 1 - SSIM: 0 where the images are equal, 1 where nothing is alike, up to 2 where one is the
        negative of the other; NaN along the border, where its window leaves the image.

    Raises:
        InputError: If the metric has no map, or needs larger images or other channels.

    Example:
        >>> import numpy as np
        >>> from jaxloss.images import dissimilarity_map
        >>> gray = np.full((12, 12, 1), 0.5, np.float32)
        >>> field = dissimilarity_map(gray, gray)
        >>> print(field.shape, np.nanmax(np.abs(field)) < 1e-6, np.isnan(field).sum())
        (12, 12) True 140
    """
    return error_map(reference, image, choose_map(metric)).errors


def error_map(reference: np.ndarray, image: np.ndarray, row: Metric) -> ErrorMap:
    """The map as `ErrorMap` has it, for either direction of better and whatever the map's size."""
    if lacking := row.misfit(reference.shape):
        raise InputError(f"no map of {row.name}: {lacking}.")
    params = load_params(row.params) if row.params else {}
    score, field, perfect = _fields(image, reference, params, name=row.name)
    best = np.asarray(perfect)
    level = float(best.mean())
    formula = row.map.__name__ if row.map else row.name
    if not np.allclose(best, level, atol=1e-3):
        formula = f"distance of {formula} from that of equal images"
    elif abs(level) > 1e-3:
        formula = f"{level:.3g} - {formula}"
    stride = 1 if best.shape == reference.shape[:2] else _stride(row, reference.shape, params)
    errors = _in_register(np.abs(np.asarray(field) - best), reference.shape, stride)
    return ErrorMap(float(score), errors, formula)


@functools.partial(jax.jit, static_argnames="name")
def _fields(x: Array, y: Array, params: Params, *, name: str) -> tuple[Array, Array, Array]:
    """The score, the map, and that of equal images, which tells what is good: GMSD is 0 there, and its map is 1."""
    row = METRICS[name]
    return _call(row, row.function, x, y, params), _plane(row, x, y, params), _plane(row, y, y, params)


def _call(row: Metric, function: Any, x: Array, y: Array, params: Params) -> Array:
    supplied = {"data_range": 1.0, "params": params}
    return function(x, y, **row.options, **{key: supplied[key] for key in row.needs})


def _plane(row: Metric, x: Array, y: Array, params: Params) -> Array:
    field = _call(row, row.map, x, y, params)
    return field.mean(axis=-1) if field.ndim == 3 else field


def _stride(row: Metric, shape: tuple[int, ...], params: Params) -> int:
    """Pixels of the image from one position of the map to the next: by how much an image grows for one more of them."""
    height, width, channels = shape

    def rows(factor: int) -> int:
        image = jax.ShapeDtypeStruct((factor * height, width, channels), jnp.float32)
        return jax.eval_shape(lambda x, y: _plane(row, x, y, params), image, image).shape[0]

    return max(1, round(height / (rows(2) - rows(1))))


def _in_register(field: np.ndarray, shape: tuple[int, ...], stride: int) -> np.ndarray:
    """Enlarged to the pixels of the image, in its middle, with NaN around."""
    height, width = shape[:2]
    enlarged = field.repeat(stride, axis=0).repeat(stride, axis=1)[:height, :width]
    above, left = (height - enlarged.shape[0]) // 2, (width - enlarged.shape[1]) // 2
    below, right = height - enlarged.shape[0] - above, width - enlarged.shape[1] - left
    return np.pad(enlarged, ((above, below), (left, right)), constant_values=np.nan)


def heat_map_picture(reference: ImageFile, images: Sequence[ImageFile], *, metric: str = "ssim") -> PIL.Image.Image:
    """One row for each image: the reference, the image, and where they differ by the map of a metric.

    Args:
        reference: The reference.
        images: Images of the same shape.
        metric: Name of a metric that has a map.

    Returns:
        An RGB picture with a color bar below. Small images are enlarged, large ones reduced.

    Raises:
        InputError: If the metric has no map, or needs larger images or other channels.

    Example:
        >>> import numpy as np
        >>> from jaxloss.images import ImageFile, heat_map_picture
        >>> gray = ImageFile("gray.png", np.full((64, 64, 1), 0.5, np.float32), ())
        >>> print(heat_map_picture(gray, [gray]).size)
        (832, 378)
    """
    row = choose_map(metric)
    limit = _LARGEST if len(images) <= 8 else _LARGEST_OF_MANY
    maps = [error_map(reference.pixels, image.pixels, row) for image in images]
    highest = scale_end(row, [found.errors for found in maps])
    rows = []
    for image, found in zip(images, maps, strict=True):
        colors = PIL.Image.fromarray(colorize(found.errors, highest=highest))
        spread = f"from {np.nanmin(found.errors):.3g} to {np.nanmax(found.errors):.3g}"
        rows.append(
            [
                Cell(_last(reference.name), fit(picture_of(reference.pixels), limit), ("reference",)),
                Cell(_last(image.name), fit(picture_of(image.pixels), limit), (f"{metric} {found.score:.4f}",)),
                Cell(found.formula, fit(colors, limit), (spread,)),
            ]
        )
    return grid(rows, Legend(maps[0].formula, "0 (alike)", f"{highest:.3g} and more"))


def scale_end(row: Metric, fields: Sequence[np.ndarray]) -> float:
    """The error shown brightest: 1 for a metric that is 1 at its best, else a round number that few pixels exceed."""
    if row.perfect == 1:
        return 1.0
    known = np.concatenate([field[~np.isnan(field)] for field in fields])
    most = float(np.quantile(known, 0.99)) if known.size else 0.0
    if most <= 0:
        return 1.0
    digit = 10.0 ** math.floor(math.log10(most))
    return math.ceil(most / digit) * digit


def contact_sheet(
    reference: np.ndarray,
    images: Mapping[str, np.ndarray],
    captions: Mapping[str, tuple[str, ...]],
    *,
    title: str = "reference",
    columns: int = 4,
) -> PIL.Image.Image:
    """The reference and its distorted copies, each above its map of dissimilarity and its scores.

    Args:
        reference: `[H, W, C]`, values in [0, 1].
        images: Title to image, same shape.
        captions: Title to the lines below the map.
        title: Title of the reference.
        columns: Cells in a row.

    Returns:
        An RGB picture with a color bar below.

    Raises:
        InputError: If the images are smaller than the window of SSIM.

    Example:
        >>> import numpy as np
        >>> from jaxloss.images import contact_sheet
        >>> gray = np.full((64, 64, 1), 0.5, np.float32)
        >>> print(contact_sheet(gray, {"same": gray}, {"same": ("SSIM 1.000",)}, columns=2).size)
        (560, 638)
    """
    cells = [Cell(name, _above_map(reference, image), captions.get(name, ())) for name, image in images.items()]
    cells.insert(0, Cell(title, _above_map(reference, reference), captions.get(title, ())))
    return grid(
        [cells[i : i + columns] for i in range(0, len(cells), columns)], Legend("1 - SSIM", "0 (alike)", "1 and more")
    )


def _above_map(reference: np.ndarray, image: np.ndarray) -> PIL.Image.Image:
    upper = fit(picture_of(image), _LARGEST)
    lower = fit(PIL.Image.fromarray(colorize(dissimilarity_map(reference, image))), _LARGEST)
    both = PIL.Image.new("RGB", (upper.width, upper.height + 4 + lower.height), "white")
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height + 4))
    return both


def _last(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]
