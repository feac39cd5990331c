"""Progressive inpainting: what is known stays, and what is reconstructed is what the method says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies.reconstruction._methods import (
    BLOCK,
    KNOWN,
    SIDE,
    STEPS,
    block_means,
    interpolate,
    patches_of,
    reconstruct,
)
from jaxloss.sde import CONDITIONS


KEY = jax.random.key(0)


@pytest.fixture
def target(photograph: np.ndarray) -> np.ndarray:
    return photograph[:SIDE, :SIDE]


def blocks(pixels: np.ndarray) -> np.ndarray:
    """[n, BLOCK, BLOCK, ...] from top to bottom."""
    count = SIDE // BLOCK
    split = pixels.reshape(count, BLOCK, count, BLOCK, *pixels.shape[2:])
    return split.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK, *pixels.shape[2:])


@pytest.mark.parametrize("condition", CONDITIONS)
def test_reconstruction_fills_blocks_in_random_order(target: np.ndarray, condition: str) -> None:
    reference = np.ascontiguousarray(target[:, ::-1])
    pictures, masks = map(np.asarray, reconstruct(KEY, target, reference, condition=condition))
    assert pictures.shape == (STEPS, SIDE, SIDE, 3) and masks.shape == (STEPS, SIDE, SIDE)
    assert 0 <= pictures.min() and pictures.max() <= 1
    whole = blocks(masks[-1]).mean(axis=(1, 2)) == 1
    assert whole.sum() == 256 - KNOWN
    known = masks[-1] == 0
    for before, after, old, new in zip(masks, masks[1:], pictures, pictures[1:], strict=False):
        assert (after >= before).all() and (after - before).mean() == 8 / 256
        np.testing.assert_array_equal(new[known], target[known])
        np.testing.assert_array_equal(new[before == 1], old[before == 1])
        assert (new[(after == 0) & ~known] == 0.5).all()
    described = np.abs(blocks(pictures[-1] - target).mean(axis=(1, 2)))[whole]
    if condition == "prompt":  # but for colors that had to be clipped
        assert np.median(described) < 1e-6
    if condition == "reference":
        pool = {
            block.tobytes() for i in range(0, 113, 2) for j in range(0, 113, 2) for block in [copied(reference, i, j)]
        }
        assert all(block.tobytes() in pool for block in blocks(pictures[-1])[whole])


def copied(reference: np.ndarray, row: int, column: int) -> np.ndarray:
    return reference[row + 4 : row + 12, column + 4 : column + 12]


def test_orders_are_those_of_the_key(target: np.ndarray) -> None:
    one, same, other = (
        np.asarray(reconstruct(jax.random.key(seed), target, target, condition="baseline")[1]) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


fill_in = jax.jit(interpolate)


def test_interpolation_keeps_what_is_there(target: np.ndarray, rng: np.random.Generator) -> None:
    present = (rng.random((SIDE, SIDE)) < 0.1).astype(np.float32)
    found = np.asarray(fill_in(jnp.asarray(target), jnp.asarray(present)))
    np.testing.assert_array_equal(found[present == 1], target[present == 1])
    flat = jnp.where(jnp.asarray(present)[..., None] > 0, 0.25, jnp.full((SIDE, SIDE, 3), 0.9))
    np.testing.assert_allclose(fill_in(flat, jnp.asarray(present)), 0.25, rtol=1e-5)


def test_block_means_and_patches(target: np.ndarray) -> None:
    np.testing.assert_allclose(
        blocks(np.asarray(block_means(jnp.asarray(target)))).mean(axis=(1, 2)),
        blocks(target).mean(axis=(1, 2)),
        rtol=1e-5,
    )
    patches = np.asarray(patches_of(jnp.asarray(target)))
    np.testing.assert_array_equal(patches[58].reshape(16, 16, 3), target[2:18, 2:18])
