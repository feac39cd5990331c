"""Metrics on displays, and which of them take what files hold: light, or pixels that are encoded."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from .._checks import suggestion
from .._files import InputError
from ..images import is_light
from ..ops import DISPLAYS, Display
from ..registry import Metric
from ._pairs import Pair, frame_files


def find_display(name: str | None, exposure: float | None = None) -> Display | None:
    """The display of that name, with an exposure of its own."""
    if name is None:
        if exposure is not None:
            raise InputError("an exposure is that of a display. Name it, too: standard_hdr_linear, absolute ...")
        return None
    if name not in DISPLAYS:
        raise InputError(f"no display {name!r}. {suggestion(name, DISPLAYS)}")
    if exposure is not None and not 0 < exposure < float("inf"):
        raise InputError(f"the exposure must be > 0 and finite, got {exposure}.")
    return DISPLAYS[name] if exposure is None else DISPLAYS[name]._replace(exposure=exposure)


def on_display(metrics: Iterable[Metric], display: str | Display | None) -> tuple[Metric, ...]:
    """The rows; those that take a display on this one, if there is one."""
    shown = find_display(display) if isinstance(display, str) else display
    given = {} if shown is None else {"display": shown}
    return tuple(replace(row, options={**row.options, **given}) if row.takes_display else row for row in metrics)


def suited(
    metrics: Sequence[Metric], files: Iterable[str | os.PathLike[str]], display: str | Display | None, *, named: bool
) -> tuple[Metric, ...]:
    """The rows on the display, if they take what the files hold.

    Args:
        metrics: Rows of the registry.
        files: All that will be read.
        display: For those that take one.
        named: Whether they were asked for; of all there are, those that take light are taken for files of light.

    Raises:
        InputError: If one does not take what a file holds, or none takes the display.
    """
    files, rows = list(files), on_display(metrics, display)
    light = next(filter(is_light, files), None)
    if light is not None and not named:
        rows = tuple(row for row in rows if row.takes_light or (row.takes_display and display is not None))
    if display is not None and not any(row.takes_display for row in rows):
        raise InputError(f"no display is needed for {', '.join(row.name for row in rows)}. Leave it out.")
    unsuited = [row.name for row in rows if not row.takes_light]
    if light is not None and unsuited:
        raise InputError(
            f"{light}: holds light, which {unsuited[0]} does not take. Name metrics that do and a display for them: "
            "pu_psnr or pu_ssim on standard_hdr_linear or absolute; or hdr_flip, without one."
        )
    encoded = next((path for path in files if not is_light(path)), None)
    if encoded is not None and any(row.takes_display and row.takes_light for row in rows):
        raise InputError(f"{encoded}: holds encoded pixels, and a linear display takes light. Choose another display.")
    return rows


def files_of(pairs: Iterable[Pair]) -> list[Path]:
    """Each once, the frames of folders among them."""
    paths = dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test))
    return [file for path in paths for file in (frame_files(path) if path.is_dir() else [path])]
