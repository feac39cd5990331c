import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from tests.metrics.test_fsim import pool, scharr, similarity
from tests.metrics.test_sr_sim import stretched
from tests.ops.test_resize import imresize


LMN = np.array([[0.06, 0.63, 0.27], [0.3, 0.04, -0.35], [0.34, -0.6, 0.17]])
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


def lab(rgb: np.ndarray) -> np.ndarray:
    """Of RGB planes in [0, 255], under D50."""
    v = rgb / 255
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    t = np.tensordot(XYZ, light, 1) / np.reshape([0.9642, 1, 0.8251], (3, 1, 1))
    x, y, z = np.where(t > 0.008856, np.cbrt(t), (903.3 * t + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def saliency(image: np.ndarray) -> np.ndarray:
    """SDSP, of an image `[H, W, 3]` in [0, 255]."""
    planes = lab(np.array([imresize(channel, 256, 256, "linear") for channel in np.moveaxis(image, -1, 0)]))
    frequency = np.fft.fftfreq(256)
    radius = np.hypot(frequency[:, None], frequency)
    inside = (radius > 0) & (radius <= 0.5)
    band = np.where(inside, np.exp(-(np.log(np.where(inside, radius, 1) / 0.021) ** 2) / (2 * 1.34**2)), 0)
    by_frequency = np.sqrt((np.fft.ifft2(np.fft.fft2(planes) * band).real ** 2).sum(0))
    i = np.arange(1, 257) - 128
    by_place = np.exp(-(i[:, None] ** 2 + i**2) / 145**2)
    by_color = 1 - np.exp(-(stretched(planes[1]) ** 2 + stretched(planes[2]) ** 2) / 0.001**2)
    height, width, _ = image.shape
    return stretched(imresize(by_frequency * by_place * by_color, height, width, "linear"))


def truth(x: np.ndarray, y: np.ndarray, f: int = 1) -> tuple[float, np.ndarray]:
    """The authors' MATLAB code in float64, of images `[H, W, 3]` in [0, 255], and its map."""
    (l_x, *chroma_x), (l_y, *chroma_y) = ([pool(c, f) for c in np.moveaxis(z @ LMN.T, -1, 0)] for z in (x, y))
    v_x, v_y = (pool(saliency(z), f) for z in (x, y))
    chroma = np.prod([similarity(a, b, 130) for a, b in zip(chroma_x, chroma_y, strict=True)], axis=0)
    field = similarity(v_x, v_y, 1.27) * similarity(scharr(l_x), scharr(l_y), 386) ** 0.4
    field = field * np.real(chroma.astype(complex) ** 0.02)
    weight = np.maximum(v_x, v_y)
    return (field * weight).sum() / weight.sum(), field


@functools.partial(jax.jit, static_argnames="downsample")
def score_and_map(x, y, data_range, downsample="matlab"):
    options = {"data_range": data_range, "downsample": downsample}
    return jaxloss.vsi(x, y, **options), jaxloss.vsi_map(x, y, **options)


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """With its map, and with chroma that is opposite in places."""
    y = crop_photograph(1, 24, 27)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    x[:, :9] = x[:, :9, ::-1]
    expected, field = truth(255 * x, 255 * y)
    score, result = score_and_map(x, y, 1.0)
    np.testing.assert_allclose(score, expected, rtol=1e-9)
    np.testing.assert_allclose(result[..., 0], field, rtol=1e-8)


def test_published_value(shared_data: Path) -> None:
    """That of piq's tests, which is piq's own: its resizing is another. That of MATLAB's is 0.96395."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in ("i01_01_5.bmp", "I01.BMP"))
    score, _ = score_and_map(x, y, 255.0)
    np.testing.assert_allclose(score, 0.96405, atol=1.1e-4)
    np.testing.assert_allclose(score, 0.963951, atol=2e-6)
