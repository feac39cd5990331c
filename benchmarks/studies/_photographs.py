"""Which photographs are trained on and which tested on, and at which scales."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import PIL.Image

from jaxloss import InputError
from jaxloss.images import Photograph

from .._results import Record


SCALES = [1.0, 0.7, 0.5]  # at which photographs are trained on


def split(
    photographs: list[Photograph], held_out: Iterable[str] | None = None
) -> tuple[list[Photograph], list[Photograph]]:
    """Those to train on and those to test on: the named ones, or the last two; of fewer than four, the last one."""
    names = [photograph.name for photograph in photographs]
    chosen = names[-1 if len(names) < 4 else -2 :] if held_out is None else [Path(name).stem for name in held_out]
    for name in chosen:
        if name not in names:
            raise InputError(f"no photograph {name!r} is there to hold out. There are {', '.join(names) or 'none'}.")
    training = [photograph for photograph in photographs if photograph.name not in chosen]
    if not training:
        raise InputError(f"no photograph is left to train on: the color photographs are {', '.join(names) or 'none'}.")
    return training, [photograph for photograph in photographs if photograph.name in chosen]


def at_scales(photographs: Iterable[Photograph], side: int) -> list[Photograph]:
    """Each at each of `SCALES` at which it is large enough: textures are finer in a smaller photograph."""
    found = []
    for scale, (name, pixels) in itertools.product(SCALES, photographs):
        height, width = (round(scale * length / 2) * 2 for length in pixels.shape[:2])
        if min(height, width) >= side:
            image = PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.LANCZOS)
            found.append(Photograph(name, np.asarray(image)))
    return found


def trained_on(settings: Record) -> str:
    """The photographs of a run, for its page."""
    *scales, last = map(str, settings.get("scales", SCALES[:1]))
    text = f"Trained on {', '.join(settings['training'])}"
    return f"{text}, each at {', '.join(scales)} and {last} of its size" if scales else text
