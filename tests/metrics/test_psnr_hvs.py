from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.fft import dctn

import jaxloss
from jaxloss.images import read_image
from jaxloss.judgments.distortions._jpeg import LUMA_STEPS
from jaxloss.metrics._psnr_hvs import MASKING, SENSITIVITY


STEPS = np.array(LUMA_STEPS)


def errors(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The authors' MATLAB code in float64, of images `[H, W]`: the sums of each block without and with masking."""
    csf, mask = 25.73509 / STEPS, (10 / STEPS) ** 2
    found = []
    for top in range(0, x.shape[0] - 7, 8):
        for left in range(0, x.shape[1] - 7, 8):
            a, b = (z[top : top + 8, left : left + 8] for z in (x, y))
            a_dct, b_dct = (np.asarray(dctn(z, norm="ortho")) for z in (a, b))
            hidden = max(masking(a, a_dct, mask), masking(b, b_dct, mask))
            sums = np.zeros(2)
            for k in range(8):
                for j in range(8):
                    u = abs(a_dct[k, j] - b_dct[k, j])
                    sums[0] += (u * csf[k, j]) ** 2
                    if k or j:
                        u = max(0, u - hidden / mask[k, j])
                    sums[1] += (u * csf[k, j]) ** 2
            found.append(sums / 64)
    return np.array(found)


def masking(block: np.ndarray, coefficients: np.ndarray, mask: np.ndarray) -> float:
    energy = (coefficients**2 * mask).sum() - coefficients[0, 0] ** 2 * mask[0, 0]
    ratio = variation(block)
    if ratio != 0:
        quadrants = block[:4, :4], block[:4, 4:], block[4:, :4], block[4:, 4:]
        ratio = sum(map(variation, quadrants)) / ratio
    return np.sqrt(energy * ratio) / 32


def variation(z: np.ndarray) -> float:
    return z.var(ddof=1) * z.size


FUNCTIONS = (jaxloss.psnr_hvs, jaxloss.psnr_hvs_m)


@jax.jit
def scores(x, y, mask=None):
    return jnp.stack([f(x, y, data_range=255.0, mask=mask) for f in FUNCTIONS])


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """With flat blocks in one image or both, pixels that fill no block, and a mask, under which pixels are black."""
    y = 255 * crop_photograph(1, 21, 27)[0].astype(np.float64)
    x = y + 20 * rng.standard_normal(y.shape)
    y[:8, :8] = x[:8, 8:16] = 100
    x[8:16, 8:16] = y[8:16, 8:16] = 50
    sums = errors(*(z @ (0.299, 0.587, 0.114) for z in (x, y)))
    assert (sums[:, 1] < sums[:, 0]).sum() == 5 and sums[4, 0] == 0
    np.testing.assert_allclose(scores(x, y), 10 * np.log10(255**2 / sums.mean(axis=0)), rtol=1e-6)
    mask = np.ones(y.shape[:2])
    mask[:8, 8:] = 0
    mask[8:12, :8] = 0
    sums = errors(*(z @ (0.299, 0.587, 0.114) * mask for z in (x, y)))
    weighted = np.average(sums, axis=0, weights=(1, 0, 0, 0.5, 1, 1))
    np.testing.assert_allclose(scores(x, y, mask), 10 * np.log10(255**2 / weighted), rtol=1e-6)


GOLDENS = {
    "goldhill_jpeg.gif goldhill.gif": (23.543127926296435, 25.079585794439993),
    "i01_01_5.bmp I01.BMP": (24.50756724117021, 28.036702669858595),
}


@pytest.mark.parametrize("names", GOLDENS)
def test_values_of_another_implementation(shared_data: Path, names: str) -> None:
    """psnr_hvsm 0.3.0, in C++, of luma in float64."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    np.testing.assert_allclose(scores(x, y), GOLDENS[names], atol=1e-5)


def test_the_tables_are_those_of_jpeg():
    """Rounded: the steps of a quantizer are what is just visible."""
    np.testing.assert_allclose(SENSITIVITY.reshape(8, 8), 25.73509 / STEPS, atol=1e-6)
    np.testing.assert_allclose(MASKING.reshape(8, 8), (10 / STEPS) ** 2, atol=1e-6)


def test_hidden_errors_do_not_count(rng):
    """A faint error of a high frequency in strong texture, which weighs as much as any other without masking."""
    y = 128 + 80 * rng.standard_normal((8, 8, 1), np.float32)
    x = y + (-1.0) ** np.indices((8, 8)).sum(axis=0)[..., None].astype(np.float32)
    hvs, hvs_m = scores(x, y)
    assert np.isfinite(hvs) and hvs_m == np.inf
    gradient = jax.jit(jax.grad(lambda z: scores(z, y)[1]))(x)
    np.testing.assert_array_equal(gradient, 0)
