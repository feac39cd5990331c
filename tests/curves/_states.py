"""A reconstruction as files in the current directory."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_states(photograph: np.ndarray) -> np.ndarray:
    """A target, three states of its reconstruction from the left, and their masks; the target is returned."""
    target = np.rint(255 * photograph[:40, :48]).astype(np.uint8)
    Image.fromarray(target).save("target.png")
    Image.fromarray(target[:, :40]).save("small.png")
    Path("masks").mkdir()
    for number, columns in enumerate((12, 24, 36)):
        done = np.arange(48) < columns
        Image.fromarray(np.where(done[:, None], target, 128).astype(np.uint8)).save(f"state{number}.png")
        Image.fromarray(np.tile(255 * done.astype(np.uint8), (40, 1))).save(f"masks/state{number}.png")
    return target.astype(np.float32) / 255
