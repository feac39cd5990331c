"""Each library's resizing, against weights that are looked up one by one; PIL's against PIL."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from jaxloss.ops import resize
from jaxloss.ops._resize import METHODS, halve_bicubic, resize_matrix, resize_planes
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


@pytest.mark.parametrize(("kernel", "method"), [("cubic", "matlab_bicubic"), ("linear", "matlab_bilinear")])
@pytest.mark.parametrize(("size", "new"), [((5, 9), (12, 7)), ((30, 3), (4, 64)), ((100, 140), (64, 90))])
def test_resizes_as_matlab(
    size: tuple[int, int], new: tuple[int, int], kernel: str, method: str, rng: np.random.Generator
) -> None:
    """Whole matrices and, of large images, bands of them."""
    planes = rng.random((2, 1, *size), np.float32)
    found = jax.jit(lambda z: resize_planes(z, new, method))(planes)
    assert found.shape == (2, 1, *new)
    expected = [imresize(plane[0].astype(np.float64), *new, kernel) for plane in planes]
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)


def test_by_another_scale(rng: np.random.Generator) -> None:
    image = rng.random((9, 10))
    rows, columns = (resize_matrix(size, 3, METHODS["matlab_bicubic"], scale=0.25) for size in image.shape)
    by_scale = rows @ image @ columns.T
    np.testing.assert_allclose(by_scale, imresize(image, 3, 3, "cubic", scale=0.25), rtol=1e-12)


# Of four pixels, for the first of so many new ones: where those lie, how wide the kernel is, what is beyond the border.
BY_HAND = [
    ("torch_bilinear", 2, [[1 / 2, 1 / 2, 0, 0]]),
    ("torch_bilinear_antialias", 2, [[3 / 7, 3 / 7, 1 / 7, 0]]),
    ("pil_bilinear", 2, [[3 / 7, 3 / 7, 1 / 7, 0]]),
    ("matlab_bilinear", 2, [[4 / 8, 3 / 8, 1 / 8, 0]]),
    ("tf1_bilinear", 2, [[1, 0, 0, 0]]),
    ("pil_box", 2, [[1 / 2, 1 / 2, 0, 0]]),
    ("torch_bilinear", 8, [[1, 0, 0, 0], [3 / 4, 1 / 4, 0, 0], [1 / 4, 3 / 4, 0, 0]]),
    ("tf1_bilinear", 8, [[1, 0, 0, 0], [1 / 2, 1 / 2, 0, 0], [0, 1, 0, 0]]),
    ("torch_bilinear_align_corners", 7, [[1, 0, 0, 0], [1 / 2, 1 / 2, 0, 0], [0, 1, 0, 0]]),
    ("torch_bicubic_align_corners", 7, [[1, 0, 0, 0], [16 / 32, 19 / 32, -3 / 32, 0]]),
    ("torch_bicubic_align_corners", 1, [[1, 0, 0, 0]]),
    ("pil_box", 8, [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]),
]


@pytest.mark.parametrize(("method", "new", "rows"), BY_HAND)
def test_weights_by_hand(method: str, new: int, rows: list[list[float]]) -> None:
    np.testing.assert_allclose(resize_matrix(4, new, METHODS[method])[: len(rows)], rows, atol=1e-12)


SHAPES = [((37, 50), (61, 20)), ((120, 100), (50, 33))]  # PIL goes along rows first, as here


@pytest.mark.parametrize("method", [name for name in METHODS if name.startswith("pil_")])
def test_resizes_as_pil(method: str, rng: np.random.Generator) -> None:
    """In float, and, to the last bit, images of 8 bits."""
    filtering = PIL.Image.Resampling[method.removeprefix("pil_").upper()]
    for (height, width), (rows, columns) in SHAPES:
        levels = rng.integers(0, 256, (height, width), np.uint8)
        image = levels.astype(np.float32)[..., None]
        expected = [
            np.asarray(PIL.Image.fromarray(z).resize((columns, rows), filtering)) for z in (image[..., 0], levels)
        ]
        for eight_bits in (False, True):
            options = {"size": (rows, columns), "method": method, "eight_bits": eight_bits}
            found = jax.jit(partial(resize, **options))(image)
            assert found.shape == (rows, columns, 1) and found.dtype == jnp.float32
            tolerance = 0 if eight_bits else 1e-4
            np.testing.assert_allclose(found[..., 0], expected[eight_bits].astype(float), atol=tolerance)


@pytest.mark.usefixtures("float64")
def test_gradient_is_the_transpose(rng: np.random.Generator) -> None:
    """Of images of 8 bits, too, as long as nothing is clipped."""
    x, weight = rng.uniform(100, 150, (2, 5, 4, 3)), rng.normal(size=(2, 3, 6, 3))

    def total(x: jax.Array, eight_bits: bool) -> jax.Array:
        return (resize(x, size=(3, 6), method="pil_bilinear", eight_bits=eight_bits) * weight).sum()

    plain, rounded = (jax.jit(jax.grad(partial(total, eight_bits=bits)))(x) for bits in (False, True))
    rows, columns = (resize_matrix(*sides, METHODS["pil_bilinear"]) for sides in ((5, 3), (4, 6)))
    np.testing.assert_allclose(plain, np.einsum("ih,jw,...ijc->...hwc", rows, columns, weight), rtol=1e-12)
    np.testing.assert_allclose(rounded, plain, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "bilinear"}, r"^resize: expected method one of \['matlab_bicubic', "),
        ({"size": (0, 3)}, r"^resize: expected size of two positive numbers, got \(0, 3\)\."),
        ({"eight_bits": True}, r"^resize: expected eight_bits with a method of PIL, got 'tf1_bilinear'\."),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resize(np.zeros((4, 4, 1), np.float32), **{"size": (3, 3), "method": "tf1_bilinear", **change})
