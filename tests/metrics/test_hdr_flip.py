import functools
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from jaxloss.metrics._hdr_flip import TONE_MAPPERS as CURVES, tone_map


PIXELS_PER_DEGREE = 9.0
CROP = np.s_[100:164, 200:296]
LUMINANCE = (0.2126, 0.7152, 0.0722)


def aces(z: np.ndarray) -> np.ndarray:
    z = 0.6 * z
    return z * (2.51 * z + 0.03) / (z * (2.43 * z + 0.59) + 0.14)


def hable(z: np.ndarray) -> np.ndarray:
    return uncharted(2 * z) / uncharted(np.array(11.2))


def uncharted(z: np.ndarray) -> np.ndarray:
    return (z * (0.15 * z + 0.05) + 0.004) / (z * (0.15 * z + 0.5) + 0.06) - 0.02 / 0.3


def reinhard(z: np.ndarray) -> np.ndarray:
    return z / (1 + (z @ LUMINANCE)[..., None])


TONE_MAPPERS = {"aces": aces, "hable": hable, "reinhard": reinhard}


def srgb(linear: np.ndarray) -> np.ndarray:
    return np.where(linear > 0.04045 / 12.92, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


@functools.partial(jax.jit, static_argnames="tone_mapper")
def hdr_flip_map(x, y, exposures=None, tone_mapper="aces"):
    return jaxloss.hdr_flip_map(x, y, exposures=exposures, tone_mapper=tone_mapper, pixels_per_degree=PIXELS_PER_DEGREE)


@jax.jit
def flip_map(x, y):
    return jaxloss.flip_map(x, y, data_range=1.0, pixels_per_degree=PIXELS_PER_DEGREE)


@pytest.fixture
def pair(rng):
    y = np.exp(2 * rng.standard_normal((10, 11, 3)))
    return y * np.exp(0.2 * rng.standard_normal(y.shape)), y


@pytest.mark.parametrize("tone_mapper", TONE_MAPPERS)
@pytest.mark.usefixtures("float64")
def test_is_the_largest_flip_of_what_istone_mapped(pair, tone_mapper: str) -> None:
    exposures = (-3.0, 0.5, 2.0)
    curve = TONE_MAPPERS[tone_mapper]
    maps = [flip_map(*(srgb(np.minimum(curve(2**stop * z), 1)) for z in pair)) for stop in exposures]
    result = hdr_flip_map(*pair, np.array(exposures), tone_mapper)
    np.testing.assert_allclose(result, np.max(maps, axis=0), rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_exposures_are_those_of_the_reference(pair) -> None:
    """From its brightest pixel to its median, one a stop; of each image of a batch its own; and in any unit."""
    x, y = (np.stack([z, z**2]) for z in pair)
    result = hdr_flip_map(x, y)
    counts = []
    for i, one in enumerate(y):
        light = np.sort((one @ LUMINANCE).ravel())
        first, last = (math.log2(bright_of_aces() / level) for level in (light[-1], light[light.size // 2]))
        counts.append(max(2, math.ceil(last - first)))
        exposures = np.linspace(first, last, counts[-1])
        np.testing.assert_allclose(result[i], hdr_flip_map(x[i], one, exposures), rtol=1e-8)
    assert 2 < counts[0] < counts[1] < 32
    np.testing.assert_allclose(hdr_flip_map(1000 * x, 1000 * y), result, rtol=1e-8)


def bright_of_aces() -> float:
    """Where it gets to 0.85: by bisection."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if aces(np.array(middle)) < 0.85 else (low, middle)
    return low


def test_value_of_the_authors_package(shared_data: Path) -> None:
    """Of flip-evaluator 1.7: of photographs stretched to a range of 1000."""
    x, y = (1000 * read_image(shared_data / "piq" / name).pixels[CROP] ** 6 for name in ("i01_01_5.bmp", "I01.BMP"))
    np.testing.assert_allclose(jax.jit(jaxloss.hdr_flip)(x, y), 0.3856243386, rtol=1e-6)


@pytest.mark.parametrize("tone_mapper", TONE_MAPPERS)
def testtone_mapping_is_total(tone_mapper: str) -> None:
    """Finite for what is no light, which a network may put out, and for any brightness; dark light keeps its slope."""

    def mapped(light):
        return jnp.stack(tone_map(list(light), jnp.float32(3), CURVES[tone_mapper], tone_mapper == "reinhard"))

    light = np.array([0, 1e-20, -0.03, -0.2, -1, -1e9, 1, 1e19, 3e38], np.float32) * np.ones((3, 1), np.float32)
    value, gradient = jax.jit(lambda z: (mapped(z), jax.grad(lambda z: mapped(z).sum())(z)))(light)
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert (value <= 1).all() and (gradient[:, :2] > 0.5).all()


def test_black_median() -> None:
    """Of a reference that is black but for a lamp, which would ask for infinitely many exposures."""
    y = np.zeros((10, 11, 3))
    y[2, 3] = 1e4
    result = hdr_flip_map(y, y), hdr_flip_map(y + 1e-6, y)
    assert not np.any(result[0]) and np.all(result[1][5:] > 0.01)


def test_bad_exposures_raise() -> None:
    image = np.zeros((2, 4, 5, 3), np.float32)
    for exposures in (0.0, np.zeros((3, 2)), []):
        with pytest.raises(ValueError, match=r"^hdr_flip: expected exposures of shape \[E\] or \[2, 'E'\], got "):
            jaxloss.hdr_flip(image, image, exposures=exposures)
    with pytest.raises(ValueError, match=r"^hdr_flip_map: expected tone_mapper one of"):
        jaxloss.hdr_flip_map(image, image, tone_mapper="filmic")
