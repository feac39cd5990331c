"""Images of trials against torchvision's `Resize` and `ToTensor`, through which the original of LPIPS reads them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.datasets._batches import read_trial_image
from tests.parity._peers import foreign_code, peer


@pytest.mark.parametrize("shape", [(96, 96), (37, 50), (90, 41), (64, 80), (20, 31)])
def test_images_are_resized_alike(tmp_path: Path, rng: np.random.Generator, shape: tuple[int, int]) -> None:
    transforms = peer("torchvision").transforms
    path = tmp_path / "image.png"
    Image.fromarray(rng.integers(0, 256, (*shape, 3), np.uint8)).save(path)
    with foreign_code(), Image.open(path) as image:
        expected = transforms.ToTensor()(transforms.Resize(64)(image)).numpy()
    ours = read_trial_image(path, 64).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(ours, np.moveaxis(expected, 0, -1))
