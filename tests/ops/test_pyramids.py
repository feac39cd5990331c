import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxloss.ops import average_pool
from jaxloss.ops._pyramids import ODD_SIZES, pooled_size


def pool(image: np.ndarray, factor: int) -> np.ndarray:
    height, width, channels = image.shape
    return image.reshape(height // factor, factor, width // factor, factor, channels).mean(axis=(1, 3))


@pytest.mark.parametrize("odd", ODD_SIZES)
def test_sizes_that_divide_are_plain_means(rng, odd):
    image = rng.random((6, 8, 3))
    np.testing.assert_allclose(average_pool(jnp.float32(image), odd=odd), pool(image, 2), rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 20, 40])  # in blocks of several cells, of one, and without a matrix
@pytest.mark.parametrize("width", [2, 26, 96])
def test_widths_and_channels(rng: np.random.Generator, width: int, channels: int) -> None:
    image = jnp.asarray(rng.random((2, 4, width, channels)), jnp.float32)
    expected = np.stack([pool(np.asarray(z), 2) for z in image])
    np.testing.assert_allclose(average_pool(image), expected, rtol=1e-6)
    cotangent = jnp.asarray(rng.random(expected.shape), jnp.float32)
    (gradient,) = jax.vjp(average_pool, image)[1](cotangent)
    np.testing.assert_allclose(jnp.vdot(gradient, image), jnp.vdot(cotangent, expected), rtol=1e-5)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(7, 9), (8, 13), (12, 12)])
def test_symmetric_is_matlab(rng, factor, shape):
    """imfilter(image, ones(f) / f², 'symmetric') and every f-th pixel; an even window reaches further ahead."""
    image = rng.random((*shape, 1))
    filtered = image
    for axis in (0, 1):
        filtered = ndimage.uniform_filter1d(filtered, factor, axis, mode="reflect", origin=-((factor + 1) % 2))
    expected = filtered[::factor, ::factor]
    np.testing.assert_allclose(average_pool(jnp.float32(image), factor=factor), expected, rtol=1e-6)


EXTENSIONS = {
    "drop": lambda z: z[:-1],
    "replicate": lambda z: np.pad(z, ((1, 0), (1, 0), (0, 0)), mode="edge")[:, :-1],
    "zero": lambda z: np.pad(z, ((1, 1), (0, 0), (0, 0)))[:-1],
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
    assert average_pool(jnp.zeros((*shape, 1)), odd=odd).shape[:2] == (
        pooled_size(height, width, odd),
        pooled_size(width, height, odd),
    )


def test_bad_input_raises():
    with pytest.raises(ValueError, match="odd one of"):
        average_pool(jnp.zeros((4, 4, 1)), odd="ceil")
    with pytest.raises(ValueError, match="factor >= 1"):
        average_pool(jnp.zeros((4, 4, 1)), factor=0)
