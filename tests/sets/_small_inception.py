"""A small network of two convolutions in the place of Inception, with features of 4 and of 6 dimensions."""

from typing import Any

import numpy as np
import pytest

from jaxloss.backbones._inception import DIMENSIONS, Unit
from jaxloss.evaluate import _sets
from jaxloss.sets import _inception


CHAIN = (Unit("Conv2d_1a_3x3", 4, (3, 3), 2, same=False), Unit("Mixed_7c", 6))
CLASSES = 5


def use_small_inception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inception, "INCEPTION", CHAIN)
    monkeypatch.setattr(_sets, "CLASSIFIED", 6)
    for dimension in list(DIMENSIONS):
        monkeypatch.delitem(DIMENSIONS, dimension)
    monkeypatch.setitem(DIMENSIONS, 4, "Conv2d_1a_3x3")
    monkeypatch.setitem(DIMENSIONS, 6, "Mixed_7c")


def small_params(rng: np.random.Generator) -> dict[str, Any]:
    shapes = {"Conv2d_1a_3x3": (3, 3, 3, 4), "Mixed_7c": (1, 1, 4, 6), "fc": (6, CLASSES)}
    numbers = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {name: {"kernel": z, "bias": z.reshape(-1, z.shape[-1])[0]} for name, z in numbers.items()}
