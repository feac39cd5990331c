"""What the comparisons with other libraries share."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.parity._pairs import photograph


# One thread for each of the processes that the tests run in; torch, which nothing has imported yet, would take all.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LoadPhotograph = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def load(shared_data: Path) -> LoadPhotograph:
    """`(name, rows, columns, gray=False)` -> the center of a photograph, float32 in [0, 1]."""

    def load_photograph(name: str, rows: int, columns: int, *, gray: bool = False) -> np.ndarray:
        return photograph(shared_data / "images", name, rows, columns, gray=gray)

    return load_photograph


@pytest.fixture
def real_squeezenet(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights that do not come with the package."""
    monkeypatch.setenv("JAXLOSS_WEIGHTS", str(shared_data / "weights"))
