import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from tests.reference.steerable_numpy import complex_bands


def truth(x: np.ndarray, y: np.ndarray, level: int, orientations: int, k: float) -> float:
    """The authors' `cwssim_index` in float64, window by window, of images `[H, W]`."""
    scores = []
    for c_x, c_y in zip(*(complex_bands(z, level, orientations) for z in (x, y)), strict=True):
        height, width = (side - 6 for side in c_x.shape)
        similarity, weight = np.empty((2, height, width))
        for i in range(height):
            for j in range(width):
                a, b = (c[i : i + 7, j : j + 7] for c in (c_x, c_y))
                correlation, powers = abs((a * b.conj()).mean()), (abs(a) ** 2 + abs(b) ** 2).mean()
                similarity[i, j] = (2 * correlation + k) / (powers + k)
                distance = (i - (height - 1) / 2) ** 2 + (j - (width - 1) / 2) ** 2
                weight[i, j] = np.exp(-distance / (2 * (c_x.shape[0] / 4) ** 2))
        scores.append((weight * similarity).sum() / weight.sum())
    return float(np.mean(scores))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("level", "orientations", "k"), [(2, 3, 0.0), (1, 4, 0.3)])
def test_equals_the_authors_code(level, orientations, k, crop_photograph, rng):
    """At odd and even sides, of RGB by luma; under a mask of equal weights; and of a shift, which costs little."""
    y = crop_photograph(1, 34, 39)[0].astype(np.float64)
    noise = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    cw_ssim = jax.jit(functools.partial(jaxloss.cw_ssim, level=level, orientations=orientations, k=k))
    for x in (noise, np.roll(y, 1, axis=1)):
        luma_x, luma_y = (z @ (0.299, 0.587, 0.114) for z in (x, y))
        expected = truth(luma_x, luma_y, level, orientations, k)
        np.testing.assert_allclose(cw_ssim(x, y), expected, rtol=1e-10)
    shifted = cw_ssim(x, y)
    assert shifted > 0.9 > jaxloss.ssim(x, y, data_range=1.0) + 0.05
    np.testing.assert_allclose(cw_ssim(x, y, mask=np.full(y.shape[:2], 0.5)), shifted, rtol=1e-12)


# Of https://github.com/chaofengc/IQA-PyTorch at 01ae427, luma in float64; it looks its filters up in tables.
GOLDENS = {"goldhill_jpeg.gif goldhill.gif": 0.9703669862, "i01_01_5.bmp I01.BMP": 0.9886112790}


@pytest.mark.parametrize("names", GOLDENS)
def test_values_of_another_implementation(shared_data: Path, names: str) -> None:
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    np.testing.assert_allclose(jax.jit(jaxloss.cw_ssim)(x, y), GOLDENS[names], atol=1e-6)


def test_flat_images_are_alike():
    """Whatever rounding leaves of them: there is no structure, and no gradient."""
    x, y = (np.full((64, 70, 1), value, np.float32) for value in (0.3, 0.7))
    score, gradient = jax.jit(jax.value_and_grad(jaxloss.cw_ssim))(x, y)
    assert score == 1 and not gradient.any()


@pytest.mark.parametrize(("options", "name"), [({"level": 0}, "level"), ({"orientations": 1}, "orientations")])
def test_options(options, name):
    with pytest.raises(ValueError, match=f"^cw_ssim: expected {name} >= "):
        jaxloss.cw_ssim(np.zeros((64, 64, 1)), np.zeros((64, 64, 1)), **options)
