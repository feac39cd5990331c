import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxloss.ops import gradient_magnitude
from jaxloss.ops._gradients import laplacian, laplacian_by_neighbors


@pytest.mark.parametrize(("border", "mode"), [("zero", "constant"), ("reflect", "mirror")])
@pytest.mark.parametrize("kernel", ["prewitt", "sobel"])
def test_equals_scipy(rng: np.random.Generator, kernel: str, border: str, mode: str) -> None:
    """SciPy's kernels are not normalized."""
    image = rng.random((2, 7, 9, 2))
    size = {"prewitt": 6, "sobel": 8}[kernel]
    down, along = (filtered(kernel, image, axis, mode) for axis in (1, 2))
    magnitude = functools.partial(gradient_magnitude, kernel=kernel, border=border)
    result, twice = jax.jit(lambda z: (magnitude(z), magnitude(z, scale=2.0)))(np.float32(image))
    np.testing.assert_allclose(result, np.hypot(down, along) / size, atol=1e-6)
    np.testing.assert_allclose(twice, 2 * result, rtol=1e-6)


def filtered(kernel: str, image: np.ndarray, axis: int, mode: str) -> np.ndarray:
    """By its two factors: SciPy's own functions also smooth along the axes of batch and channels."""
    smooth = {"prewitt": (1, 1, 1), "sobel": (1, 2, 1)}[kernel]
    difference = ndimage.correlate1d(image, (-1, 0, 1), axis=axis, mode=mode)
    return ndimage.correlate1d(difference, smooth, axis=3 - axis, mode=mode)


def test_scharr_weighs_ten_to_three(rng: np.random.Generator) -> None:
    image = rng.random((5, 6, 1))
    down, along = (
        ndimage.correlate1d(ndimage.correlate1d(image, (-1, 0, 1), axis=i), (3, 10, 3), axis=1 - i) / 32 for i in (0, 1)
    )
    result = gradient_magnitude(jnp.float32(image), border="valid")
    np.testing.assert_allclose(result, np.hypot(down, along)[1:-1, 1:-1], atol=1e-6)


def test_flat_images_have_no_gradient() -> None:
    image = np.ones((4, 4, 1), np.float32)
    value, slope = jax.jit(jax.value_and_grad(lambda z: gradient_magnitude(z, border="reflect").sum()))(image)
    assert value == 0 and not slope.any()


def test_bad_input_raises() -> None:
    with pytest.raises(ValueError, match="kernel one of"):
        gradient_magnitude(jnp.ones((4, 4, 1)), kernel="roberts")
    with pytest.raises(ValueError, match="border one of"):
        gradient_magnitude(jnp.ones((4, 4, 1)), border="same")
    with pytest.raises(ValueError, match="at least 3 x 3"):
        gradient_magnitude(jnp.ones((4, 2, 1)), border="valid")


@pytest.mark.parametrize("form", [laplacian, laplacian_by_neighbors])
def test_laplacian_of_every_form_is_exact_where_flat(rng: np.random.Generator, form) -> None:
    """Its matrix is symmetric: the gradient of half its product with an image is itself."""
    image = rng.random((2, 5, 1, 3), np.float32)
    kernel = np.reshape([-1, -1, -1, -1, 8, -1, -1, -1, -1], (1, 3, 3, 1))
    expected = ndimage.correlate(np.float64(image), kernel, mode="reflect")
    half_product = jax.value_and_grad(lambda z: (z * form(z)).sum() / 2)
    found, (value, slope) = jax.jit(lambda z: (form(z), half_product(z)))(image)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(value, (image * expected).sum() / 2, rtol=1e-5)
    np.testing.assert_allclose(slope, expected, atol=2e-6)
    assert not jax.jit(form)(np.full((3, 4, 2), 0.7, np.float32)).any()
