import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxloss.ops import _pyramids, average_pool
from jaxloss.ops._pyramids import ODD_SIZES, pooled_size


def pool(image: np.ndarray, factor: int) -> np.ndarray:
    height, width, channels = image.shape
    return image.reshape(height // factor, factor, width // factor, factor, channels).mean(axis=(1, 3))


@pytest.mark.parametrize("odd", ODD_SIZES)
def test_sizes_that_divide_are_plain_means(rng, odd):
    image = rng.random((6, 8, 3))
    np.testing.assert_allclose(average_pool(jnp.float32(image), odd=odd), pool(image, 2), rtol=1e-6)


def test_widths_and_channels(rng: np.random.Generator) -> None:
    """In blocks of several cells, of one, and without a matrix; the gradient is the adjoint."""
    sizes = [(2, 1), (26, 1), (96, 1), (2, 3), (26, 3), (96, 3), (2, 20), (26, 40)]
    images = [rng.random((2, 4, width, channels), np.float32) for width, channels in sizes]
    expected = [np.stack([pool(z, 2) for z in image]) for image in images]
    cotangents = [rng.random(z.shape, np.float32) for z in expected]

    @jax.jit
    def evaluate(images, cotangents):
        pooled, pull_back = jax.vjp(lambda images: [average_pool(z) for z in images], images)
        return pooled, pull_back(cotangents)[0]

    results, gradients = evaluate(images, cotangents)
    for image, result, cotangent, gradient, truth in zip(images, results, cotangents, gradients, expected, strict=True):
        np.testing.assert_allclose(result, truth, rtol=1e-6)
        np.testing.assert_allclose(np.vdot(gradient, image), np.vdot(cotangent, truth), rtol=1e-5)


def test_forms_for_accelerators_pool_the_same(rng: np.random.Generator) -> None:
    """And the primitive takes a mapped axis, wherever it is, and derivatives forward."""
    image = rng.random((2, 4, 6, 3), np.float32)

    @jax.jit
    def evaluate(image: jax.Array) -> list[jax.Array]:
        forms = [form(image, 2) for form in (_pyramids.pool_windows, _pyramids.pool_planes)]
        mapped = jax.vmap(average_pool, in_axes=1)(jnp.moveaxis(image, 0, 1))
        return [*forms, mapped, jax.jvp(average_pool, (image,), (image,))[1]]

    expected = [pool(z, 2) for z in image]
    for found in evaluate(image):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 9), (8, 13), (12, 12)])
def test_symmetric_is_matlab(rng, shape):
    """imfilter(image, ones(f) / f², 'symmetric') and every f-th pixel; an even window reaches further ahead."""
    image = rng.random((*shape, 1))
    factors = (1, 2, 3, 4, 5)
    results = jax.jit(lambda z: [average_pool(z, factor=factor) for factor in factors])(jnp.float32(image))
    for factor, result in zip(factors, results, strict=True):
        filtered = image
        for axis in (0, 1):
            filtered = ndimage.uniform_filter1d(filtered, factor, axis, mode="reflect", origin=-((factor + 1) % 2))
        np.testing.assert_allclose(result, filtered[::factor, ::factor], rtol=1e-6)


EXTENSIONS = {
    "drop": lambda z: z[:-1],
    "replicate": lambda z: np.pad(z, ((1, 0), (1, 0), (0, 0)), mode="edge")[:, :-1],
    "zero": lambda z: np.pad(z, ((1, 1), (0, 0), (0, 0)))[:-1],
    "zero_after": lambda z: np.pad(z, ((0, 1), (0, 0), (0, 0))),
}


@pytest.mark.parametrize("odd", EXTENSIONS)
def test_odd_sizes(rng, odd):
    """One odd side and one even one, padded as the library padded it and pooled plainly."""
    image = rng.random((7, 8, 2))
    pooled = average_pool(jnp.float32(image), odd=odd)
    np.testing.assert_allclose(pooled, pool(EXTENSIONS[odd](image), 2), rtol=1e-6)


@pytest.mark.parametrize("odd", ODD_SIZES)
@pytest.mark.parametrize("shape", [(7, 8), (7, 7), (8, 9), (4, 6)])
def test_pooled_size(odd, shape):
    height, width = shape
    pooled = jax.eval_shape(lambda z: average_pool(z, odd=odd), jax.ShapeDtypeStruct((*shape, 1), jnp.float32))
    assert pooled.shape[:2] == (pooled_size(height, width, odd), pooled_size(width, height, odd))


def test_bad_input_raises():
    with pytest.raises(ValueError, match="odd one of"):
        average_pool(jnp.zeros((4, 4, 1)), odd="ceil")
    with pytest.raises(ValueError, match="factor >= 1"):
        average_pool(jnp.zeros((4, 4, 1)), factor=0)
