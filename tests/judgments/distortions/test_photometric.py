"""What photometric distortions change, and what they leave, in JPEG's color space."""

import jax
import numpy as np
import pytest

from jaxloss.judgments.distortions import color_shift, contrast_change, lightness_shift, saturation_change
from jaxloss.ops import convert_color
from tests.photographs import crop_sample


X = 0.3 + 0.4 * crop_sample(3, 6, 8)[1]  # so that nothing is clipped


@pytest.fixture(scope="module")
def ycbcr() -> dict[str, np.ndarray]:
    """Of the image and its distortions."""

    @jax.jit
    def program(x: jax.Array) -> dict[str, jax.Array]:
        images = {
            "image": x,
            "lightness": lightness_shift(x, offset=-0.1),
            "color": color_shift(x, distance=0.05, angle=120.0),
            "contrast": contrast_change(x, factor=0.5),
            "saturation": saturation_change(x, factor=0.25),
        }
        return {name: convert_color(image, to="ycbcr") for name, image in images.items()}

    return jax.device_get(program(X))


def test_lightness_moves_luma_alone(ycbcr: dict[str, np.ndarray]) -> None:
    expected = np.broadcast_to([-0.1, 0, 0], X.shape)
    np.testing.assert_allclose(ycbcr["lightness"] - ycbcr["image"], expected, atol=1e-6)


def test_color_moves_chroma_alone(ycbcr: dict[str, np.ndarray]) -> None:
    angle = np.deg2rad(120)
    expected = np.broadcast_to([0, 0.05 * np.cos(angle), 0.05 * np.sin(angle)], X.shape)
    np.testing.assert_allclose(ycbcr["color"] - ycbcr["image"], expected, atol=1e-6)


def test_contrast_shrinks_about_the_mean(ycbcr: dict[str, np.ndarray]) -> None:
    image = ycbcr["image"] - [X.mean(), 0, 0]
    np.testing.assert_allclose(ycbcr["contrast"] - [X.mean(), 0, 0], image / 2, atol=1e-6)


def test_saturation_shrinks_chroma(ycbcr: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(ycbcr["saturation"], ycbcr["image"] * [1, 0.25, 0.25], atol=1e-6)


@pytest.mark.parametrize("gray", [False, True])
def test_color_needs_three_channels(gray: bool) -> None:
    channels = 1 if gray else 4
    for function, options in ((color_shift, {"distance": 0.1, "angle": 0.0}), (saturation_change, {"factor": 0.5})):
        with pytest.raises(ValueError, match=rf"{function.__name__}: expected 3 channels \(RGB\)"):
            function(np.ones((4, 4, channels), np.float32), **options)
