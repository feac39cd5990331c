"""A tiny network of a user's, and choices for it: what the trainings of LPIPS are tested with."""

from typing import Any

import jax
import numpy as np
from jax import lax

from jaxloss.judgments import Choices


def features(trunk: Any, images: jax.Array) -> dict[str, jax.Array]:
    """Of a convolution with windows of 3 x 3 pixels, and of one of single positions after it."""
    low = jax.nn.relu(_convolve(images, trunk["low"]["kernel"]))
    return {"low": low, "high": jax.nn.relu(_convolve(low, trunk["high"]["kernel"]))}


def _convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    axes = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=axes, precision=lax.Precision.HIGHEST)


def first_params(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "trunk": {
            "low": {"kernel": rng.standard_normal((3, 3, 3, 6), np.float32)},
            "high": {"kernel": rng.standard_normal((1, 1, 6, 4), np.float32)},
        },
        "heads": {
            "low": np.float32(0.02) * rng.random(6, np.float32),
            "high": np.float32(0.02) * rng.random(4, np.float32),
        },
        "preprocessing": {"offset": np.full(3, 0.5, np.float32), "scale": np.full(3, 0.25, np.float32)},
    }


def random_choices(count: int, side: int = 8, seed: int = 0) -> Choices:
    rng = np.random.default_rng(seed)
    images = rng.random((3, count, side, side, 3), np.float32)
    return Choices(*images, judge=rng.random(count, np.float32), weight=np.ones(count, np.float32))
