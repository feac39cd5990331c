import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.ops import DISPLAYS, Display, pu21_encode
from tests.ops.test_displays import light_numpy


BT709, BT2020 = (0.2126729, 0.7151522, 0.0721750), (0.2627, 0.6780, 0.0593)


def encoded_numpy(v: np.ndarray, display: Display) -> np.ndarray:
    """PU21 of the luminance on a display, in float64, from the description."""
    light = light_numpy(v.astype(np.float64), display)
    weights = BT709 if display.primaries == "bt709" else BT2020
    y = light @ weights if v.shape[-1] == 3 else light[..., 0]
    power = np.clip(y, 0.005, 10000) ** 0.9062562627
    ratio = (0.353487901 + 0.3734658629 * power) / (1 + 8.277049286e-05 * power)
    return np.maximum(596.3148142 * (ratio**0.09150303166 - 0.9099517204), 0)


def psnr_numpy(x: np.ndarray, y: np.ndarray, display: Display, peak: float = 256) -> float:
    return 10 * np.log10(peak**2 / np.mean((encoded_numpy(x, display) - encoded_numpy(y, display)) ** 2))


@pytest.mark.parametrize("name", ["standard_4k", "standard_phone", "standard_hdr_pq", "standard_hdr_hlg", "absolute"])
def test_psnr_is_that_of_the_description(name, crop_photograph):
    (y,) = crop_photograph(1, 24, 31)
    noise = np.random.default_rng(0).normal(0, 0.03, y.shape).astype(np.float32)
    x, display = np.clip(y + noise, 0, 1), DISPLAYS[name]
    if display.eotf == "linear":
        x, y = 1000 * x**2.2, 1000 * y**2.2
    score = jax.jit(functools.partial(jaxloss.pu_psnr, data_range=1.0, display=name))
    expected = psnr_numpy(x, y, display)
    np.testing.assert_allclose(score(x, y), expected, atol=1e-5)
    with jax.enable_x64(True):
        double = score(x.astype(np.float64), y.astype(np.float64))
        np.testing.assert_allclose(double, expected, atol=1e-9)
        gray = score(x[..., :1].astype(np.float64), y[..., :1].astype(np.float64))
    np.testing.assert_allclose(gray, psnr_numpy(x[..., :1], y[..., :1], display), atol=1e-9)


def test_others_are_those_of_encoded_luminance(crop_photograph):
    """And of any range of encoded pixels; light has none."""
    (y,) = crop_photograph(1, 24, 31)
    x = y**1.2
    display = Display(peak=1000, ambient=10, eotf=2.2)
    shown = [encoded_numpy(z, display)[..., None].astype(np.float32) for z in (x, y)]
    small: dict[str, Any] = {"window_size": 7}
    scales = {"weights": (0.4, 0.6), **small}

    @jax.jit
    def found_and_expected(x: jax.Array, y: jax.Array, shown: list[jax.Array]) -> tuple[list[jax.Array], ...]:
        light = [jaxloss.pu_psnr(500 * x, 500 * y, data_range=r, display="standard_hdr_linear") for r in (1.0, 1e4)]
        found = [
            jaxloss.pu_ssim(255 * x, 255 * y, data_range=255.0, display=display, **small),
            jaxloss.pu_ms_ssim(x, y, data_range=1.0, display=display, **scales),
        ]
        expected = [
            jaxloss.ssim(*shown, data_range=256.0, **small),
            jaxloss.ms_ssim(*shown, data_range=256.0, **scales),
        ]
        return light, found, expected

    (one, other), found, expected = found_and_expected(x, y, shown)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert one == other


def test_any_metric_on_light(crop_photograph):
    (y,) = crop_photograph(1, 24, 31)
    x = np.float32(0.9) * y
    mask = np.zeros(y.shape[:2], np.float32)
    mask[4:20, 3:25] = 1
    holes = np.where(mask[..., None] > 0, x, np.float32(np.nan))
    of_light = functools.partial(jaxloss.pu21_metric, display="standard_fhd")

    @jax.jit
    def found_and_expected(x: jax.Array, y: jax.Array, holes: jax.Array, mask: jax.Array) -> list[list[jax.Array]]:
        rgb = pu21_encode(jaxloss.ops.display_light(jnp.stack([x, y]), "standard_fhd"))
        field = of_light(jaxloss.ssim_map)(x, y, data_range=1.0, window_size=7)
        found = [
            of_light(jaxloss.psnr, channels="rgb")(x, y, data_range=1.0),
            of_light(jaxloss.psnr)(holes, y, data_range=1.0, mask=mask),
            field.mean(),
            of_light(jaxloss.mse, channels="rgb")(x, y, data_range=1.0),  # which has no range
        ]
        expected = [
            jaxloss.psnr(*rgb, data_range=256.0),
            jaxloss.pu_psnr(x, y, data_range=1.0, mask=mask),
            jaxloss.pu_ssim(x, y, data_range=1.0, window_size=7),
            jaxloss.mse(*rgb),
        ]
        return [found, expected]

    found, expected = found_and_expected(x, y, holes, mask)
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-6)
    np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-5)


def test_bad_arguments():
    image = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(ValueError, match="pu_psnr: expected display one of"):
        jaxloss.pu_psnr(image, image, data_range=1.0, display="standard")
    with pytest.raises(ValueError, match="pu21_metric: expected channels one of"):
        jaxloss.pu21_metric(jaxloss.psnr, channels="red")
    with pytest.raises(ValueError, match="pu_ssim: expected images of at least 11 x 11"):
        jaxloss.pu_ssim(image, image, data_range=1.0)
