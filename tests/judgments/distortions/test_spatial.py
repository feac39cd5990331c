"""The sampler against SciPy's, and warps that have another way to be done."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxloss.judgments.distortions import chromatic_aberration, ghosting, grid_warp, homography, shift
from jaxloss.judgments.distortions._sampling import sample
from tests.photographs import crop_sample


X = crop_sample(3, 12, 12)[1]
POSITIONS = np.random.default_rng(0).uniform(-20, 30, (2, 5, 7)).astype(np.float32)
TURN = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
PERSPECTIVE = np.array([[1.1, 0.1, 0.05], [-0.05, 0.9, 0.1], [0.1, -0.2, 1]], np.float32)


@pytest.fixture(scope="module")
def warped() -> dict[str, np.ndarray]:
    @jax.jit
    def program(x: jax.Array, displacements: jax.Array) -> dict[str, jax.Array]:
        along = jax.vmap(lambda matrix: homography(x, matrix=matrix))
        return {
            "sampled": sample(jnp.stack([x, x[::-1]]), *map(jnp.asarray, POSITIONS)),
            "shift": shift(x, down=2.0, right=-1.0),
            "homography": along(jnp.stack([TURN, PERSPECTIVE])),
            "ghost": ghosting(x, weight=0.25, down=2.0, right=-1.0),
            "fringes": chromatic_aberration(x, spread=0.1),
            "linear": grid_warp(x, displacements=displacements, interpolation="linear"),
            "cubic": grid_warp(x, displacements=displacements, interpolation="cubic"),
            "constant": grid_warp(x, displacements=jnp.full((2, 3, 2), 1 / 6), interpolation="cubic"),
        }

    ramp = np.stack([np.zeros((3, 3)), np.tile([-0.1, 0, 0.1], (3, 1))], -1)
    return jax.device_get(program(X, np.float32(ramp)))


def looked_up(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """By SciPy, whose `reflect` repeats the pixel at the edge."""
    channels = np.moveaxis(image, -1, 0)
    return np.stack([scipy.ndimage.map_coordinates(c, [rows, columns], order=1, mode="reflect") for c in channels], -1)


def test_sampler(warped: dict[str, np.ndarray]) -> None:
    for image, sampled in zip((X, X[::-1]), warped["sampled"], strict=True):
        np.testing.assert_allclose(sampled, looked_up(image, *POSITIONS), atol=2e-5)


def test_shift_and_ghost(warped: dict[str, np.ndarray]) -> None:
    moved = np.pad(X, [(2, 0), (0, 1), (0, 0)], mode="symmetric")[:12, 1:]
    np.testing.assert_allclose(warped["shift"], moved, atol=1e-6)
    np.testing.assert_allclose(warped["ghost"], 0.75 * X + 0.25 * moved, atol=1e-6)


def test_homography(warped: dict[str, np.ndarray]) -> None:
    turned, seen = warped["homography"]
    np.testing.assert_allclose(turned, np.rot90(X), atol=1e-5)
    v, u = (np.indices((12, 12)) - 5.5) / 6
    u, v, scale = np.tensordot(PERSPECTIVE, np.stack([u, v, np.ones_like(u)]), 1)
    np.testing.assert_allclose(seen, looked_up(X, 6 * v / scale + 5.5, 6 * u / scale + 5.5), atol=2e-5)


def test_grid(warped: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(warped["constant"], looked_up(X, *(np.indices((12, 12)) + 2)), atol=2e-5)
    cells = (np.arange(12) + 0.5) / 4 - 0.5
    rows, columns = np.indices((12, 12)).astype(np.float64)
    columns += 12 * np.interp(cells, [0, 1, 2], [-0.1, 0, 0.1])
    np.testing.assert_allclose(warped["linear"], looked_up(X, rows, columns), atol=2e-5)
    assert 1e-3 < np.abs(warped["cubic"] - warped["linear"]).mean() < 0.02


def test_fringes(warped: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(warped["fringes"][..., 1], X[..., 1])
    for channel, scale in ((0, 0.9), (2, 1.1)):
        positions = 5.5 + scale * (np.indices((12, 12)) - 5.5)
        expected = looked_up(X[..., channel : channel + 1], *positions)[..., 0]
        np.testing.assert_allclose(warped["fringes"][..., channel], expected, atol=2e-5)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"matrix of shape \(3, 3\), got \(2, 3\)"):
        homography(X, matrix=TURN[:2])
    with pytest.raises(ValueError, match=r"displacements \[rows, columns, 2\], got \(4, 4\)"):
        grid_warp(X, displacements=np.zeros((4, 4), np.float32), interpolation="linear")
    with pytest.raises(ValueError, match="interpolation one of"):
        grid_warp(X, displacements=np.zeros((4, 4, 2), np.float32), interpolation="quintic")
    with pytest.raises(ValueError, match="3 channels"):
        chromatic_aberration(X[..., :1], spread=0.1)
