import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from tests.metrics.test_fsim import YIQ, scharr, similarity
from tests.ops.test_resize import imresize


def stretched(z: np.ndarray) -> np.ndarray:
    return (z - z.min()) / (z.max() - z.min())


def saliency(image: np.ndarray) -> np.ndarray:
    height, width = image.shape
    small = imresize(image, -(-height // 4), -(-width // 4), "cubic", scale=0.25)
    spectrum = np.fft.fft2(small)
    amplitude = np.log(np.abs(spectrum))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(amplitude, 1, mode="edge"), (3, 3))
    residual = amplitude - windows.mean((2, 3))
    power = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    taps = np.exp(-((np.arange(10) - 4.5) ** 2) / (2 * 3.8**2))
    kernel = np.outer(taps, taps) / taps.sum() ** 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(power, (4, 5)), (10, 10))
    return imresize(stretched((windows * kernel).sum((2, 3))), height, width, "cubic")


def truth(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, float]:
    """The authors' MATLAB code in float64, of images `[H, W, 3]` in [0, 255]; its map; and with the chroma of FSIMc."""
    x_yiq, y_yiq = (np.moveaxis(z @ YIQ.T, -1, 0) for z in (x, y))
    v_x, v_y = saliency(x_yiq[0]), saliency(y_yiq[0])
    field = similarity(v_x, v_y, 0.4) * np.sqrt(similarity(scharr(x_yiq[0]), scharr(y_yiq[0]), 225))
    chroma = np.prod([similarity(x_yiq[i], y_yiq[i], 200) for i in (1, 2)], axis=0)
    color = field * np.real(chroma.astype(complex) ** 0.03)
    weight = np.maximum(v_x, v_y)
    return (field * weight).sum() / weight.sum(), field, (color * weight).sum() / weight.sum()


@functools.partial(jax.jit, static_argnames="color")
def scores(x, y, data_range, color=True):
    options = {"data_range": data_range}
    gray = jaxloss.sr_sim(x, y, **options), jaxloss.sr_sim_map(x, y, **options)
    return (*gray, jaxloss.sr_sim(x, y, chroma_exponent=0.03, **options)) if color else gray


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    y = crop_photograph(1, 41, 54)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    expected = truth(255 * x, 255 * y)
    for result, value in zip(scores(x, y, 1.0), expected, strict=True):
        np.testing.assert_allclose(np.squeeze(result), value, rtol=1e-8)


GOLDENS = {"goldhill_jpeg.gif goldhill.gif": (0.94652679,), "i01_01_5.bmp I01.BMP": (0.9659730, 0.9546513)}


@pytest.mark.parametrize("names", GOLDENS)
def test_published_values(shared_data: Path, names: str) -> None:
    """MATLAB's, as piq's tests have them; that with chroma is piq's own, which takes the modulus of its power."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    gray, _, *color = scores(x, y, 255.0, color=len(GOLDENS[names]) > 1)
    np.testing.assert_allclose(gray, GOLDENS[names][0], atol=1e-6)
    np.testing.assert_allclose(color, GOLDENS[names][1:], atol=5e-5)
