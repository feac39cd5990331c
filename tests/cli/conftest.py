"""A folder of small images, good and bad, and a short registry for what does not depend on its length."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from jaxloss.registry import METRICS


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with images in it."""
    monkeypatch.chdir(tmp_path)
    photo = Image.fromarray(np.rint(photograph[:64, 60:140] * 255).astype(np.uint8))
    photo.save("photo.png")
    photo.rotate(90, expand=True).save("style.png")
    ImageOps.invert(photo).save("negative.png")
    Image.blend(photo, Image.new("RGB", photo.size), 0.5).save("dark.png")
    photo.convert("L").save("gray.png")
    photo.crop((0, 0, 40, 50)).save("crop.png")
    photo.crop((0, 0, 60, 6)).save("narrow.png")
    photo.crop((0, 0, 8, 9)).save("tiny.png")
    photo.putalpha(128)
    photo.save("alpha.png")
    Path("text.png").write_text("not an image")
    Path("truncated.png").write_bytes(Path("photo.png").read_bytes()[:3000])
    Path("directory.png").mkdir()
    return tmp_path


@pytest.fixture
def few_metrics() -> Iterator[list[str]]:
    """Those of which the registry is for the length of a test; the last one needs larger images."""
    kept, saved = ["mae", "psnr", "ssim", "ms_ssim"], dict(METRICS)
    for name in set(METRICS) - set(kept):
        del METRICS[name]
    yield kept
    METRICS.clear()
    METRICS.update(saved)  # in reading order, which one by one would not keep
