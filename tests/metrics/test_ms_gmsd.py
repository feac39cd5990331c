import functools

import jax
import numpy as np
import pytest

import jaxloss
from tests.metrics.test_gmsd import gradient, halve


YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def truth(x: np.ndarray, y: np.ndarray, weights: tuple[float, ...], less: int = 0) -> tuple[float, float]:
    """The formulas of the paper in float64, of images `[H, W, 3]` in [0, 255]: without and with chroma."""
    scales = [np.moveaxis(z @ YIQ.T, -1, 0) for z in (x, y)]
    total = 0.0
    for scale, weight in enumerate(weights):
        if scale:
            scales = [np.stack([halve(channel) for channel in z]) for z in scales]
        m_x, m_y = (gradient(z[0]) for z in scales)
        similarity = (1.5 * m_x * m_y + 170) / (m_x**2 + m_y**2 - 0.5 * m_x * m_y + 170)
        total += weight * np.var(similarity, ddof=less)
    structure = np.sqrt(total)
    chroma = np.sqrt(((scales[0][1:] - scales[1][1:]) ** 2).mean((1, 2)).sum())
    gamma = 2 / (1 + 0.32 * np.exp(-15 * structure)) - 1
    return structure, gamma * structure + (1 - gamma) * 0.01 * chroma


@functools.partial(jax.jit, static_argnames=("weights", "deviation"))
def scores(x, y, data_range, mask=None, weights=jaxloss.MS_GMSD_WEIGHTS, deviation="population"):
    options = {"data_range": data_range, "mask": mask, "weights": weights, "deviation": deviation}
    return jaxloss.ms_gmsd(x, y, **options), jaxloss.ms_gmsdc(x, y, **options)


@pytest.mark.usefixtures("float64")
def test_equals_the_paper(crop_photograph, rng):
    """At odd sizes, in two units, with both deviations."""
    y = crop_photograph(1, 29, 34)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    expected = truth(255 * x, 255 * y, jaxloss.MS_GMSD_WEIGHTS)
    np.testing.assert_allclose(scores(x, y, 1.0), expected, rtol=1e-10)
    np.testing.assert_allclose(scores(255 * x, 255 * y, 255.0), expected, rtol=1e-10)
    expected = truth(255 * x, 255 * y, (0.3, 0.7), less=1)
    np.testing.assert_allclose(scores(x, y, 1.0, None, (0.3, 0.7), "sample"), expected, rtol=1e-10)


def test_mask_keeps_whole_cells_apart(crop_photograph, rng):
    """Chroma of the kept half counts alone, and luma of the other half is black in both images."""
    y = crop_photograph(1, 32, 32)[0]
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1)
    x[:, 16:] = 1 - y[:, 16:]
    mask = np.ones(y.shape[:2], np.float32)
    mask[:, 16:] = 0
    black = mask[..., None]
    structure, color = scores(x, y, 1.0, mask)
    assert structure > 0 and color > 0
    np.testing.assert_allclose(scores(black * x, black * y, 1.0, mask), (structure, color), rtol=1e-6)


def test_no_scale_is_an_error():
    image = np.ones((20, 20, 3), np.float32)
    with pytest.raises(ValueError, match=r"^ms_gmsd: expected at least one weight.*MS_GMSD_WEIGHTS"):
        jaxloss.ms_gmsd(image, image, data_range=1.0, weights=())
