"""What the tests of the benchmarks that train share: a folder of photographs, and Optax under their strict settings."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import PIL.Image
import pytest


@pytest.fixture
def optax_promotion() -> Iterator[None]:
    """Optax's own arithmetic mixes types, so that its steps cannot run under the strict promotion of the tests."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray) -> Path:
    """Three color photographs, a gray one, a small one, and a file that is none."""
    images = tmp_path / "images"
    images.mkdir()
    full = np.rint(255 * photograph).astype(np.uint8)
    for name, part in {"a": full[:65, :80], "b": full[20:84, 30:110], "c": full[40:104, :81]}.items():
        PIL.Image.fromarray(part).save(images / f"{name}.png")
    PIL.Image.fromarray(full[:64, :64, 0]).save(images / "gray.png")
    PIL.Image.fromarray(full[:20, :64]).save(images / "small.png")
    (images / "notes.txt").write_text("no image")
    return images
