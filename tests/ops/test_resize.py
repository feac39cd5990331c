"""MATLAB's imresize, against weights that are looked up one by one."""

import jax
import numpy as np
import pytest

from jaxloss.ops._resize import halve_bicubic, resize, resize_matrix
from tests.metrics import _natural_scenes as truth


@pytest.mark.parametrize("shape", [(8, 12), (11, 7)])
def test_halves_as_matlab(shape: tuple[int, int], rng: np.random.Generator) -> None:
    planes = rng.random((2, *shape), np.float32)
    halves = jax.jit(halve_bicubic)(planes[:, None])
    assert halves.shape == (2, 1, -(-shape[0] // 2), -(-shape[1] // 2))
    for found, plane in zip(halves[:, 0], planes, strict=True):
        np.testing.assert_allclose(found, truth.halve(plane.astype(np.float64)), atol=1e-6)


def cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


KERNELS = {"cubic": cubic, "linear": lambda x: max(0.0, 1 - abs(x))}


def imresize(image: np.ndarray, height: int, width: int, kernel: str, scale: float = 0.0) -> np.ndarray:
    """MATLAB's `imresize(image, [height, width], kernel)`, or by a scale, pixel by pixel."""
    for size in (height, width):
        rows = []
        ratio = scale or size / len(image)
        shrinking = min(ratio, 1)
        for i in range(size):
            center = (i + 0.5) / ratio - 0.5
            near = range(int(center - 3 / shrinking) - 1, int(center + 3 / shrinking) + 2)
            weights = [KERNELS[kernel]((center - j) * shrinking) for j in near]
            mirrored = [min(j % (2 * len(image)), (-1 - j) % (2 * len(image))) for j in near]
            rows.append(sum(w * image[j] for w, j in zip(weights, mirrored, strict=True)) / sum(weights))
        image = np.array(rows).T
    return image


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("size", "new"), [((5, 9), (12, 7)), ((30, 3), (4, 64)), ((100, 140), (64, 96))])
def test_resizes_as_matlab(size: tuple[int, int], new: tuple[int, int], kernel: str, rng: np.random.Generator) -> None:
    """Whole matrices and, of large images, bands of them."""
    planes = rng.random((2, 1, *size), np.float32)
    matrices = [resize_matrix(old, side, kernel=kernel) for old, side in zip(size, new, strict=True)]
    found = jax.jit(lambda z: resize(z, *matrices))(planes)
    assert found.shape == (2, 1, *new)
    expected = [imresize(plane[0].astype(np.float64), *new, kernel) for plane in planes]
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)


def test_without_antialiasing_and_by_another_scale(rng: np.random.Generator) -> None:
    image = rng.random((9, 10))
    rows, columns = (resize_matrix(size, 3, kernel="cubic", scale=0.25) for size in image.shape)
    by_scale = rows @ image @ columns.T
    np.testing.assert_allclose(by_scale, imresize(image, 3, 3, "cubic", scale=0.25), rtol=1e-12)
    plain = resize_matrix(9, 3, kernel="linear", antialias=False)
    np.testing.assert_array_equal(plain, np.eye(9)[1::3])
