"""Noise has the deviation, the spectrum and the share that was asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.judgments.distortions import (
    checkerboard,
    colored_noise,
    gaussian_noise,
    impulse_noise,
    uniform_noise,
)


KEY = jax.random.key(3)
GRAY = np.full((96, 128, 2), 0.5, np.float32)


@pytest.fixture(scope="module")
def noise() -> dict[str, np.ndarray]:
    """Of deviation 0.05 about 0, by color."""

    @jax.jit
    def program(exponents: jax.Array) -> dict[str, jax.Array]:
        colored = jax.vmap(lambda exponent: colored_noise(KEY, GRAY, deviation=0.05, exponent=exponent))
        return {
            "gaussian": gaussian_noise(KEY, GRAY, deviation=0.05),
            "uniform": uniform_noise(KEY, GRAY, deviation=0.05),
            "colored": colored(exponents),
            "impulse": jnp.stack([impulse_noise(KEY, GRAY, share=share) for share in (0.0, 0.1, 0.3)]),
            "pixel": colored_noise(KEY, GRAY[:1, :1], deviation=0.05, exponent=-2.0),
            "board": checkerboard(GRAY[:4, :6], amplitude=0.25, side=2.0),
        }

    results = jax.device_get(program(jnp.array([-2.0, -1.0, 0.0, 1.0, 2.0])))
    return {name: image - 0.5 for name, image in results.items()}


def slope(noise: np.ndarray) -> float:
    """Of the logarithm of the power over that of the frequency, averaged over channels."""
    power = (np.abs(np.fft.fft2(noise, axes=(0, 1))) ** 2).mean(-1)
    frequency = np.hypot(np.fft.fftfreq(noise.shape[0])[:, None], np.fft.fftfreq(noise.shape[1]))
    inside = (frequency > 0.02) & (frequency < 0.5)
    return np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]


def test_deviation_and_distribution(noise: dict[str, np.ndarray]) -> None:
    for image in (noise["gaussian"], noise["uniform"], *noise["colored"]):
        assert image.std() == pytest.approx(0.05, rel=0.05)
        assert abs(image.mean()) < 0.001
    for image in (noise["gaussian"], noise["uniform"], *noise["colored"][2:]):  # brown noise is a few waves alone
        assert abs(np.corrcoef(image[..., 0].ravel(), image[..., 1].ravel())[0, 1]) < 0.05
    assert np.abs(noise["uniform"]).max() == pytest.approx(0.05 * 3**0.5, rel=1e-3)
    assert np.mean(noise["gaussian"] ** 4) / 0.05**4 == pytest.approx(3, rel=0.1)
    assert np.mean(noise["uniform"] ** 4) / 0.05**4 == pytest.approx(9 / 5, rel=0.05)


def test_spectrum(noise: dict[str, np.ndarray]) -> None:
    slopes = [slope(image) for image in noise["colored"]]
    np.testing.assert_allclose(slopes, [-2, -1, 0, 1, 2], atol=0.1)
    assert abs(slope(noise["gaussian"])) < 0.1
    assert np.abs(noise["colored"].mean((1, 2))).max() < 1e-6  # nothing constant


def test_one_pixel_has_no_frequencies(noise: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(noise["pixel"], 0)


def test_impulses(noise: dict[str, np.ndarray]) -> None:
    none, some, many = noise["impulse"]
    np.testing.assert_array_equal(none, 0)
    for image, share in ((some, 0.1), (many, 0.3)):
        assert set(np.unique(image)) == {-0.5, 0.0, 0.5}
        assert (image != 0).mean() == pytest.approx(share, abs=0.01)
        assert (image > 0).mean() == pytest.approx(share / 2, abs=0.01)
    np.testing.assert_array_equal(many[some != 0], some[some != 0])  # what is lost stays lost


def test_checkerboard(noise: dict[str, np.ndarray]) -> None:
    board = noise["board"][..., 0]
    np.testing.assert_array_equal(board[:2], np.tile([0.25, 0.25, -0.25, -0.25, 0.25, 0.25], (2, 1)))
    np.testing.assert_array_equal(board[2:], -board[:2])
