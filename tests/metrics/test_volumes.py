import functools
from collections.abc import Callable
from typing import Any, Literal
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.ops import _strips
from tests.derivatives import check_derivatives


def gaussian(size: int, sigma: float = 1.5) -> np.ndarray:
    taps = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * sigma**2))
    window = taps[:, None, None] * taps[:, None] * taps
    return window / window.sum()


def truth(x: np.ndarray, y: np.ndarray, window: np.ndarray, unbias: float = 1, mask: Any = None) -> np.ndarray:
    """The SSIM of each cube of volumes `[D, H, W, C]` in [0, 1], about its own means."""
    size = len(window)
    mask = np.ones(x.shape[:3]) if mask is None else mask
    out = np.empty((*(side - size + 1 for side in x.shape[:3]), x.shape[3]))
    for i, j, k, c in np.ndindex(out.shape):
        cube = (slice(i, i + size), slice(j, j + size), slice(k, k + size))
        weight = window * mask[cube]
        weight = weight / max(weight.sum(), 1e-300)
        a, b = x[(*cube, c)], y[(*cube, c)]
        mu_a, mu_b = (weight * a).sum(), (weight * b).sum()
        var_a, var_b = ((weight * (z - mu) ** 2).sum() * unbias for z, mu in ((a, mu_a), (b, mu_b)))
        cov = (weight * (a - mu_a) * (b - mu_b)).sum() * unbias
        c1, c2 = 0.01**2, 0.03**2
        luminance = (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1)
        out[i, j, k, c] = luminance * (2 * cov + c2) / (var_a + var_b + c2)
    return out


@functools.partial(jax.jit, static_argnames="options")
def score_and_map(x, y, mask=None, options: tuple[tuple[str, Any], ...] = ()):
    given: dict[str, Any] = {"data_range": 1.0, "mask": mask, **dict(options)}
    return jaxloss.ssim3d(x, y, **given), jaxloss.ssim3d_map(x, y, **given)


@pytest.fixture
def pair(rng):
    """Smooth volumes with noise, `[7, 9, 8, 2]`, of unequal sides."""
    steps = np.meshgrid(*(np.linspace(0, 3, side) for side in (7, 9, 8)), indexing="ij")
    y = 0.5 + 0.3 * np.stack([np.sin(steps[0] + steps[1]), np.cos(steps[1] * steps[2])], axis=-1)
    return y + 0.1 * rng.standard_normal(y.shape), y


