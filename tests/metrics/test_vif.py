import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from jaxloss.metrics._vif import sum_apart, sum_together


def truth_p(x: np.ndarray, y: np.ndarray, scales: int = 4) -> float:
    """The authors' `vifp_mscale` in float64, window by window, of images `[H, W]` in [0, 255]."""
    kept = there = 0.0
    for side in (17, 9, 5, 3)[:scales]:
        offset = np.arange(side) - side // 2
        window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * (side / 5) ** 2))
        window /= window.sum()
        if side < 17:
            x, y = (np.array([[(w * window).sum() for w in row] for row in windows(z, side)])[::2, ::2] for z in (x, y))
        for a, b in zip(*(windows(z, side).reshape(-1, side, side) for z in (x, y)), strict=True):
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            g, v = channel(var_a, var_b, (window * (a - mean_a) * (b - mean_b)).sum(), 1e-10)
            kept += np.log10(1 + g**2 * var_b / (v + 2))
            there += np.log10(1 + var_b / 2)
    return kept / there


def windows(z: np.ndarray, side: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(z, (side, side))


def channel(var_x: float, var_y: float, covariance: float, tolerance: float) -> tuple[float, float]:
    """Gain and noise, after all the authors' precautions."""
    g = covariance / (var_y + tolerance)
    v = var_x - g * covariance
    if var_y < tolerance:
        g, v = 0.0, var_x
    if var_x < tolerance:
        g = v = 0.0
    if g < 0:
        g, v = 0.0, var_x
    return g, max(v, tolerance)


@pytest.mark.usefixtures("float64")
def test_vif_p_equals_the_authors_code(crop_photograph, rng):
    """At odd and even sizes, of RGB by luma, with negative gains, and under a mask of weights that are all the same."""
    y = crop_photograph(1, 41, 44)[0].astype(np.float64)
    x = np.clip(0.7 * y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    x[:, 30:] = 1 - y[:, 30:]
    expected = truth_p(*(255 * z @ (0.299, 0.587, 0.114) for z in (x, y)))
    for mask in (None, np.full(y.shape[:2], 0.5)):
        np.testing.assert_allclose(vif_p(x, y, data_range=1.0, mask=mask), expected, rtol=1e-9)


vif_p = jax.jit(jaxloss.vif_p)


def pattern(kind: int, height: int, width: int) -> np.ndarray:
    """Images for which others ran the authors' MATLAB code under Octave, `[H, W, 1]` in [0, 255]."""
    i, j = np.indices((height, width))
    texture, other = 37 * j + 91 * i + i * j, (17 * j ^ 29 * i) + 3 * j + 5 * i
    inside = (20 <= j) & (j < 40) & (10 <= i) & (i < 30)
    kinds = (texture, other, j + 2 * i, np.where(inside, other, texture), np.full_like(i, 128))
    return (kinds[kind - 1] % 256)[..., None].astype(np.float64)


# https://github.com/imazen/zenmetrics, crates/vif/src/tests.rs: reference, distorted image, height, width, options,
# score. Where images are too small for a scale, the authors' code leaves it out.
PATTERNS = {
    jaxloss.vif_p: (
        (4, 2, 80, 96, {}, 0.021161656886), (3, 2, 41, 37, {"scales": 3}, 0.000864977000),
        (1, 2, 24, 24, {"scales": 1}, 0.001421718516),
    ),
    jaxloss.vif: ((1, 2, 95, 97, {}, 0.005555393819),),
}  # fmt: skip
MORE_PATTERNS = {
    jaxloss.vif_p: (
        (1, 2, 63, 65, {}, 0.001795919229), (1, 2, 256, 256, {}, 0.001479863055), (2, 3, 256, 256, {}, 0.000781270580),
        (1, 4, 260, 300, {}, 0.987692685764), (1, 2, 40, 48, {"scales": 3}, 0.000627753510), (1, 5, 64, 64, {}, 0.0),
    ),
    jaxloss.vif: (
        (1, 2, 96, 96, {}, 0.005600970990), (1, 2, 256, 256, {}, 0.005551663151), (2, 3, 256, 256, {}, 0.000852369895),
        (1, 4, 260, 300, {}, 0.987921873992), (1, 2, 72, 72, {}, 0.004314602211), (1, 5, 96, 96, {}, 0.0),
        (1, 2, 131, 145, {}, 0.005163143261), (1, 1, 256, 256, {}, 1.0), (4, 2, 80, 96, {}, 0.023131222767),
    ),
}  # fmt: skip


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("table", [PATTERNS, pytest.param(MORE_PATTERNS, marks=pytest.mark.full)], ids=["few", "more"])
@pytest.mark.parametrize("function", PATTERNS)
def test_patterns(function, table) -> None:
    for of_y, of_x, height, width, options, expected in table[function]:
        x, y = (pattern(kind, height, width) for kind in (of_x, of_y))
        score = jax.jit(functools.partial(function, data_range=255.0, **options))(x, y)
        np.testing.assert_allclose(score, expected, atol=1e-11, err_msg=f"{of_y}, {of_x}, {height} x {width}")


PUBLISHED_P = {"goldhill_jpeg.gif goldhill.gif": 0.2665, "i01_01_5.bmp I01.BMP": 0.3147}


@pytest.mark.parametrize("names", PUBLISHED_P)
def test_published_values_of_vif_p(shared_data: Path, names: str) -> None:
    """As piq's tests have them."""
    x, y = (255 * read_image(shared_data / "piq" / name).pixels for name in names.split())
    np.testing.assert_allclose(vif_p(x, y, data_range=255.0), PUBLISHED_P[names], atol=1e-4)


@pytest.mark.parametrize(("function", "options"), [(jaxloss.vif_p, {"scales": 1}), (jaxloss.vif, {"levels": 1})])
def test_contrast_is_rewarded(function, options, crop_photograph):
    """Beyond 1, and the gradient says so already for equal images."""
    y = crop_photograph(1, 24, 24)[0]
    contrast = functools.partial(function, data_range=1.0, **options)
    score, slope = jax.jit(lambda t: jax.jvp(lambda t: contrast(t * y, y), (t,), (1.0,)))(1.0)
    assert score == 1 and slope > 0.1


@pytest.mark.parametrize("form", [sum_apart, sum_together])
def test_sums_of_every_form(form, rng):
    a, b = rng.standard_normal((2, 2, 5, 7), np.float32)
    sums, pull_back = jax.vjp(form, a, b)
    np.testing.assert_allclose(sums, [a.sum((1, 2)), b.sum((1, 2))], rtol=1e-5, atol=1e-6)
    shares = np.array([[1, 2], [3, 4]], np.float32)
    for slope, share in zip(pull_back(list(shares)), shares, strict=True):
        np.testing.assert_array_equal(slope, np.broadcast_to(share[:, None, None], a.shape))


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (jaxloss.vif_p, {"scales": 5}, "vif_p: expected scales from 1 to 4, got 5. "),
        (jaxloss.vif, {"levels": 0}, "vif: expected levels >= 1, got 0. "),
    ],
)
def test_numbers_of_scales_and_levels(function, options, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        function(np.zeros((64, 64, 1)), np.zeros((64, 64, 1)), data_range=1.0, **options)
