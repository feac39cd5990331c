import functools

import jax
import numpy as np
import pytest

import jaxloss


LUMA = (0.299, 0.587, 0.114)


def truth(
    x: np.ndarray, y: np.ndarray, block: int = 8, weight: np.ndarray | None = None, boundaries: float = 0
) -> float:
    """The paper, pair by pair, of images `[H, W]` in [0, 1].

    Pairs of weighted pixels have the product of two; and so many may be said to be at boundaries.
    """
    weight = np.ones_like(x) if weight is None else weight
    (height, width), squares, weights = x.shape, {True: [0.0], False: [0.0]}, {True: [0.0], False: [0.0]}
    for i in range(height):
        for j in range(width):
            for k, m, last in ((i + 1, j, i), (i, j + 1, j)):
                if k < height and m < width:
                    at_boundary = last % block == block - 1
                    weights[at_boundary].append(weight[i, j] * weight[k, m])
                    squares[at_boundary].append(weights[at_boundary][-1] * (x[i, j] - x[k, m]) ** 2)
    numbers = {at: sum(weights[at]) for at in weights}
    if boundaries:
        numbers = {True: boundaries, False: sum(numbers.values()) - boundaries}
    across, within = (sum(squares[at]) / numbers[at] for at in (True, False))
    share = np.log2(block) / np.log2(min(height, width)) if across > within else 0
    error = np.average((x - y) ** 2, weights=weight) + share * (across - within)
    return 10 * np.log10(1 / error)


@functools.partial(jax.jit, static_argnames=("block_size", "counts"))
def psnr_b(x, y, mask=None, data_range=1.0, block_size=8, counts="pairs"):
    return jaxloss.psnr_b(x, y, data_range=data_range, mask=mask, block_size=block_size, counts=counts)


def blocky(y: np.ndarray, block: int) -> np.ndarray:
    """Each block half way to its mean."""
    rows, columns = (np.arange(side) // block for side in y.shape[:2])
    out = y.copy()
    for i in np.unique(rows):
        for j in np.unique(columns):
            cell = np.ix_(rows == i, columns == j)
            out[cell] = (y[cell] + y[cell].mean(axis=(0, 1))) / 2
    return out


@pytest.mark.usefixtures("float64")
def test_equals_the_paper(crop_photograph, rng):
    """Of blocky and of other images, with sides that are no multiples of a block, and under a mask."""
    y = crop_photograph(1, 21, 25)[0].astype(np.float64)
    mask = rng.random((21, 25)) * (rng.random((21, 25)) > 0.2)
    for x, block in ((blocky(y, 8), 8), (blocky(y, 4), 4), (y + 0.1 * rng.standard_normal(y.shape), 8)):
        for weight in (None, mask):
            expected = truth(x @ LUMA, y @ LUMA, block, weight)
            np.testing.assert_allclose(psnr_b(x, y, weight, block_size=block), expected, rtol=1e-10)


def test_own_blocks_of_a_reference_count(crop_photograph):
    """Equal images score less than infinity if they have blocks."""
    y = crop_photograph(1, 24, 24)[0]
    x = blocky(y, 8)
    assert psnr_b(x, x) < 60 and psnr_b(0.3 * np.ones_like(y), 0.3 * np.ones_like(y)) == np.inf


@pytest.mark.usefixtures("float64")
def test_area_is_another_number_of_pairs(crop_photograph):
    y = crop_photograph(1, 32, 24)[0].astype(np.float64)
    x = blocky(y, 8)
    expected = truth(x @ LUMA, y @ LUMA, boundaries=2 * 32 * 24 / 8 - 2)
    np.testing.assert_allclose(psnr_b(x, y, counts="area"), expected, rtol=1e-10)


def test_errors():
    image = np.zeros((16, 16, 1), np.float32)
    with pytest.raises(ValueError, match=r"psnr_b: expected counts one of \['area', 'pairs'\], got 'sewar'"):
        jaxloss.psnr_b(image, image, data_range=1.0, counts="sewar")
    with pytest.raises(ValueError, match="psnr_b: expected block_size > 1, got 1"):
        jaxloss.psnr_b(image, image, data_range=1.0, block_size=1)
    with pytest.raises(ValueError, match="images of at least 17 x 17 pixels for a block of 16 and its neighbor"):
        jaxloss.psnr_b(image, image, data_range=1.0, block_size=16)
