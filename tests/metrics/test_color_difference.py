import functools

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.ops import color_difference


METRICS = {
    "cie76": (jaxloss.delta_e_76, jaxloss.delta_e_76_map),
    "ciede2000": (jaxloss.ciede2000, jaxloss.ciede2000_map),
}


def lab(image: np.ndarray) -> np.ndarray:
    """From IEC 61966-2-1 and CIE 15, color by color; with the digits of scikit-image."""
    to_xyz = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    out = np.empty(image.shape)
    for index in np.ndindex(*image.shape[:-1]):
        linear = [((v + 0.055) / 1.055) ** 2.4 if v > 0.04045 else v / 12.92 for v in image[index]]
        relative = to_xyz @ linear / (0.95047, 1, 1.08883)
        x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in relative)
        out[index] = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    return out


@pytest.mark.parametrize("formula", METRICS)
@pytest.mark.usefixtures("float64")
def test_is_the_mean_of_the_map_of_differences(crop_photograph, rng, formula: str) -> None:
    """In any unit, of a bright image and of a dark one; the formula itself is tested with Sharma's pairs."""

    @jax.jit
    def score_and_map(x, y, data_range):
        return [function(x, y, data_range=data_range) for function in METRICS[formula]]

    difference = jax.jit(functools.partial(color_difference, formula=formula))
    for light, unit in ((1.0, 1.0), (0.1, 255.0)):
        y = light * crop_photograph(1, 8, 9)[0].astype(np.float64)
        x = np.clip(y + 0.1 * light * rng.standard_normal(y.shape), 0, 1)
        score, field = score_and_map(unit * x, unit * y, unit)
        expected = np.asarray(difference(lab(x), lab(y)))
        np.testing.assert_allclose(field[..., 0], expected, rtol=1e-9)
        np.testing.assert_allclose(score, expected.mean(), rtol=1e-9)


def test_gray_images_have_to_be_repeated() -> None:
    gray = np.zeros((4, 5, 1), np.float32)
    with pytest.raises(ValueError, match=r"^ciede2000_map: expected 3 channels .*jnp\.repeat"):
        jaxloss.ciede2000_map(gray, gray, data_range=1.0)
