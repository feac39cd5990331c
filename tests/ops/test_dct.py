import jax
import numpy as np
import pytest

from jaxloss.ops._dct import ALL_FREQUENCIES, block_dct, split_blocks


def slow(block: np.ndarray, u: int, v: int) -> float:
    """The definition, pixel by pixel."""
    scale = np.sqrt(1 / 8 if u == 0 else 2 / 8) * np.sqrt(1 / 8 if v == 0 else 2 / 8)
    angle = np.pi / 16
    return scale * sum(
        block[i, j] * np.cos(angle * (2 * i + 1) * u) * np.cos(angle * (2 * j + 1) * v)
        for i in range(8)
        for j in range(8)
    )


@pytest.mark.usefixtures("float64")
def test_coefficients(rng):
    """All of them and some, of blocks that are whole; and their squares are those of the pixels."""
    image = rng.random((2, 18, 25, 1))
    some = rng.random((8, 8)) < 0.3
    functions = (split_blocks, *(lambda z, f=f: block_dct(split_blocks(z), f) for f in (ALL_FREQUENCIES, some)))
    blocks, found, few = jax.jit(lambda z: [f(z) for f in functions])(image)
    assert (blocks.shape, found.shape) == ((2, 2, 3, 4, 16), (2, 2, 3, 64))
    np.testing.assert_allclose((found**2).sum(), (image[:, :16, :24] ** 2).sum())
    np.testing.assert_allclose(few, np.asarray(found)[..., some.ravel()])
    np.testing.assert_array_equal(blocks[1, 0, 2, 1].reshape(4, 4), image[1, 0:4, 20:24, 0])
    block = image[1, 8:16, 16:24, 0]
    expected = [slow(block, u, v) for u in range(8) for v in range(8)]
    np.testing.assert_allclose(found[1, 1, 2], expected, atol=1e-12)
