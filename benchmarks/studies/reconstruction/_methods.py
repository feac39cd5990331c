"""Progressive inpainting of photographs in random order, by four simple methods that stand for the four conditions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.sde import CONDITIONS


SIDE, BLOCK, BORDER = 128, 8, 4  # of a picture, of what is reconstructed at once, and of what a patch is judged by
BLOCKS = (SIDE // BLOCK) ** 2
PER_STEP = 8  # blocks between two measurements
KNOWN = 16  # blocks from which the reconstruction starts
STEPS = (BLOCKS - KNOWN) // PER_STEP
MISSING = 0.5  # mid-gray
DOUBT = 0.05  # weight of interpolated pixels beside reconstructed ones
STRIDE = 2  # between the patches of the reference


@functools.partial(jax.jit, static_argnames="condition")
def reconstruct(
    key: jax.Array, target: jax.Array, reference: jax.Array, *, condition: str
) -> tuple[jax.Array, jax.Array]:
    """A picture from a few of its blocks, the others in random order: all states [n, H, W, 3], and where they are done.

    * baseline: a block is interpolated from all that is there already.
    * reference: it is copied from the place of a reference picture whose surroundings look most alike.
    * prompt: it is interpolated, and then gets the mean color that it has in the target: a coarse description.
    * both: it is copied, and gets the mean color.
    """
    copies, described = CONDITIONS[condition]
    order = jax.random.permutation(key, BLOCKS)
    known = pixels_of(jnp.zeros(BLOCKS).at[order[:KNOWN]].set(1.0))
    patches = patches_of(reference)

    def advance(state: tuple[jax.Array, jax.Array], blocks: jax.Array):
        picture, present = state
        whole = interpolate(picture, present)
        filled = copy_blocks(whole, present, patches, blocks) if copies else whole
        if described:
            filled = jnp.clip(filled + block_means(target) - block_means(filled), 0, 1)
        chosen = pixels_of(jnp.zeros(BLOCKS).at[blocks].set(1.0))
        state = jnp.where(chosen[..., None] > 0, filled, picture), present + chosen
        return state, state

    start = jnp.where(known[..., None] > 0, target, MISSING), known
    _, (pictures, present) = jax.lax.scan(advance, start, order[KNOWN:].reshape(STEPS, PER_STEP))
    return pictures, present - known[None]


def interpolate(picture: jax.Array, present: jax.Array) -> jax.Array:
    """Missing pixels from a pyramid of means over those that are there (push-pull, Gortler et al. 1996)."""
    if picture.shape[0] == 1:
        return picture
    half, channels = picture.shape[0] // 2, picture.shape[2]
    weight = present.reshape(half, 2, half, 2).sum(axis=(1, 3))
    total = (picture * present[..., None]).reshape(half, 2, half, 2, channels).sum(axis=(1, 3))
    coarse = interpolate(total / jnp.maximum(weight, 1)[..., None], (weight > 0).astype(present.dtype))
    return jnp.where(present[..., None] > 0, picture, jax.image.resize(coarse, picture.shape, "linear"))


def copy_blocks(whole: jax.Array, present: jax.Array, patches: jax.Array, blocks: jax.Array) -> jax.Array:
    """Each block from the patch that differs least from its surroundings, missing pixels counting little."""
    size = BLOCK + 2 * BORDER
    padded = jnp.pad(whole, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")
    weight = jnp.pad(DOUBT + (1 - DOUBT) * present, BORDER)
    rows, columns = jnp.divmod(blocks, SIDE // BLOCK)

    def surroundings(row: jax.Array, column: jax.Array) -> tuple[jax.Array, jax.Array]:
        corner = BLOCK * row, BLOCK * column
        window = jax.lax.dynamic_slice(padded, (*corner, 0), (size, size, 3))
        mask = jax.lax.dynamic_slice(weight, corner, (size, size))
        return window.reshape(-1), jnp.repeat(mask.reshape(-1), 3)

    windows, masks = jax.vmap(surroundings)(rows, columns)
    differences = masks @ (patches**2).T - 2 * (masks * windows) @ patches.T  # and what all patches have in common
    best = patches[differences.argmin(axis=1)].reshape(-1, size, size, 3)
    for number in range(PER_STEP):
        block = best[number, BORDER:-BORDER, BORDER:-BORDER]
        whole = jax.lax.dynamic_update_slice(whole, block, (BLOCK * rows[number], BLOCK * columns[number], 0))
    return whole


def patches_of(picture: jax.Array) -> jax.Array:
    """All blocks with their borders, [n, pixels]."""
    size = BLOCK + 2 * BORDER
    starts = np.arange(0, SIDE - size + 1, STRIDE)
    rows, columns = starts[:, None] + np.arange(size), starts[:, None] + np.arange(size)
    return picture[rows[:, None, :, None], columns[None, :, None, :]].reshape(-1, size * size * 3)


def pixels_of(blocks: jax.Array) -> jax.Array:
    """A number per block [n] as a number per pixel [H, W]."""
    count = SIDE // BLOCK
    return jnp.repeat(jnp.repeat(blocks.reshape(count, count), BLOCK, axis=0), BLOCK, axis=1)


def block_means(picture: jax.Array) -> jax.Array:
    """At each pixel the mean color of its block."""
    count = SIDE // BLOCK
    means = picture.reshape(count, BLOCK, count, BLOCK, -1).mean(axis=(1, 3), keepdims=True)
    return jnp.broadcast_to(means, (count, BLOCK, count, BLOCK, picture.shape[-1])).reshape(picture.shape)
