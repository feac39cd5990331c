"""XPSNR and VMAF against ffmpeg's filters, of planes whose bytes both get; ffmpeg comes with `imageio-ffmpeg`."""

import functools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxloss
from tests.parity._pairs import continued
from tests.parity._peers import peer


NAMES = ("kodim03", "kodim04", "kodim07", "kodim08")
PARAMS = jaxloss.load_params("vmaf")
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`(first, second, filters, pixels)` -> what ffmpeg says of two images `[H, W, C]` of bytes, in `tmp_path`."""
    program = peer("imageio_ffmpeg").get_ffmpeg_exe()

    def ffmpeg(first: np.ndarray, second: np.ndarray, filters: str, pixels: str = "yuv444p") -> str:
        height, width, _ = first.shape
        command = [program, "-hide_banner", "-nostdin"]
        for name, image in (("first", first), ("second", second)):
            planes = image if pixels == "rgb24" else np.moveaxis(image, -1, 0)
            (tmp_path / name).write_bytes(np.ascontiguousarray(planes, np.uint8).tobytes())
            command += ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-i", str(tmp_path / name)]
        done = subprocess.run(
            [*command, "-lavfi", filters, "-f", "null", "-"], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    return ffmpeg


def ffmpeg_xpsnr(run: Run, x: np.ndarray, y: np.ndarray, filters: str = "", pixels: str = "yuv444p") -> np.ndarray:
    """The reference is the first of both; equal planes are `inf`."""
    (line,) = re.findall(r"XPSNR +[yr]: .*", run(y, x, f"{filters}xpsnr", pixels))
    return np.array([float(number) for number in re.findall(r"[yuv]: +([\d.]+|inf)", line)])


def ffmpeg_vmaf(
    run: Run, folder: Path, x: np.ndarray, y: np.ndarray, filters: str = "", version: str = "", **more: str
) -> dict[str, float]:
    run(x, y, f"{filters}libvmaf=model=version=vmaf_float_v0.6.1{version}:log_fmt=json:log_path=log.json", **more)
    return json.loads((folder / "log.json").read_text())["frames"][0]["metrics"]


def spoil(y: np.ndarray, quality: int, folder: Path) -> np.ndarray:
    path = folder / "spoilt.jpg"
    Image.fromarray(y).save(path, quality=quality)
    return np.asarray(Image.open(path))


def planes(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).convert("YCbCr"))


@functools.partial(jax.jit, static_argnames="yuv")
def xpsnr(x: Any, y: Any, *, yuv: bool = True) -> jax.Array:
    return jaxloss.xpsnr_planes(x, y, data_range=255.0, yuv=yuv)


@functools.partial(jax.jit, static_argnames=("yuv", "gain_limit"))
def vmaf(x: Any, y: Any, **options: Any) -> Any:
    score = jaxloss.vmaf(x, y, params=PARAMS, data_range=255.0, **options)
    return score, jaxloss.vmaf_features(x, y, data_range=255.0, **options)


SIZES = {"even": (96, 160, (5, 30, 80)), "odd": (131, 183, (50,)), "whole": (512, 512, (20,))}


@pytest.mark.parametrize("size", SIZES)
def test_planes(size: str, run: Run, load: Any, tmp_path: Path) -> None:
    """24 pairs: XPSNR to the digits that ffmpeg prints, but for its rounding of sums; VMAF to 1e-3, features to 1e-5.

    Which wavelets have the direction of the reference's is decided at exactly one degree: of some pair in a hundred a
    rounding error decides otherwise for one of them, which moves the score of a small image by 0.01.
    """
    height, width, qualities = SIZES[size]
    originals = [(255 * load(name, height, width)).round().astype(np.uint8) for name in NAMES]
    pairs = [(planes(spoil(y, quality, tmp_path)), planes(y)) for y in originals for quality in qualities]
    x, y = (np.stack(side).astype(np.float32) for side in zip(*pairs, strict=True))
    found = np.asarray(xpsnr(x, y))
    np.testing.assert_allclose(found, [ffmpeg_xpsnr(run, *pair) for pair in pairs], atol=2e-4)
    score, features = vmaf(x[..., :1], y[..., :1], yuv=True)
    theirs = [ffmpeg_vmaf(run, tmp_path, *pair) for pair in pairs]
    for name, feature in features._asdict().items():
        np.testing.assert_allclose(feature, [row[name] for row in theirs], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(score, [row["vmaf"] for row in theirs], atol=1e-3)


def test_enhanced_images(run: Run, load: Any, tmp_path: Path) -> None:
    """Which VMAF takes for better, and VMAF NEG for as good at most."""
    y = planes((255 * load("kodim03", 96, 160)).round().astype(np.uint8))
    x = np.clip(1.3 * (y - 128.0) + 128, 0, 255).round().astype(np.uint8)
    luma = [z[..., :1].astype(np.float32) for z in (x, y)]
    for version, limit in (("", 100.0), ("neg", 1.0)):
        theirs = ffmpeg_vmaf(run, tmp_path, x, y, version=version)
        score, features = vmaf(*luma, yuv=True, gain_limit=limit)
        assert score == pytest.approx(theirs["vmaf"], abs=1e-3)
        assert (features.vif_scale3 > 1) == (limit > 1)


def test_pictures(run: Run, load: Any, tmp_path: Path) -> None:
    """ffmpeg makes planes of RGB as we do, but rounds them."""
    y = (255 * load("kodim08", 96, 160)).round().astype(np.uint8)
    x = spoil(y, 30, tmp_path)
    convert = "[0:v]format=yuv444p[a];[1:v]format=yuv444p[b];[a][b]"
    numbers = tuple(z.astype(np.float32) for z in (x, y))
    np.testing.assert_allclose(
        xpsnr(*numbers, yuv=False), ffmpeg_xpsnr(run, x, y, filters=convert, pixels="rgb24"), atol=0.15
    )
    theirs = ffmpeg_vmaf(run, tmp_path, x, y, filters=convert, pixels="rgb24")
    assert vmaf(*numbers, yuv=False)[0] == pytest.approx(theirs["vmaf"], abs=0.1)


@pytest.mark.parametrize(("height", "width"), [(500, 700), (1154, 2056)], ids=["not smoothed", "coarse"])
def test_xpsnr_of_large_images(height: int, width: int, run: Run, load: Any) -> None:
    """In blocks at the border that are less than 16 pixels wide ffmpeg, vectorized, sees coarse textures otherwise."""
    y = continued(load("kodim08", 512, 768), height, width)
    y = (255 * continued(np.concatenate([y, y[::-1]]), height, width)).round().astype(np.uint8)
    y = planes(np.concatenate([y, y[:, ::-1]] * 2, axis=1)[:height, :width])
    x = np.clip(y + 8 * np.random.default_rng(0).standard_normal(y.shape), 0, 255).astype(np.uint8)
    assert x.shape == (height, width, 3)
    np.testing.assert_allclose(xpsnr(*(z.astype(np.float32) for z in (x, y))), ffmpeg_xpsnr(run, x, y), atol=2e-4)


def test_libvmaf_has_another_psnr_hvs(run: Run, load: Any, tmp_path: Path) -> None:
    """With masking, the sensitivities of another table, in blocks that overlap by a pixel, by a DCT of integers."""
    y = planes((255 * load("kodim08", 96, 160)).round().astype(np.uint8))
    x = np.clip(y + 10 * np.random.default_rng(0).standard_normal(y.shape), 0, 255).astype(np.uint8)
    run(x, y, "libvmaf=feature=name=psnr_hvs:log_fmt=json:log_path=log.json")
    theirs = json.loads((tmp_path / "log.json").read_text())["frames"][0]["metrics"]["psnr_hvs_y"]
    luma = [jnp.asarray(z[..., :1], jnp.float32) for z in (x, y)]
    assert abs(jaxloss.psnr_hvs(*luma, data_range=255.0) - theirs) > 1
    assert abs(jaxloss.psnr_hvs_m(*luma, data_range=255.0) - theirs) < 1
