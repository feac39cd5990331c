"""Every metric of the registry on one reference and some images."""

import functools
import math
from collections.abc import Iterable, Sequence

import jax
import numpy as np

from .._checks import suggestion
from .._files import InputError
from .._types import Array, ArrayLike
from ..ops import Display
from ..registry import METRICS, Metric
from ..weights._load import load_params
from ._display import on_display
from ._programs import score_pair


def choose_metrics(metrics: Iterable[str | Metric] | None = None) -> tuple[Metric, ...]:
    """Rows of the registry by name; by default all but the variants.

    Args:
        metrics: Names, or rows of one's own, in the order wanted; what is given twice counts once.

    Returns:
        The rows of kind `"metric"`.

    Raises:
        InputError: If a name is no metric's, with the nearest one; if two rows have one name; or if there is none.

    Example:
        >>> from jaxloss.evaluate import choose_metrics
        >>> print([metric.name for metric in choose_metrics(["ssim", "psnr"])])
        ['ssim', 'psnr']
    """
    known = {name: row for name, row in METRICS.items() if row.kind == "metric"}
    if metrics is None:
        return tuple(row for row in known.values() if not row.variant)
    chosen: dict[str, Metric] = {}
    for metric in metrics:
        if isinstance(metric, str) and metric not in known:
            raise InputError(f"no metric {metric!r}. {suggestion(metric, known)}")
        row = known[metric] if isinstance(metric, str) else metric
        if chosen.setdefault(row.name, row) != row:
            raise InputError(f"two metrics are called {row.name!r}. Rename the file of one of them.")
    if not chosen:
        raise InputError(f"no metric is chosen. There are: {', '.join(known)}.")
    return tuple(chosen.values())


def shape_notes(metrics: Iterable[Metric], shape: tuple[int, ...]) -> tuple[str, ...]:
    """Why `compare` gives NaN: one sentence for each metric that needs a larger image, or another number of channels.

    Args:
        metrics: Rows of the registry.
        shape: `(H, W, C)` of the image.

    Returns:
        The sentences; none if the image suits all.

    Example:
        >>> from jaxloss.evaluate import choose_metrics, shape_notes
        >>> print(*shape_notes(choose_metrics(["psnr", "ssim"]), (64, 8, 3)))
        ssim is not computed: it needs 11 x 11 pixels, not 8 x 64.
    """
    lacking = {row.name: row.misfit(shape) for row in metrics}
    return tuple(f"{name} is not computed: {words}." for name, words in lacking.items() if words)


def compare(
    reference: ArrayLike,
    images: Sequence[ArrayLike],
    *,
    metrics: Iterable[str | Metric] | None = None,
    data_range: float = 1.0,
    display: str | Display | None = None,
) -> list[dict[str, float]]:
    """Score images against one reference by every metric of the registry.

    Metrics are compiled once for each shape, those of one paper together.

    Args:
        reference: `[H, W, C]`, floating, values in `[0, data_range]`.
        images: Images of the same shape.
        metrics: Names of metrics, or rows of `metric_from_file`; by default all of the registry.
        data_range: Largest minus smallest possible pixel value.
        display: Of metrics that take one, a name of `jaxloss.ops.DISPLAYS` or any other.

    Returns:
        One dictionary for each image, in their order: name of the metric to score. A metric that needs a larger image
        or other channels has the score NaN; `shape_notes` says why.

    Raises:
        InputError: If a metric or a display is unknown.
        ValueError: If the shapes differ, or are not `[H, W, C]`.
        TypeError: For integer images.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.evaluate import compare
        >>> gray = jnp.full((16, 16, 1), 0.5)
        >>> rows = compare(gray, [gray, gray + 0.1], metrics=["mae", "psnr", "ms_ssim"])
        >>> for row in rows:
        ...     print({name: round(score, 3) for name, score in row.items()})
        {'mae': 0.0, 'psnr': inf, 'ms_ssim': nan}
        {'mae': 0.1, 'psnr': 20.0, 'ms_ssim': nan}
    """
    chosen = on_display(choose_metrics(metrics), display)
    target: Array = jax.device_put(reference)  # jnp.asarray would compile a program for each shape
    shape = np.shape(target)
    if len(shape) != 3:
        raise ValueError(
            f"compare: expected a reference of shape [H, W, C], got {shape}. Batches: call a metric itself."
        )
    fitting = tuple(row for row in chosen if not row.misfit(shape))
    load = functools.cache(load_params)  # once for all images
    rows = []
    for image in images:
        scores = jax.device_get(score_pair(jax.device_put(image), target, data_range, load, fitting=fitting))
        rows.append({row.name: float(scores.get(row.name, math.nan)) for row in chosen})
    return rows
