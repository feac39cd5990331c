import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import laplacian_pyramid
from jaxloss.ops._laplacian import HALVINGS


BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16


def halve(row: np.ndarray) -> np.ndarray:
    """matlabPyrTools' corrDn with "binom5" and "reflect1": every other value of a row, filtered."""
    padded = np.pad(row, 2, "reflect")
    return np.array([np.sqrt(2) * BINOMIAL @ padded[i : i + 5] for i in range(0, len(row), 2)])


def enlarge(half: np.ndarray, length: int, mirrored: int) -> np.ndarray:
    """Its upConv: zeros between the values, up to `mirrored` of them, mirrored and filtered."""
    spread = np.zeros(mirrored)
    spread[::2] = half
    padded = np.pad(spread, 2, "reflect")
    return np.array([np.sqrt(2) * BINOMIAL @ padded[i : i + 5] for i in range(length)])


def along_both(function, image, *arguments):
    for axis in (0, 1):
        image = np.apply_along_axis(function, axis, image, *(argument[axis] for argument in arguments))
    return image


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("halving", ["simoncelli", "piq"])
def test_equals_pyramids_of_zeros_and_mirrors(halving, rng):
    image = rng.standard_normal((11, 6))
    fine, half = jax.jit(lambda z: laplacian_pyramid(z, levels=2, halving=halving))(image[..., None])
    expected = along_both(halve, image)
    mirrored = (11, 6) if halving == "simoncelli" else (12, 6)
    np.testing.assert_allclose(half[..., 0], expected, rtol=1e-12)
    enlarged = along_both(enlarge, expected, image.shape, mirrored)
    np.testing.assert_allclose(fine[..., 0], image - enlarged, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("halving", HALVINGS)
def test_flat_images_have_no_detail(halving):
    """But what is left, with the gain of each halving; down to a single pixel, of each channel for itself."""
    image = np.broadcast_to(np.array([0.25, 1.0], np.float32), (3, 9, 5, 2))
    *details, rest = jax.jit(lambda z: laplacian_pyramid(z, levels=5, halving=halving))(image)
    assert [z.shape for z in (*details, rest)] == [(3, *size, 2) for size in ((9, 5), (5, 3), (3, 2), (2, 1), (1, 1))]
    for detail in details:
        np.testing.assert_allclose(detail, 0, atol=1e-5)
    np.testing.assert_allclose(rest / HALVINGS[halving].gain ** 4, image[:, :1, :1], rtol=1e-6)


def test_one_level_is_the_image(rng):
    image = rng.standard_normal((4, 5, 1), np.float32)
    (same,) = laplacian_pyramid(image, levels=1)
    np.testing.assert_array_equal(same, image)


def test_gradient_is_the_adjoint(rng):
    image, *other = (rng.standard_normal((*size, 1), np.float32) for size in ((7, 6), (7, 6), (4, 3), (2, 2)))

    @jax.jit
    def pyramid_and_pull_back(image: jax.Array, other: list[jax.Array]) -> tuple[list[jax.Array], jax.Array]:
        levels, pull_back = jax.vjp(lambda z: laplacian_pyramid(z, levels=3), image)
        return levels, *pull_back(other)

    levels, gradient = pyramid_and_pull_back(image, other)
    expected = sum((a * b).sum() for a, b in zip(levels, other, strict=True))
    np.testing.assert_allclose((gradient * image).sum(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"), [({"halving": "haar"}, "halving one of"), ({"levels": 0}, "levels >= 1")]
)
def test_errors(options, words):
    with pytest.raises(ValueError, match=words):
        laplacian_pyramid(jnp.zeros((4, 4, 1)), **{"levels": 2, **options})
