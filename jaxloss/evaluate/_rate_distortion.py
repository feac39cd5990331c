"""What image codecs keep at how many bytes: curves of any metrics over the rate, and the distance of codecs."""

import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from .._checks import suggestion
from .._files import InputError
from .._types import ArrayLike
from ..images._pictures import picture_of
from ..registry import Metric
from ._bjontegaard import bd_metric, bd_rate, overlap
from ._compare import choose_metrics, compare, shape_notes


CODECS = {"jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF"}  # to Pillow's name of the format
QUALITIES = (10, 30, 50, 70, 90)


class RatePoint(NamedTuple):
    """A codec at one quality, on average over images.

    Attributes:
        quality: Pillow's, from 1 to 100; that of one codec is not that of another.
        bytes_per_pixel: Of the whole file.
        scores: Name of the metric to score.
    """

    quality: int
    bytes_per_pixel: float
    scores: dict[str, float]


# Name of the codec -> its points.
RateCurves = Mapping[str, Sequence[RatePoint]]


class CodecDelta(NamedTuple):
    """A codec against another one by one metric.

    Attributes:
        codec: The codec in question.
        anchor: The codec that it is held against.
        metric: Name of the metric.
        rate: `bd_rate`: by how many percent its files are larger at equal scores; NaN where that is undefined.
        score: `bd_metric`: how much higher its scores are at equal rates; NaN where that is undefined.
        overlap: Share of the scores of both that both reach: the mean of the rate is over these.
        notes: Why something is undefined.
    """

    codec: str
    anchor: str
    metric: str
    rate: float
    score: float
    overlap: float
    notes: tuple[str, ...]


def rate_distortion(
    images: Sequence[ArrayLike],
    *,
    codecs: Iterable[str] = tuple(CODECS),
    qualities: Iterable[int] = QUALITIES,
    metrics: Iterable[str | Metric] | None = None,
) -> dict[str, list[RatePoint]]:
    """Encode images by several codecs at several qualities, and score what comes back.

    The codecs are those of Pillow with its defaults but for the quality: JPEG and AVIF keep colors at half the
    resolution, as WebP does.

    Args:
        images: `[H, W, 3]`, or `[H, W, 1]` for gray; floating, values in [0, 1], which are encoded with 8 bits.
        codecs: Out of `"jpeg"`, `"webp"` and `"avif"`.
        qualities: From 1 to 100.
        metrics: Names of metrics, or rows of `metric_from_file`; by default all of the registry.

    Returns:
        Name of the codec to its points, by rising quality: means over the images.

    Raises:
        InputError: If a codec is unknown or not in this Pillow, a quality is out of range, a metric is unknown, or an
            image does not suit a metric.

    Example:
        >>> from jaxloss.evaluate import rate_distortion
        >>> from jaxloss.images import sample_photograph
        >>> image = sample_photograph()[:64, :64]
        >>> for point in rate_distortion([image], codecs=["jpeg"], qualities=[20, 80], metrics=["psnr"])["jpeg"]:
        ...     print(point.quality, f"{point.bytes_per_pixel:.1f} {point.scores['psnr']:.0f}")
        20 0.3 25
        80 0.4 31
    """
    chosen, names, levels = choose_metrics(metrics), choose_codecs(codecs), choose_qualities(qualities)
    originals = [np.asarray(image) for image in images]
    if not originals:
        raise InputError("there is no image to encode.")
    for number, original in enumerate(originals):
        for note in shape_notes(chosen, original.shape):
            raise InputError(f"image {number}: {note}")
    return {name: _curve(originals, CODECS[name], levels, chosen) for name in names}


