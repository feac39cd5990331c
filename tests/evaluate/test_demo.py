"""The demonstration tells what it claims: one squared error, six structures; the same at every run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.evaluate import InputError, demo, distort, sample_photograph
from jaxloss.evaluate._demo import DISTORTIONS, blur, pixelate


NAMES = [row.name for row in DISTORTIONS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, float]]]:
    path = tmp_path_factory.mktemp("demo") / "sheet.png"
    return path, demo(path)


def test_photograph(photograph: np.ndarray) -> None:
    np.testing.assert_array_equal(sample_photograph(), photograph)


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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_distortion(name: str, channels: int, photograph: np.ndarray) -> None:
    image = photograph[:63, :50, :channels]  # sides that are no multiples of the blocks
    first, second = distort(image, name), distort(image, name)
    np.testing.assert_array_equal(first, second)
    assert (first.shape, first.dtype) == (image.shape, np.float32)
    assert 0 <= first.min() <= first.max() <= 1
    assert np.abs(first - image).mean() > 0.02


def test_unknown_distortion(photograph: np.ndarray) -> None:
    with pytest.raises(KeyError, match="sepia"):
        distort(photograph, "sepia")


def test_blocks_are_means() -> None:
    image = np.arange(15, dtype=np.float64).reshape(3, 5, 1)
    means = [[3, 3, 5, 5, 6.5], [3, 3, 5, 5, 6.5], [10.5, 10.5, 12.5, 12.5, 14]]
    np.testing.assert_allclose(pixelate(image, 2)[..., 0], means)


def test_blur_keeps_a_flat_image_and_spreads_a_point() -> None:
    np.testing.assert_allclose(blur(np.full((40, 40, 1), 0.3, np.float32), 2.0), 0.3, rtol=1e-5)
    point = np.zeros((41, 41, 1), np.float32)
    point[20, 20] = 1
    spread = blur(point, 2.0)[..., 0]
    assert spread[20, 20] == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)
    assert spread[20, 22] / spread[20, 20] == pytest.approx(np.exp(-0.5), rel=1e-4)
