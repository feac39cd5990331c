"""Every metric of the registry on one reference and some images."""

import difflib
import functools
import math
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp

from .._types import ArrayLike, Image, Scalar, Scores
from ..registry import REGISTRY, Metric
from ._errors import InputError


_SUPPLIED = {"data_range"}  # the required keywords that a pair of images alone can fill


def choose_metrics(names: Iterable[str] | None = None) -> tuple[Metric, ...]:
    """Rows of the registry by name; all that need no more than the images by default.

    Args:
        names: Metrics, in the order wanted; a name given twice counts once.

    Returns:
        The rows of kind `"metric"`.

    Raises:
        InputError: If a name is no metric's, with the nearest one; or if there is none.

    Example:
        >>> from jaxloss.evaluate import choose_metrics
        >>> print([metric.name for metric in choose_metrics(["ssim", "psnr"])])
        ['ssim', 'psnr']
    """
    known = {name: row for name, row in REGISTRY.items() if row.kind == "metric" and set(row.needs) <= _SUPPLIED}
    if names is None:
        return tuple(known.values())
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise InputError(f"no metric {name!r}. {hint}The metrics are {', '.join(known)}.")
    if not chosen:
        raise InputError(f"no metric is chosen. The metrics are {', '.join(known)}.")
    return tuple(known[name] for name in chosen)


def size_notes(metrics: Iterable[Metric], height: int, width: int) -> tuple[str, ...]:
    """Why `compare` gives NaN: one sentence for each metric that needs a larger image.

    Args:
        metrics: Rows of the registry.
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        The sentences; none if the image is large enough for all.

    Example:
        >>> from jaxloss.evaluate import choose_metrics, size_notes
        >>> print(*size_notes(choose_metrics(["psnr", "ssim"]), 64, 8))
        ssim is not computed: it needs 11 x 11 pixels, not 8 x 64.
    """
    return tuple(
        f"{row.name} is not computed: it needs {row.smallest} x {row.smallest} pixels, not {width} x {height}."
        for row in metrics
        if min(height, width) < row.smallest
    )


def compare(
    reference: ArrayLike,
    images: Sequence[ArrayLike],
    *,
    metrics: Iterable[str] | None = None,
    data_range: float = 1.0,
) -> list[dict[str, float]]:
    """Score images against one reference by every metric of the registry.

    All metrics are compiled as one function, once for each shape.

    Args:
        reference: `[H, W, C]`, floating, values in `[0, data_range]`.
        images: Images of the same shape.
        metrics: Names of metrics, all by default.
        data_range: Largest minus smallest possible pixel value.

    Returns:
        One dictionary for each image, in their order: name of the metric to score. A metric that needs a larger image
        has the score NaN; `size_notes` says why.

    Raises:
        InputError: If a metric is unknown.
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
    chosen = choose_metrics(metrics)
    reference = jnp.asarray(reference)
    if reference.ndim != 3:
        raise ValueError(
            f"compare: expected a reference of shape [H, W, C], got {reference.shape}. Batches: call a metric itself."
        )
    fitting = tuple(row.name for row in chosen if min(reference.shape[:2]) >= row.smallest)
    rows = []
    for image in images:
        scores = jax.device_get(_scores(jnp.asarray(image), reference, data_range, names=fitting))
        rows.append({row.name: float(scores.get(row.name, math.nan)) for row in chosen})
    return rows


@functools.partial(jax.jit, static_argnames="names")
def _scores(image: Image, reference: Image, data_range: Scalar, *, names: tuple[str, ...]) -> dict[str, Scores]:
    supplied = {"data_range": data_range}
    rows = {name: REGISTRY[name] for name in names}
    return {
        name: row.function(image, reference, **{key: supplied[key] for key in row.needs}) for name, row in rows.items()
    }
