import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image


def truth(x: np.ndarray, y: np.ndarray, less: int) -> float:
    """The authors' MATLAB code in float64, pixel by pixel, of images `[H, W, 3]` in [0, 1]."""
    similarity = similarities(x, y)
    return np.sqrt(((similarity - similarity.mean()) ** 2).sum() / (similarity.size - less))


def similarities(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    m_x, m_y = (gradient(halve(z @ (0.299, 0.587, 0.114))) for z in (x, y))
    c = 170 / 255**2
    return (2 * m_x * m_y + c) / (m_x**2 + m_y**2 + c)


def halve(z: np.ndarray) -> np.ndarray:
    padded = np.pad(z, (0, 1))
    return np.array(
        [[padded[i : i + 2, j : j + 2].mean() for j in range(0, z.shape[1], 2)] for i in range(0, len(z), 2)]
    )


def gradient(z: np.ndarray) -> np.ndarray:
    kernel = np.array([[1, 0, -1]] * 3) / 3
    padded = np.pad(z, 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.hypot((windows * kernel).sum((2, 3)), (windows * kernel.T).sum((2, 3)))


@functools.partial(jax.jit, static_argnames="deviation")
def score_and_map(x, y, data_range=1.0, mask=None, deviation="sample"):
    options = {"data_range": data_range, "mask": mask}
    return jaxloss.gmsd(x, y, deviation=deviation, **options), jaxloss.gmsd_map(x, y, **options)


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """At even and odd sizes, with the map; in another unit; and the other deviation."""
    for shape, unit, deviation in (((24, 30), 1.0, "sample"), ((23, 18), 255.0, "population")):
        y = crop_photograph(1, *shape)[0].astype(np.float64)
        x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
        score, field = score_and_map(unit * x, unit * y, unit, deviation=deviation)
        np.testing.assert_allclose(score, truth(x, y, 1 if deviation == "sample" else 0), rtol=1e-10)
        np.testing.assert_allclose(field[..., 0], similarities(x, y), rtol=1e-10)


def test_weights_of_the_mask_are_those_of_the_positions(crop_photograph, rng):
    """Where the mask keeps whole cells, the deviation is that of their similarities."""
    y = crop_photograph(1, 24, 30)[0]
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1)
    mask = np.ones(y.shape[:2], np.float32)
    mask[:, 20:] = 0
    score, field = score_and_map(x, y, mask=mask)
    np.testing.assert_allclose(score, np.std(np.asarray(field)[:, :10], ddof=1), rtol=1e-5)


GOLDENS = {"goldhill_jpeg.gif goldhill.gif": 0.138012587141798, "i01_01_5.bmp I01.BMP": 0.094124655829098}


@pytest.mark.parametrize("names", GOLDENS)
def test_published_values(shared_data: Path, names: str) -> None:
    """MATLAB's, as piq's tests have them."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    np.testing.assert_allclose(score_and_map(x, y, 255.0)[0], GOLDENS[names], rtol=1e-5)
