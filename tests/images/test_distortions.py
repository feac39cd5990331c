"""Distortions are the same at every call, for all sizes and channels; the photograph is the package's."""

import numpy as np
import pytest

from jaxloss.images import distort, sample_photograph
from jaxloss.images._distortions import DISTORTIONS, blur, pixelate


NAMES = [row.name for row in DISTORTIONS]


def test_photograph(photograph: np.ndarray) -> None:
    np.testing.assert_array_equal(sample_photograph(), photograph)


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
