"""A small network, and small photographs of two sizes."""

import numpy as np
import pytest

from benchmarks.studies.restoration._training import Size
from jaxloss.images import Photograph


TINY = Size(width=2, residual=True, crop=16, batch=2, steps=7, learning_rate=2e-3, chunk=2)


@pytest.fixture(scope="module")
def pixels(photograph: np.ndarray) -> np.ndarray:
    return np.rint(255 * photograph[:64, :80]).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(pixels: np.ndarray) -> list[Photograph]:
    return [Photograph("a", pixels), Photograph("b", pixels[:48, :64])]
