"""Blurs against NumPy's sums over their windows."""

import jax
import numpy as np
import pytest
import scipy.special

from jaxloss.judgments.distortions import bilateral_blur, gaussian_blur, motion_blur
from tests.photographs import crop_sample


X = crop_sample(3, 12, 15)[1]
DOT = np.zeros((9, 11, 1), np.float32)
DOT[4, 5] = 1


@pytest.fixture(scope="module")
def blurred() -> dict[str, np.ndarray]:
    @jax.jit
    def program(sigma: jax.Array, tolerance: jax.Array, length: jax.Array, angle: jax.Array) -> dict[str, jax.Array]:
        return {
            "gaussian": gaussian_blur(X, sigma=sigma),
            "bilateral": bilateral_blur(X, sigma=sigma, tolerance=tolerance, radius=2),
            "motion": motion_blur(DOT, length=length, angle=angle),
            "pairs": motion_blur(np.stack([X, X]), length=length, angle=angle, samples=5),
        }

    results = {name: jax.device_get(program(*numbers)) for name, numbers in PARAMETERS.items()}
    return {f"{name} {kind}": image for name, images in results.items() for kind, image in images.items()}


PARAMETERS = {"none": (0.0, 0.0, 0.0, 30.0), "some": (1.3, 0.2, 5.0, 90.0), "slanted": (0.4, 1e3, 4.0, 45.0)}


@pytest.mark.parametrize(("name", "sigma"), [("some", 1.3), ("slanted", 0.4)])
def test_gaussian_is_the_sum_over_its_discrete_analog(name: str, sigma: float, blurred: dict[str, np.ndarray]) -> None:
    weights = scipy.special.ive(np.abs(np.arange(-11, 12)), sigma**2)
    padded = np.pad(X, [(11, 11), (11, 11), (0, 0)], mode="symmetric")
    rows = np.sum([weight * padded[i : i + 12] for i, weight in enumerate(weights)], axis=0)
    expected = np.sum([weight * rows[:, i : i + 15] for i, weight in enumerate(weights)], axis=0)
    np.testing.assert_allclose(blurred[f"{name} gaussian"], expected, atol=1e-6)


@pytest.mark.parametrize(("name", "sigma", "tolerance"), [("some", 1.3, 0.2), ("slanted", 0.4, 1e3)])
def test_bilateral_is_the_sum_over_its_window(
    name: str, sigma: float, tolerance: float, blurred: dict[str, np.ndarray]
) -> None:
    padded = np.pad(X, [(2, 2), (2, 2), (0, 0)], mode="edge").astype(np.float64)
    total, weights = np.zeros_like(X, np.float64), np.zeros((12, 15, 1))
    for i, j in np.ndindex(5, 5):
        neighbor = padded[i : i + 12, j : j + 15]
        difference = ((neighbor - X) ** 2).mean(-1, keepdims=True)
        weight = np.exp(-((i - 2) ** 2 + (j - 2) ** 2) / (2 * sigma**2) - difference / (2 * tolerance**2))
        total, weights = total + weight * neighbor, weights + weight
    np.testing.assert_allclose(blurred[f"{name} bilateral"], total / weights, atol=1e-5)


def test_motion_spreads_a_point_along_its_line(blurred: dict[str, np.ndarray]) -> None:
    upright, slanted = blurred["some motion"][..., 0], blurred["slanted motion"][..., 0]
    np.testing.assert_allclose(upright.sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(upright[3:6, 5], 0.2, atol=0.01)
    np.testing.assert_allclose(np.delete(upright, 5, 1), 0, atol=1e-6)
    assert slanted[3, 6] == pytest.approx(slanted[5, 4], rel=1e-4) and slanted[3, 6] > 0.1  # up to the right
    assert slanted[3, 4] < 0.02 and slanted[5, 6] < 0.02
    np.testing.assert_array_equal(*blurred["some pairs"])


def test_nothing_blurs_nothing(blurred: dict[str, np.ndarray]) -> None:
    for kind, image in (("gaussian", X), ("bilateral", X), ("motion", DOT)):
        np.testing.assert_allclose(blurred[f"none {kind}"], image, atol=1e-6)
