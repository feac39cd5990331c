"""What the comparisons with other libraries share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.parity._pairs import photograph


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
