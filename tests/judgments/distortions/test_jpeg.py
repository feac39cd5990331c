"""JPEG as an array function against Pillow's files: pixels, tables, all sizes; and its derivatives."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import PIL.JpegImagePlugin
import pytest

from jaxloss.images import jpeg_file
from jaxloss.judgments.distortions import jpeg
from jaxloss.judgments.distortions._jpeg import SUBSAMPLINGS, quantization_steps
from jaxloss.judgments.distortions._quantization import nearest
from tests.photographs import crop_sample


QUALITIES = (10, 30, 50, 75, 95)
X = crop_sample(3, 61, 75)[1]  # neither side a multiple of a block


@pytest.fixture(scope="module")
def decoded() -> dict[int, dict[str, np.ndarray]]:
    """By quality and subsampling."""

    @jax.jit
    def program(x: jax.Array, quality: jax.Array) -> dict[str, jax.Array]:
        return {name: jpeg(x, quality=quality, subsampling=name) for name in SUBSAMPLINGS}

    return {quality: jax.device_get(program(X, jnp.float32(quality))) for quality in QUALITIES}


@pytest.mark.parametrize("quality", QUALITIES)
def test_pixels_are_those_of_pillow(quality: int, decoded: dict[int, dict[str, np.ndarray]]) -> None:
    for name, ours in decoded[quality].items():
        check_levels(ours, jpeg_file(X, quality=quality, subsampling=name))


def check_levels(ours: np.ndarray, file: np.ndarray) -> None:
    """On average within a fifth of a gray level, and nearly all of them the same."""
    levels = 255 * np.abs(ours - file)
    assert levels.mean() < 0.2 and (levels > 0.5).mean() < 0.08


def test_subsamplings_differ(decoded: dict[int, dict[str, np.ndarray]]) -> None:
    images = [decoded[95][name] for name in SUBSAMPLINGS]
    errors = [np.abs(image - X).mean() for image in images]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize(("height", "width"), [(1, 3), (3, 4), (17, 6)])
@pytest.mark.full
def test_small_images_are_those_of_pillow(height: int, width: int) -> None:
    x = X[20 : 20 + height, 30 : 30 + width]
    for name in SUBSAMPLINGS:
        for quality in (50, 90):
            ours = jpeg(x, quality=quality, subsampling=name)
            file = jpeg_file(x, quality=quality, subsampling=name)
            assert 255 * np.abs(ours - file).mean() < 0.2, (name, quality)


def test_tables_are_those_of_files() -> None:
    steps = jax.jit(lambda quality: quantization_steps(quality, nearest))
    for quality in (1, 2, 7, 33, 49, 50, 51, 88, 99, 100):
        file = io.BytesIO()
        PIL.Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        with PIL.Image.open(file) as image:
            assert isinstance(image, PIL.JpegImagePlugin.JpegImageFile)
            tables = image.quantization.values()
        for ours, theirs in zip(steps(jnp.float32(quality)), tables, strict=True):
            np.testing.assert_array_equal(np.ravel(ours), theirs)


def test_gray_images_and_derivatives() -> None:
    """Straight-through has the values of files, and soft stays near; both have derivatives everywhere."""
    target = X[::-1, :, 1:2]

    def error(x: jax.Array, quality: jax.Array, rounding: str) -> tuple[jax.Array, jax.Array]:
        image = jpeg(x, quality=quality, rounding=rounding)
        return ((image - target) ** 2).sum(), image

    @jax.jit
    def program(x: jax.Array, quality: jax.Array) -> dict:
        take = jax.value_and_grad(error, (0, 1), has_aux=True)
        return {rounding: take(x, quality, rounding) for rounding in ("soft", "straight-through")}

    results = jax.device_get(program(X[..., 1:2], jnp.float32(30)))
    check_levels(results["straight-through"][0][1], jpeg_file(X[..., 1:2], quality=30))
    assert 0.2 < 255 * np.abs(results["soft"][0][1] - results["straight-through"][0][1]).mean() < 2
    for _, (by_pixels, by_quality) in results.values():
        assert np.isfinite(by_pixels).all() and np.isfinite(by_quality)
        assert (by_pixels != 0).mean() > 0.9 and by_quality != 0


@pytest.mark.parametrize(
    ("channels", "options", "message"),
    [
        (4, {"quality": 50}, r"1 channel \(gray\) or 3 \(RGB\), got \(8, 8, 4\)"),
        (3, {"quality": 0}, "quality from 1 to 100, got 0"),
        (3, {"quality": 50, "subsampling": "4:1:1"}, "subsampling one of"),
        (3, {"quality": 50, "rounding": "up"}, "rounding one of"),
    ],
)
def test_mistakes(channels: int, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jpeg(np.ones((8, 8, channels), np.float32), **options)
