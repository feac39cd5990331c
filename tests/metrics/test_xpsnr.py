import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.metrics import _xpsnr
from tests.reference import xpsnr_numpy as truth


planes = jax.jit(jaxloss.xpsnr_planes, static_argnames=("data_range", "yuv"))
score = jax.jit(jaxloss.xpsnr, static_argnames="data_range")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("height", "width"),
    [(45, 66), (64, 80)],
    ids=["a border that the filter leaves out", "whole blocks"],
)
def test_equals_the_authors_code(height: int, width: int, crop_photograph, rng) -> None:
    """Of planes as they are; black parts, and errors of all sizes."""
    y = 255 * crop_photograph(1, height, width)[0].astype(np.float64)
    y[: height // 3] *= 0.02
    x = y + np.exp(2 * rng.standard_normal((height, width, 1))) * rng.standard_normal(y.shape)
    expected = truth.xpsnr(*(np.moveaxis(z, -1, 0) for z in (x, y)))
    np.testing.assert_allclose(planes(x, y, data_range=255.0, yuv=True), expected, rtol=1e-9)


@pytest.mark.parametrize(("coarse", "smoothed"), [(10**4, 0), (0, 0), (0, 10**4)])
def test_weights_of_larger_images(coarse: int, smoothed: int, rng: np.random.Generator, monkeypatch) -> None:
    """Whether textures are looked for at half the resolution, and whether weights are smoothed; of smaller ones here.

    Of odd sides at half the resolution the authors' code reads beyond the image: there only the last blocks differ.
    """
    for module in (_xpsnr, truth):
        monkeypatch.setattr(module, "COARSE", coarse)
        monkeypatch.setattr(module, "SMOOTHED", smoothed)
    y = (20 * rng.random((52, 70)) * np.linspace(0, 1, 70)).astype(np.float32)

    def weights(z: np.ndarray) -> jax.Array:
        return jax.jit(lambda z: _xpsnr.block_weights(z, 12))(z[None])[0]

    found = weights(y)
    np.testing.assert_allclose(found, truth.block_weights(y, 12), rtol=1e-5)
    if coarse == smoothed:
        odd = weights(y[:-1, :-1])
        np.testing.assert_allclose(odd[:-1, :-1], found[:-1, :-1], rtol=1e-5)
        assert np.isfinite(odd).all()


def test_pictures_become_planes_with_the_levels_of_video(crop_photograph, rng: np.random.Generator) -> None:
    """As ITU-R BT.601 has them; gray ones of luma alone, whose score is the first."""
    y = crop_photograph(1, 48, 52)[0]
    x = (y + 0.1 * rng.standard_normal(y.shape)).astype(np.float32)
    scale = np.array(((65.481, 128.553, 24.966), (-37.797, -74.203, 112), (112, -93.786, -18.214)))
    yuv = [(z @ scale.T + (16, 128, 128)).astype(np.float32) for z in (x, y)]
    expected = planes(*yuv, data_range=255.0, yuv=True)
    np.testing.assert_allclose(planes(x, y, data_range=1.0), expected, atol=1e-3)
    np.testing.assert_allclose(score(x, y, data_range=1.0), expected[0], atol=1e-3)
    gray = planes(x[..., :1], y[..., :1], data_range=1.0)
    same = [np.repeat(z[..., :1], 3, axis=-1) for z in (x, y)]
    assert gray.shape == (1,)
    np.testing.assert_allclose(gray[0], planes(*same, data_range=1.0)[0], rtol=1e-5)


def test_textures_hide_errors(rng: np.random.Generator) -> None:
    """The same error in the flat and in the textured half of an image."""
    y = np.full((96, 96, 1), 0.5, np.float32)
    y[:, :48] += 0.3 * rng.standard_normal((96, 48, 1), np.float32)
    error = 0.05 * rng.standard_normal((96, 48, 1), np.float32)
    none = np.zeros_like(error)
    hidden, seen = (score(y + np.hstack(halves), y, data_range=1.0) for halves in ((error, none), (none, error)))
    assert hidden > seen + 3
