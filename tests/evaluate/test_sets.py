"""Statistics of folders against those of all images at once, with a small network in the place of Inception."""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import PIL.Image
import pytest

from jaxloss import InputError
from jaxloss.evaluate import _sets, set_statistics
from jaxloss.evaluate._sets import image_files
from jaxloss.sets import inception_features, inception_logits, inception_score
from tests.sets._small_inception import small_params, use_small_inception


PARAMS = small_params(np.random.default_rng(0))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_inception(monkeypatch)


def write(folder: Path, count: int, seed: int, *, side: int = 9) -> list[np.ndarray]:
    """Of two sizes, RGB, gray and with alpha, in folders below; what all programs make RGB of them."""
    rng, images = np.random.default_rng(seed), []
    for number in range(count):
        channels = (3, 1, 4)[number % 3] if number < 6 else 3
        pixels = rng.integers(0, 256, (side + number % 2, side, channels), np.uint8)
        below = folder / str(number % 2)
        below.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels.squeeze()).save(below / f"{number}.png")
        images.append(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))
    (folder / ".hidden.png").write_bytes(b"not an image")
    (folder / "notes.txt").write_text("neither")
    return images


def expected_features(images: list[np.ndarray]) -> np.ndarray:
    options: dict[str, Any] = {"params": PARAMS, "data_range": 1.0, "convention": "clean-fid", "dimension": 6}
    shapes = sorted({image.shape for image in images})
    stacks = [np.stack([z for z in images if z.shape == shape]) for shape in shapes]
    features = jax.jit(functools.partial(inception_features, **options))
    return np.concatenate([features(z / np.float32(255)) for z in stacks]).astype(np.float64)


@jax.jit
def expected_score(features: jax.Array) -> jax.Array:
    return inception_score(inception_logits(features, params=PARAMS), splits=1).mean


def test_statistics_are_those_of_all_images(tmp_path: Path) -> None:
    """Whatever their sizes and order, in batches that are filled up."""
    folders = {tmp_path / "a": write(tmp_path / "a", 11, 0), tmp_path / "b": write(tmp_path / "b", 9, 1)}
    done: list[tuple[int, int]] = []
    found = set_statistics(
        list(folders), convention="clean-fid", dimension=6, batch=4, devices=2, params=PARAMS,
        allow_singular=True, keep_features=True, progress=lambda *numbers: done.append(numbers),
    )  # fmt: skip
    for part, images in zip(found, folders.values(), strict=True):
        features = expected_features(images)
        assert part.images == len(images) and part.features is not None
        order = np.argsort(part.features[:, 0]), np.argsort(features[:, 0])
        np.testing.assert_allclose(part.features[order[0]], features[order[1]], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(part.statistics.mean, features.mean(axis=0), rtol=1e-5)
        scale = np.abs(np.cov(features, rowvar=False)).max()
        np.testing.assert_allclose(part.statistics.covariance, np.cov(features, rowvar=False), atol=2e-5 * scale)
        assert part.inception_score == pytest.approx(float(expected_score(features.astype(np.float32))), rel=1e-5)
    assert done == [(4, 20), (8, 20), (11, 20), (15, 20), (19, 20), (20, 20)]


def test_files_in_order(tmp_path: Path) -> None:
    write(tmp_path, 12, 0)
    names = [path.name for path in image_files(tmp_path)]
    assert names == [f"{i}.png" for i in (0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11)]


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "few", 3, 0)
    write(tmp_path / "damaged", 5, 0)
    (tmp_path / "damaged" / "0" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "empty").mkdir()
    options: dict[str, Any] = {"convention": "adm", "dimension": 4, "params": PARAMS}
    for folder, change, message in (
        ("nowhere", {}, "nowhere: no such file"),
        ("empty", {}, "empty: there are no images in it"),
        ("few", {}, r"few: has 3 images, and a covariance of 4 features needs more than 4\."),
        ("damaged", {}, r"damaged/0/2\.png: "),
        ("few", {"convention": "amd"}, r"^no convention 'amd'\. Did you mean 'adm'\?"),
        ("few", {"dimension": 5}, r"^no features of 5 dimensions\. There are: 4, 6, 2023\."),
        ("few", {"batch": 0}, "^a batch has at least 1 image"),
        ("few", {"devices": 9}, r"^there are 8 devices, not 9\."),
    ):
        with pytest.raises(InputError, match=message):
            set_statistics([tmp_path / folder], **{**options, **change})
    (tmp_path / "few" / "0" / "0.png").unlink()
    (tmp_path / "few" / "0" / "2.png").unlink()
    with pytest.raises(InputError, match=r"few: has 1 image, which has no covariance\."):
        set_statistics([tmp_path / "few"], **options, allow_singular=True)
    monkeypatch.setattr(_sets, "load_params", lambda name: PARAMS if name == "inception" else None)
    (part,) = set_statistics([tmp_path / "damaged" / "1"], convention="adm", dimension=4, allow_singular=True)
    assert part.images == 2 and np.isnan(part.inception_score)