def _curve(
    originals: Sequence[np.ndarray], file_format: str, qualities: Sequence[int], chosen: Sequence[Metric]
) -> list[RatePoint]:
    rates, scores = [], []  # by image, by quality
    for original in originals:
        pictures, sizes = zip(*(_encoded(original, file_format, quality) for quality in qualities), strict=True)
        rates.append([size / math.prod(original.shape[:2]) for size in sizes])
        scores.append([list(row.values()) for row in compare(original, pictures, metrics=chosen)])
    points = zip(qualities, np.mean(rates, axis=0), np.mean(scores, axis=0), strict=True)
    names = [row.name for row in chosen]
    return [
        RatePoint(level, float(rate), dict(zip(names, map(float, row), strict=True))) for level, rate, row in points
    ]


def _encoded(original: np.ndarray, file_format: str, quality: int) -> tuple[np.ndarray, int]:
    """What comes back, in [0, 1], and the size of the file in bytes."""
    picture = picture_of(original)
    if original.shape[-1] == 1:
        picture = picture.convert("L")
    file = io.BytesIO()
    picture.save(file, file_format, quality=quality)
    with PIL.Image.open(file) as decoded:
        pixels = np.asarray(decoded.convert(picture.mode), np.float32) / 255
    return pixels.reshape(original.shape), file.getbuffer().nbytes


def choose_codecs(names: Iterable[str]) -> list[str]:
    """Codecs by name that this Pillow has; a name given twice counts once."""
    chosen = list(dict.fromkeys(names))
    if not chosen:
        raise InputError(f"no codec is chosen. There are: {', '.join(CODECS)}.")
    PIL.Image.init()
    for name in chosen:
        if name not in CODECS:
            raise InputError(f"no codec {name!r}. {suggestion(name, CODECS)}")
        if CODECS[name] not in PIL.Image.SAVE or CODECS[name] not in PIL.Image.OPEN:
            there = [other for other, file_format in CODECS.items() if file_format in PIL.Image.SAVE]
            raise InputError(
                f"this Pillow, {PIL.__version__}, cannot write {name}. "
                f"Install the newest one, pip install --upgrade pillow, or choose out of {', '.join(there)}."
            )
    return chosen


def choose_qualities(qualities: Iterable[int]) -> list[int]:
    """In ascending order."""
    chosen = sorted(set(qualities))
    if not chosen or chosen[0] < 1 or chosen[-1] > 100:
        raise InputError(f"qualities must be whole numbers from 1 to 100, got {', '.join(map(str, chosen)) or 'none'}.")
    return chosen


def codec_deltas(curves: RateCurves, *, method: str = "pchip") -> list[CodecDelta]:
    """Bjøntegaard deltas of each codec against the first one, by each metric.

    Args:
        curves: Of `rate_distortion`.
        method: How points are joined, as for `bd_rate`.

    Returns:
        One `CodecDelta` for each codec but the first and each metric.

    Example:
        >>> from jaxloss.evaluate import RatePoint, codec_deltas
        >>> old = [RatePoint(50, 0.2, {"psnr": 30.0}), RatePoint(90, 0.8, {"psnr": 36.0})]
        >>> new = [RatePoint(50, 0.1, {"psnr": 30.0}), RatePoint(90, 0.4, {"psnr": 36.0})]
        >>> (delta,) = codec_deltas({"jpeg": old, "webp": new})
        >>> print(round(delta.rate, 3), round(delta.score, 3), delta.overlap)
        -50.0 3.0 1.0
    """
    anchor, *others = curves
    metrics = list(curves[anchor][0].scores)
    return [_delta(curves, codec, anchor, metric, method) for codec in others for metric in metrics]


def _delta(curves: RateCurves, codec: str, anchor: str, metric: str, method: str) -> CodecDelta:
    old, new = (
        np.array([[point.bytes_per_pixel, point.scores[metric]] for point in curves[name]]).T
        for name in (anchor, codec)
    )
    notes: list[str] = []

    def value(function: Callable[..., float]) -> float:
        try:
            return function(*old, *new, method=method)
        except ValueError as error:
            notes.append(f"{codec} against {anchor} by {metric}: {error}")
            return math.nan

    rate, score = value(bd_rate), value(bd_metric)
    return CodecDelta(codec, anchor, metric, rate, score, overlap(old[1], new[1]).share, tuple(notes))
