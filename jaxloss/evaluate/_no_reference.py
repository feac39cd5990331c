"""Every metric that needs no reference, on some images."""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np

from .._checks import suggestion
from .._files import InputError
from .._types import ArrayLike, Image, Params, Scalar, Scores
from ..registry import NO_REFERENCE, NoReference
from ..weights._load import load_params


def choose_no_reference(metrics: Iterable[str] | None = None) -> tuple[NoReference, ...]:
    """Rows of `jaxloss.registry.NO_REFERENCE` by name; by default all.

    Args:
        metrics: Names, in the order wanted; what is given twice counts once.

    Returns:
        The rows.

    Raises:
        InputError: If a name is no metric's, with the nearest one; or if there is none.

    Example:
        >>> from jaxloss.evaluate import choose_no_reference
        >>> print([row.name for row in choose_no_reference()])
        ['brisque', 'niqe']
    """
    names = tuple(dict.fromkeys(NO_REFERENCE if metrics is None else metrics))
    for name in names:
        if name not in NO_REFERENCE:
            raise InputError(f"no metric without a reference {name!r}. {suggestion(name, NO_REFERENCE)}")
    if not names:
        raise InputError(f"no metric is chosen. There are: {', '.join(NO_REFERENCE)}.")
    return tuple(NO_REFERENCE[name] for name in names)


def assess(
    images: Sequence[ArrayLike], *, metrics: Iterable[str] | None = None, data_range: float = 1.0
) -> list[dict[str, float]]:
    """Score images by themselves, by every metric that needs no reference.

    All metrics are compiled as one program, once for each shape.

    Args:
        images: Each `[H, W, C]`, floating, values in `[0, data_range]`; of any shapes.
        metrics: Names of metrics; by default all of `jaxloss.registry.NO_REFERENCE`.
        data_range: Largest minus smallest possible pixel value.

    Returns:
        One dictionary for each image, in their order: name of the metric to score. A metric that needs a larger image
        or other channels has the score NaN.

    Raises:
        InputError: If a metric is unknown.
        ValueError: If an image is not `[H, W, C]`.
        TypeError: For integer images.

    Example:
        >>> import jax
        >>> from jaxloss.evaluate import assess
        >>> image = jax.random.uniform(jax.random.key(0), (32, 32, 1))
        >>> print(assess([image], metrics=["niqe"]))
        [{'niqe': nan}]
    """
    chosen = choose_no_reference(metrics)
    params = {row.name: load_params(row.params) for row in chosen if row.params}
    rows = []
    for image in images:
        shape = np.shape(image)
        if len(shape) != 3:
            raise ValueError(f"assess: expected images of shape [H, W, C], got {shape}. Batches: call a metric itself.")
        fitting = tuple(row for row in chosen if not row.misfit(shape))
        needed = {row.name: params[row.name] for row in fitting if row.params}
        scores = jax.device_get(_score(jax.device_put(image), data_range, needed, fitting=fitting))
        rows.append({row.name: float(scores.get(row.name, math.nan)) for row in chosen})
    return rows


@functools.partial(jax.jit, static_argnames="fitting")
def _score(
    image: Image, data_range: Scalar, params: Mapping[str, Params], *, fitting: tuple[NoReference, ...]
) -> dict[str, Scores]:
    return {
        row.name: row.function(
            image, data_range=data_range, **({"params": params[row.name]} if row.name in params else {})
        )
        for row in fitting
    }
