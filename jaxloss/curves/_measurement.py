"""The curve of a reconstruction whose states, masks and target are image files."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._files import InputError
from ..evaluate import choose_metrics, compare, shape_notes
from ..images import ImageFile, check_comparable, read_image
from ..sde import Curve, reconstructed_share


def measure_files(
    target: str | os.PathLike[str], images: Sequence[str], masks: str | os.PathLike[str], *, metric: str = "lpips"
) -> Curve:
    """The loss of each state of a reconstruction by a metric of the registry, over its reconstructed share.

    Args:
        target: File of the image that the reconstruction should become.
        images: Files of its states, from the first to the last.
        masks: Folder that has, for each state, a mask under the same file name: white where it is reconstructed.
        metric: Name of a metric that is better when lower: `"lpips"`, `"mse"` ...

    Returns:
        A `Curve` of one point per state; the share as it is, without a moving average.

    Raises:
        InputError: If a file cannot be used, sizes differ, or the metric is unknown, better when higher, or needs
            larger images.
    """
    (row,) = choose_metrics([metric])
    if row.better != "lower":
        raise InputError(
            f"{metric} is better when higher, and is no loss. lpips, mse and rmse are lower for the better."
        )
    goal = read_image(target)
    for note in shape_notes([row], goal.pixels.shape):
        raise InputError(f"{target}: {note}")
    shares = [float(reconstructed_share(_mask(Path(masks) / Path(path).name, goal))) for path in images]
    states = [read_image(path) for path in images]
    for state in states:
        check_comparable(goal, state)
    scores = compare(goal.pixels, [state.pixels for state in states], metrics=[metric])
    return Curve(np.array(shares), np.array([score[metric] for score in scores]))


def _mask(path: Path, target: ImageFile) -> np.ndarray:
    mask = read_image(path).pixels.mean(axis=-1)
    height, width = target.pixels.shape[:2]
    if mask.shape != (height, width):
        raise InputError(
            f"{path} is {mask.shape[1]} x {mask.shape[0]} and {target.name} is {width} x {height} pixels. "
            "A mask has the size of its image."
        )
    return mask
