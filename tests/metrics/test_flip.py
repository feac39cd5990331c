import functools
import math
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from jaxloss.metrics._flip import PIXELS_PER_DEGREE


TO_XYZ = np.array(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ]
)
CROP = np.s_[100:164, 200:296]
WHITE = TO_XYZ.sum(axis=1)
DELTA = 6 / 29


def truth(x: np.ndarray, y: np.ndarray, pixels_per_degree: float) -> np.ndarray:
    """The map of the paper in float64, with filters of two dimensions, of sRGB images `[H, W, 3]` in [0, 1]."""
    colors, features = zip(*(seen(z, pixels_per_degree) for z in (x, y)), strict=True)
    largest = hyab(*(hunt(lab(TO_XYZ @ primary)) for primary in ((0, 1, 0), (0, 0, 1)))) ** 0.7
    color = hyab(*colors) ** 0.7
    low, high = color * 0.95 / (0.4 * largest), 0.95 + 0.05 * (color - 0.4 * largest) / (0.6 * largest)
    color = np.where(color < 0.4 * largest, low, high)
    edge, point = (np.abs(a - b) for a, b in zip(*features, strict=True))
    return color ** (1 - (np.maximum(edge, point) / math.sqrt(2)) ** 0.5)


def seen(image: np.ndarray, pixels_per_degree: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Its colors as the eye resolves them, and the strength of edges and of points."""
    linear = np.where(image > 0.04045, ((image + 0.055) / 1.055) ** 2.4, image / 12.92)
    relative = linear @ TO_XYZ.T / WHITE
    opponent = relative @ np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]]).T - (16, 0, 0)
    filtered = [correlate(opponent[..., i], kernel) for i, kernel in enumerate(sensitivity(pixels_per_degree))]
    y, cx, cz = (filtered[0] + 16) / 116, filtered[1] / 500, filtered[2] / 200
    xyz = np.stack([y + cx, y, y - cz], axis=-1) * WHITE
    colors = hunt(lab(np.clip(xyz @ np.linalg.inv(TO_XYZ).T, 0, 1) @ TO_XYZ.T))
    gray = (opponent[..., 0] + 16) / 116
    return colors, [np.hypot(correlate(gray, k), correlate(gray, k.T)) for k in detectors(pixels_per_degree)]


def sensitivity(pixels_per_degree: float) -> list[np.ndarray]:
    radius = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * pixels_per_degree)
    z = squares(radius) / pixels_per_degree**2
    rows = [[(1, 0.0047)], [(1, 0.0053)], [(34.1, 0.04), (13.5, 0.025)]]
    gaussians = [[a * math.sqrt(math.pi / b) * np.exp(-(math.pi**2) * z / b) for a, b in row] for row in rows]
    return [np.sum(row, axis=0) / np.sum(row) for row in gaussians]


def detectors(pixels_per_degree: float) -> list[np.ndarray]:
    sigma = 0.041 * pixels_per_degree
    radius = math.ceil(3 * sigma)
    x, g = np.arange(-radius, radius + 1), np.exp(-squares(radius) / (2 * sigma**2))
    kernels = (-x * g, (x**2 / sigma**2 - 1) * g)
    return [np.where(k < 0, k / -k[k < 0].sum(), k / k[k > 0].sum()) for k in kernels]


def squares(radius: int) -> np.ndarray:
    x = np.arange(-radius, radius + 1)
    return (x**2 + x[:, None] ** 2).astype(float)


def correlate(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(plane, len(kernel) // 2, mode="edge"), kernel.shape)
    return (windows * kernel).sum((2, 3))


def lab(xyz: np.ndarray) -> np.ndarray:
    t = xyz / WHITE
    x, y, z = np.moveaxis(np.where(t > DELTA**3, np.cbrt(t), t / (3 * DELTA**2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def hunt(z: np.ndarray) -> np.ndarray:
    return np.concatenate([z[..., :1], 0.01 * z[..., :1] * z[..., 1:]], axis=-1)


def hyab(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(x[..., 0] - y[..., 0]) + np.hypot(x[..., 1] - y[..., 1], x[..., 2] - y[..., 2])


@functools.partial(jax.jit, static_argnames="pixels_per_degree")
def score_and_map(x, y, data_range=1.0, pixels_per_degree=PIXELS_PER_DEGREE):
    return [
        f(x, y, data_range=data_range, pixels_per_degree=pixels_per_degree) for f in (jaxloss.flip, jaxloss.flip_map)
    ]


@pytest.mark.usefixtures("float64")
def test_equals_the_paper(crop_photograph, rng):
    """Of a bright photograph and of a dark one in another unit, hardly larger than the filters."""
    for light, unit in ((1.0, 1.0), (0.1, 255.0)):
        y = light * crop_photograph(1, 9, 14)[0].astype(np.float64)
        x = np.clip(y + 0.2 * light * rng.standard_normal(y.shape), 0, 1)
        x[:3, :3], y[:3, :3] = (0, 1, 0), (0, 0, 1)
        score, field = score_and_map(unit * x, unit * y, unit, pixels_per_degree=25.0)
        expected = truth(x, y, 25.0)
        np.testing.assert_allclose(field[..., 0], expected, rtol=1e-7)
        np.testing.assert_allclose(score, expected.mean(), rtol=1e-8)


def test_value_of_the_authors_package(shared_data: Path) -> None:
    """Of flip-evaluator 1.7."""
    x, y = (read_image(shared_data / "piq" / name).pixels[CROP] for name in ("i01_01_5.bmp", "I01.BMP"))
    np.testing.assert_allclose(score_and_map(x, y)[0], 0.1733766760, rtol=1e-6)


def test_too_coarse_a_display_is_refused() -> None:
    image = np.zeros((4, 5, 3), np.float32)
    with pytest.raises(ValueError, match=r"flip: expected pixels_per_degree >= 1, got 0\.5"):
        jaxloss.flip(image, image, data_range=1.0, pixels_per_degree=0.5)
