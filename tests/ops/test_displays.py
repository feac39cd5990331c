import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import DISPLAYS, Display, display_light, pixels_per_degree


def light_numpy(v: np.ndarray, display: Display) -> np.ndarray:
    """Written from IEC 61966-2-1, SMPTE ST 2084, ITU-R BT.2100 and the description of ColorVideoVDP."""
    black = display.peak / display.contrast
    reflected = 0.005 * display.ambient / np.pi
    if display.eotf == "linear":
        return np.clip(display.exposure * v, max(0.005, black), display.peak) + reflected
    v = np.clip(v, 0, 1) if display.eotf in ("pq", "hlg") else v
    if display.eotf == "pq":
        t = v ** (1 / 78.84375)
        light = 10000 * (np.maximum(t - 0.8359375, 0) / (18.8515625 - 18.6875 * t)) ** (1 / 0.1593017578125)
        return np.clip(display.exposure * light, 0.005, display.peak) + black + reflected
    if display.eotf == "srgb":
        relative = np.where(v > 0.04045, ((np.maximum(v, 0) + 0.055) / 1.055) ** 2.4, v / 12.92)
    elif display.eotf == "hlg":
        scene = np.where(v <= 0.5, v**2 / 3, (np.exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        gamma = 1.2
        if display.peak > 1000:
            gamma += 0.42 * np.log10(display.peak / 1000) - 0.07623 * np.log10(display.ambient / 5)
        gray = (scene @ [0.2627, 0.678, 0.0593])[..., None] if v.shape[-1] == 3 else scene
        relative = gray ** (gamma - 1) * scene
    else:
        relative = np.maximum(v, 0) ** float(display.eotf)
    relative = relative if display.exposure == 1 else np.clip(display.exposure * relative, 0, 1)
    return (display.peak - black) * relative + black + reflected


TRANSFERS = [
    "standard_4k", "standard_hdr_pq", "standard_hdr_hlg", "standard_hdr_linear", "absolute",
    Display(eotf=2.2), Display(eotf="hlg"), Display(exposure=0.5), Display(eotf="pq", exposure=0.5),
    Display(eotf="linear", exposure=0.5),
]  # fmt: skip


def test_light_is_that_of_the_standards(rng):
    """With a finite slope everywhere, and one towards [0, 1] from black, white and beyond."""
    encoded = np.concatenate([[0, 1, 0.5, -0.1, 1.1], rng.random(13)]).reshape(2, 3, 3)
    displays = [DISPLAYS[display] if isinstance(display, str) else display for display in TRANSFERS]
    color = [encoded * 2 * display.peak if display.eotf == "linear" else encoded for display in displays]
    gray = [pixels[..., :1] for pixels in color]
    single = [pixels.astype(np.float32) for pixels in color]

    def light_of_each(images):
        return [display_light(pixels, display) for pixels, display in zip(images, TRANSFERS, strict=True)]

    @jax.jit
    def light_and_slopes(images):
        light, pull_back = jax.vjp(light_of_each, images)
        return light, *pull_back([jnp.ones_like(values) for values in light])

    with jax.enable_x64(True):
        found = jax.jit(lambda *kinds: [light_of_each(images) for images in kinds])(color, gray)
    for images, light in zip((color, gray), found, strict=True):
        for pixels, values, display in zip(images, light, displays, strict=True):
            np.testing.assert_allclose(values, light_numpy(pixels, display), rtol=1e-7)
    for pixels, values, slope, display in zip(single, *light_and_slopes(single), displays, strict=True):
        np.testing.assert_allclose(values, light_numpy(pixels.astype(float), display), rtol=2e-6)
        assert np.isfinite(slope).all()
    ends = np.asarray([0, 1, -0.1, 1.1], np.float32).reshape(1, 4, 1)
    slope = jax.jit(jax.grad(lambda v: display_light(v, "standard_4k").sum()))(ends)
    assert (np.ravel(slope) > 1).all()


def test_displays_are_seen_under_the_published_angles():
    """As pycvvdp 0.5.7 says it of its displays."""
    published = {
        "standard_4k": 75.40244934516305, "standard_fhd": 37.842503853602885, "standard_hmd": 13.153262507309297,
        "iphone_14_pro_vert": 159.61187740300227, "lg_oled_2026_hdr_pq": 102.6306414709288,
    }  # fmt: skip
    angles = {name: pixels_per_degree(name) for name in published}
    np.testing.assert_allclose(list(angles.values()), list(published.values()), rtol=1e-13)


@pytest.mark.parametrize(
    ("display", "message"),
    [
        ("standard_8k", "display_light: expected display one of jaxloss.ops.DISPLAYS, got 'standard_8k'. Did you mean"),
        (Display(peak=0), "peak of the display > 0, got 0. It is the luminance of white"),
        (Display(contrast=0.5), "contrast of the display > 1"),
        (Display(distance=math.nan), "distance of the display > 0, got nan"),
        (Display(exposure=0), "exposure of the display > 0"),
        (Display(ambient=-1), "ambient of the display >= 0"),
        (Display(eotf="gamma"), r"eotf one of .*, or an exponent > 0, got 'gamma'. A gamma is a number: eotf=2.2"),
        (Display(eotf=-1), "exponent > 0"),
        (Display(primaries="p3"), "primaries one of"),
        (Display(eotf="hlg", peak=2000, ambient=0), "ambient of the display > 0"),
    ],
)
def test_displays_that_cannot_be(display, message):
    with pytest.raises(ValueError, match=message):
        display_light(np.zeros((2, 2, 3), np.float32), display)


def test_images_need_one_channel_or_three():
    with pytest.raises(ValueError, match=r"1 channel \(gray\) or 3 \(RGB\)"):
        display_light(np.zeros((2, 2, 4), np.float32), "standard_4k")
