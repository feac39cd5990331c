import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from tests.metrics.test_gmsd import gradient


LHM = np.array([[0.2989, 0.587, 0.114], [0.3, 0.04, -0.35], [0.34, -0.6, 0.17]])


def similarities(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of gradients and of chroma, by the paper, of images `[H, W, 3]` in [0, 255]."""

    def similarity(a: np.ndarray, b: np.ndarray, c: float) -> np.ndarray:
        return (2 * a * b + c) / (a**2 + b**2 + c)

    (l_x, h_x, m_x), (l_y, h_y, m_y) = (np.moveaxis(z @ LHM.T, -1, 0) for z in (x, y))
    g_x, g_y, g = (gradient(z) for z in (l_x, l_y, (l_x + l_y) / 2))
    structure = similarity(g_x, g_y, 140) + similarity(g_x, g, 55) - similarity(g_y, g, 55)
    chroma = (2 * (h_x * h_y + m_x * m_y) + 550) / (h_x**2 + h_y**2 + m_x**2 + m_y**2 + 550)
    return structure.astype(complex), chroma.astype(complex)


def deviation(similarity: np.ndarray) -> float:
    root = similarity**0.25
    return np.mean(np.abs(root - root.mean())) ** 0.25


@functools.partial(jax.jit, static_argnames="combination")
def score_and_map(x, y, data_range=1.0, mask=None, combination="sum"):
    options = {"data_range": data_range, "mask": mask, "combination": combination}
    return jaxloss.mdsi(x, y, **options), jaxloss.mdsi_map(x, y, **options)


@pytest.mark.usefixtures("float64")
def test_equals_the_paper(crop_photograph, rng):
    """With both combinations, where some similarities are negative and their powers complex."""
    y = crop_photograph(1, 24, 30)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    x[:12] = (1, 0, 0)  # against stripes of green
    y[:12] = np.where(np.arange(30)[:, None] % 6 < 3, 1, 0.3) * (0, 1, 0)
    structure, chroma = similarities(255 * x, 255 * y)
    assert min(np.real(z).min() for z in (structure, chroma)) < 0
    score, field = score_and_map(x, y)
    added = 0.6 * structure + 0.4 * chroma
    assert np.real(added).min() < 0
    np.testing.assert_allclose(score, deviation(added), rtol=1e-10)
    np.testing.assert_allclose(field[..., 0], np.real(added), rtol=1e-9, atol=1e-12)
    product = structure**0.2 * chroma**0.1
    score, field = score_and_map(255 * x, 255 * y, 255.0, combination="product")
    np.testing.assert_allclose(score, deviation(product), rtol=1e-10)
    np.testing.assert_allclose(field[..., 0], np.abs(product), rtol=1e-9)


GOLDENS = {
    "goldhill_jpeg.gif goldhill.gif": (0.395910876130775, 0.328692181289061),
    "i01_01_5.bmp I01.BMP": (0.338972600511665, 0.258002917257516),
}


@pytest.mark.parametrize("names", GOLDENS)
def test_published_values(shared_data: Path, names: str) -> None:
    """MATLAB's, as piq's tests have them; of gray images in three equal channels."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    x, y = (np.broadcast_to(z, (*z.shape[:2], 3)) for z in (x, y))
    found = [score_and_map(x, y, 255.0, combination=combination)[0] for combination in ("sum", "product")]
    np.testing.assert_allclose(found, GOLDENS[names], rtol=1e-5)
