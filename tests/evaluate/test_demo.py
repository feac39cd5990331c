"""The demonstration tells what it claims: one squared error, six structures; the same at every run."""

from pathlib import Path

import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.evaluate import demo
from jaxloss.images._distortions import DISTORTIONS


NAMES = [row.name for row in DISTORTIONS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, float]]]:
    path = tmp_path_factory.mktemp("demo") / "sheet.png"
    return path, demo(path)


def test_six_distortions_with_one_squared_error(made: tuple[Path, dict[str, dict[str, float]]]) -> None:
    _, scores = made
    assert list(scores) == NAMES
    assert len(NAMES) == 6
    assert [row["psnr"] for row in scores.values()] == pytest.approx([20.31] * 6, abs=0.1)


def test_structure_tells_them_apart(made: tuple[Path, dict[str, dict[str, float]]]) -> None:
    _, scores = made
    ssim = {name: row["ssim"] for name, row in scores.items()}
    assert max(ssim.values()) - min(ssim.values()) > 0.4
    assert min(ssim["brightness"], ssim["contrast"]) > max(ssim[name] for name in NAMES[2:]) + 0.15


def test_contact_sheet_is_written(made: tuple[Path, dict[str, dict[str, float]]]) -> None:
    path, _ = made
    assert list(path.parent.iterdir()) == [path]
    with Image.open(path) as sheet:
        assert sheet.size == (1104, 1258)


def test_path_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        demo(tmp_path / "nowhere" / "sheet.png")