CASES = [
    ({"window_size": 5}, gaussian(5), 1.0),
    ({"window": "uniform", "window_size": 4, "covariance": "sample"}, np.full((4, 4, 4), 1 / 64), 64 / 63),
]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("options", "window", "unbias"), CASES, ids=["gaussian", "uniform"])
def test_equals_the_paper(pair, rng, options, window, unbias):
    """With odd and with even windows, each border, and a mask."""
    x, y = pair
    size = len(window)
    modes: dict[str, Literal["reflect", "constant"] | None] = {"valid": None, "reflect": "reflect", "zero": "constant"}
    for border, mode in modes.items():
        score, field = score_and_map(x, y, options=(*options.items(), ("border", border)))
        margins = [((size - 1) // 2, size // 2)] * 3 + [(0, 0)]
        wide_x, wide_y = pair if mode is None else (np.pad(z, margins, mode=mode) for z in pair)
        expected = truth(wide_x, wide_y, window, unbias)
        np.testing.assert_allclose(field, expected, rtol=1e-10)
        np.testing.assert_allclose(score, expected.mean(), rtol=1e-12)
    mask = rng.random(x.shape[:3]) * (rng.random(x.shape[:3]) > 0.5)
    score, field = score_and_map(np.where(mask[..., None] > 0, x, np.nan), y, mask, options=tuple(options.items()))
    expected, before = truth(x, y, window, unbias, mask), (size - 1) // 2
    center = mask[tuple(slice(before, before + side) for side in field.shape[:3])]
    np.testing.assert_allclose(field, expected, rtol=1e-10)
    np.testing.assert_allclose(score, np.average(expected.mean(axis=-1), weights=center), rtol=1e-11)


def test_equal_slices_are_an_image(pair):
    """And volumes of a batch do not mix."""
    x, y = (np.tile(z[:1].astype(np.float32), (4, 6, 1, 1, 1)) * np.arange(1, 5).reshape(4, 1, 1, 1, 1) for z in pair)
    x, y = (np.asarray(z, np.float32) for z in (x, y))
    scores, fields = score_and_map(x, y, options=(("window_size", 5),))
    expected = jaxloss.ssim(x[:, 0], y[:, 0], data_range=1.0, window_size=5)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    np.testing.assert_allclose(fields.mean(axis=(1, 2, 3, 4)), scores, rtol=1e-5)
    assert fields.shape == (4, 2, 5, 4, 2)


@pytest.mark.usefixtures("float64")
def test_derivatives(pair, rng):
    check_derivatives(lambda x, y: jaxloss.ssim3d(x, y, data_range=1.0, window_size=5), *pair, rng=rng)


def test_equal_and_flat_volumes(pair):
    """Equal ones score exactly 1, with a gradient of 0; no gradient is infinite."""
    flat = [np.full_like(pair[0], value) for value in (0.0, 0.5, 1.0)]
    y = np.array([*flat, pair[1], *flat], np.float32)
    x = np.array([*flat, pair[1], *flat[::-1]], np.float32)
    score = jax.vmap(lambda x, y: jaxloss.ssim3d(x, y, data_range=1.0, window_size=5))
    scores, pull_back = jax.vjp(jax.jit(score), x, y)
    gradients = np.stack(pull_back(jnp.ones(7)))
    np.testing.assert_array_equal(scores[:4], 1)
    np.testing.assert_array_equal(gradients[:, :4], 0)
    assert np.isfinite(gradients).all() and (scores[jnp.array([4, 6])] < 1e-3).all()


def test_slabs_equal_the_whole(rng):
    """In strips of slices, as a CPU and a TPU take large volumes."""
    y = rng.random((2, 26, 12, 10, 1), np.float32)
    x = y + 0.1 * rng.standard_normal(y.shape, np.float32)
    mask = np.asarray(rng.random(y.shape[:-1]) > 0.3, np.float32)

    def outcome(x, y, mask):
        function = functools.partial(jaxloss.ssim3d, data_range=1.0, window_size=5)
        return [jax.value_and_grad(lambda x, m=m: function(x, y, mask=m).sum())(x) for m in (None, mask)]

    whole = jax.jit(outcome)(x, y, mask)
    with mock.patch.dict(_strips.STRIP_BYTES, cpu=2**10):
        text = jax.jit(lambda *z: outcome(*z)).lower(x, y, mask).as_text()
        slabs = jax.jit(lambda *z: outcome(*z))(x, y, mask)
    assert "stablehlo.while" in text
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), slabs, whole)


def test_psnr(pair, rng):
    x, y = np.array([pair, pair[::-1]], np.float32).swapaxes(0, 1)
    mask = np.asarray(rng.random(x.shape[1:-1]), np.float32)
    plain, masked = jax.jit(lambda *z: [jaxloss.psnr3d(x, y, data_range=2.0, mask=m) for m in (None, z[2])])(x, y, mask)
    squared = (pair[0] - pair[1]) ** 2
    np.testing.assert_allclose(plain, [10 * np.log10(4 / squared.mean())] * 2, rtol=1e-6)
    np.testing.assert_allclose(masked, [10 * np.log10(4 / np.average(squared.mean(-1), weights=mask))] * 2, rtol=1e-6)
    assert jaxloss.psnr3d(x[0], x[0], data_range=1.0) == np.inf


def test_errors():
    image, thin, volume = (np.zeros(shape, np.float32) for shape in ((12, 12, 3), (10, 12, 12, 3), (11, 12, 12, 3)))
    functions: dict[str, Callable[..., Any]] = {"ssim3d": jaxloss.ssim3d, "psnr3d": jaxloss.psnr3d}
    for name, function in functions.items():
        with pytest.raises(ValueError, match=rf"{name}: expected x and y of shape \[..., D, H, W, C\]"):
            function(image, image, data_range=1.0)
        with pytest.raises(ValueError, match=f"{name}: expected data_range > 0"):
            function(volume, volume, data_range=0)
    ssim3d = functions["ssim3d"]
    with pytest.raises(ValueError, match=r"ssim3d: expected volumes of at least 11 x 11 x 11 voxels .*\(10, 12, 12, 3"):
        ssim3d(thin, thin, data_range=1.0)
    with pytest.raises(TypeError, match=r"ssim3d: expected options out of .*'downsample'"):
        ssim3d(volume, volume, data_range=1.0, downsample="matlab")
    with pytest.raises(ValueError, match=r"ssim3d: expected border one of"):
        ssim3d(volume, volume, data_range=1.0, border="same")
