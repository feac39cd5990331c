"""Temporal LPIPS in a run: of each frame of a video and the one before it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .._files import InputError
from ..perceptual._temporal import temporal_lpips
from ..registry import METRICS, Metric
from ._compare import choose_metrics
from ._decode import Decoded


# Not of the registry, which is of images.
TEMPORAL = replace(METRICS["lpips"], function=temporal_lpips, paper="Chu 2020", agrees_with="")


def choose_for_run(metrics: Iterable[str | Metric] | None, *, video: bool) -> tuple[Metric, ...]:
    """As `choose_metrics`; for videos `temporal_lpips` has a name, too."""
    if metrics is None:
        return choose_metrics()
    chosen = [TEMPORAL if metric == TEMPORAL.name else metric for metric in metrics]
    if TEMPORAL in chosen and not video:
        raise InputError(f"{TEMPORAL.name} is of videos. If these are some, say so: --video, or video=True.")
    return choose_metrics(chosen)


def with_frames_before(images: Iterable[Decoded]) -> Iterator[Decoded]:
    """What is read, each frame with the one before it in its video."""
    last: Decoded | None = None
    for image in images:
        place = image.place
        follows = last is not None and (last.place.pair, last.place.frame + 1) == (place.pair, place.frame)
        if last is not None and follows and last.test.shape == image.test.shape:
            yield image._replace(before=(last.test, last.reference))
        else:
            yield image
        last = image
