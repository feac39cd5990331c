import functools

import jax
import numpy as np
import pytest

import jaxloss


SIGMAS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
CENTERS = np.array([
    [[0, 0.1011, 0], [0.1493, 0, 0.1460], [0, 0.1015, 0]],
    [[0, 0.0757, 0], [0.1986, 0, 0.1846], [0, 0.0837, 0]],
    [[0, 0.0477, 0], [0.2138, 0, 0.2243], [0, 0.0467, 0]],
    [[0, 0, 0], [0.2503, 0, 0.2616], [0, 0, 0]],
    [[0, 0, 0], [0.2598, 0, 0.2552], [0, 0, 0]],
    [[0, 0, 0], [0.2215, 0, 0.0717], [0, 0, 0]],
])  # fmt: skip
DIVISORS = np.pad(CENTERS, ((0, 0), (1, 1), (1, 1)))
DIVISORS[0, 2, 4] = 0.0072  # the one weight of theirs at a distance of 2
LOW_PASS = np.outer([0.05, 0.25, 0.4, 0.25, 0.05], [0.05, 0.25, 0.4, 0.25, 0.05])


def truth(x: np.ndarray, y: np.ndarray) -> float:
    """The authors' MATLAB code in float64, of images `[H, W, 3]` in [0, 1]."""
    of_x, of_y = (normalized_pyramid(z @ (0.299, 0.587, 0.114)) for z in (x, y))
    return float(np.mean([np.sqrt(((a - b) ** 2).mean()) for a, b in zip(of_x, of_y, strict=True)]))


def normalized_pyramid(image: np.ndarray) -> list[np.ndarray]:
    levels = []
    for k in range(6):
        low = weigh(np.pad(image, 2, "symmetric"), LOW_PASS)[::2, ::2]
        level = image - enlarge(low, image.shape) if k < 5 else image
        # A convolution: the filter is turned round.
        amplitude = weigh(np.pad(np.abs(level), 2), DIVISORS[k][::-1, ::-1])
        levels.append(level / (SIGMAS[k] + amplitude))
        image = low
    return levels


def enlarge(low: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    padded = np.pad(low, 1, "edge")
    spread = np.zeros((2 * padded.shape[0], 2 * padded.shape[1]))
    spread[::2, ::2] = 4 * padded
    return weigh(np.pad(spread, 2), LOW_PASS)[2 : 2 + shape[0], 2 : 2 + shape[1]]


def weigh(padded: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted sum of the 5 x 5 pixels around each."""
    return (np.lib.stride_tricks.sliding_window_view(padded, (5, 5)) * weights).sum((2, 3))


@functools.partial(jax.jit, static_argnames="levels")
def score(x, y, data_range=1.0, mask=None, levels=6):
    return jaxloss.nlpd(x, y, data_range=data_range, mask=mask, levels=levels)


@pytest.mark.usefixtures("float64")
def test_equals_the_authors_code(crop_photograph, rng):
    """At odd and even sizes, down to a single pixel at the coarsest levels; and in another unit."""
    y = crop_photograph(1, 37, 22)[0].astype(np.float64)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1)
    expected = truth(x, y)
    np.testing.assert_allclose(score(x, y), expected, rtol=1e-12)
    np.testing.assert_allclose(score(255 * x, 255 * y, 255.0), expected, rtol=1e-12)


def test_weights_of_the_mask_are_those_of_the_levels(crop_photograph):
    """Images that are equal but in black corners: under a mask that keeps one quarter, only that counts."""
    y = crop_photograph(1, 64, 64)[0]
    x = y.copy()
    x[:32, :32] = 0
    far = np.zeros((64, 64), np.float32)
    far[:32, :32] = 1
    near = 1 - far
    whole, inside, outside = (score(x, y, mask=mask, levels=3) for mask in (near + far, far, near))
    assert inside > whole > 0 == outside
    with pytest.raises(ValueError, match="levels from 1 to 6, got 7"):
        score(x, y, levels=7)
