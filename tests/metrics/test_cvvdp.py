"""Tests of ColorVideoVDP against a slow version of its description, in float64."""

import jax
import numpy as np
import pytest

from jaxloss import cvvdp, cvvdp_map
from jaxloss.metrics._cvvdp import _frequencies
from jaxloss.ops import DISPLAYS, Display, display_light, pixels_per_degree
from tests.networks import tiny_params
from tests.photographs import crop_sample
from tests.reference import cvvdp_numpy


def pair(height: int, width: int, brightest: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    y = brightest * crop_sample(1, height, width)[0].astype(np.float64)
    rng = np.random.default_rng(0)
    x = np.clip(y + 0.1 * brightest * rng.normal(size=y.shape), 0, brightest)
    x[: height // 2, :2] = y[: height // 2, :2]
    return x, y


def check(x: np.ndarray, y: np.ndarray, display: str | Display) -> None:
    """Score and map, to what is lost by rounding the table of sensitivities, which both have, to float32: nothing."""
    params = tiny_params("cvvdp")

    def both(x: np.ndarray, y: np.ndarray) -> tuple[jax.Array, jax.Array]:
        options = {"data_range": 1.0, "params": params, "display": display}
        return cvvdp(x, y, **options), cvvdp_map(x, y, **options)

    with jax.enable_x64(True):
        jod, heat = map(np.asarray, jax.jit(both)(x, y))
        x_light, y_light = (np.asarray(display_light(z, display)) for z in (x, y))
    primaries = (DISPLAYS[display] if isinstance(display, str) else display).primaries
    expected = cvvdp_numpy.cvvdp(x_light, y_light, params, pixels_per_degree(display), primaries)
    assert jod == pytest.approx(expected.jod, abs=1e-9) and jod < 9.9
    np.testing.assert_allclose(heat[..., 0], expected.heat, atol=1e-9)


# Rows odd and columns even, and the other way round, where borders differ; below and above the reach of the blur.
@pytest.mark.parametrize(
    ("height", "width", "display"),
    [(9, 12, "standard_4k"), (14, 7, "standard_hdr_pq"), (6, 11, "standard_phone")],
)
def test_scores_and_maps_are_those_of_the_description(height: int, width: int, display: str) -> None:
    check(*pair(height, width), display)


@pytest.mark.full
@pytest.mark.parametrize(
    ("height", "width", "display"),
    [
        (67, 50, "standard_fhd"),
        (64, 64, "standard_hdr_hlg"),
        (33, 120, "standard_hmd"),
        (75, 100, Display(distance=0.1)),
        (75, 100, Display(distance=2.0)),  # higher frequencies than the table has
    ],
)
def test_many_bands(height: int, width: int, display: str | Display) -> None:
    check(*pair(height, width), display)


@pytest.mark.full
def test_linear_light() -> None:
    check(*pair(40, 41, 2000.0), "standard_hdr_linear")


def test_bands() -> None:
    """One more than are above 0.2 cycles per degree, as many as fit; the rest counts as 0.1."""
    assert len(_frequencies(2160, pixels_per_degree("standard_4k"))) == 8 + 1
    assert _frequencies(24, 10.0) == pytest.approx([5, 5 * 0.3228, 5 * 0.3228 / 2, 0.1])
    assert _frequencies(2160, 0.3) == [0.15, 0.1]
    assert len(_frequencies(2**20, 1e6)) == 15 + 1


def test_a_score_is_lower_the_closer_one_looks() -> None:
    x, y = (z.astype(np.float32) for z in pair(9, 9))
    params = tiny_params("cvvdp")

    @jax.jit
    def score(x: np.ndarray, y: np.ndarray) -> list[jax.Array]:
        displays = (Display(distance=distance) for distance in (0.15, 0.5, 1.5))
        return [cvvdp(x, y, data_range=1.0, params=params, display=display) for display in displays]

    near, further, far = score(x, y)
    assert near < further < far < 10


def test_params_are_checked() -> None:
    image = np.zeros((8, 8, 3), np.float32)
    params = tiny_params("cvvdp")
    with pytest.raises(ValueError, match=r"^cvvdp: expected params of shapes .*load_params\('cvvdp'\)"):
        cvvdp(image, image, data_range=1.0, params={**params, "jod": np.zeros(3)})
    with pytest.raises(ValueError, match=r"^cvvdp_map: expected params"):
        cvvdp_map(image, image, data_range=1.0, params={})
