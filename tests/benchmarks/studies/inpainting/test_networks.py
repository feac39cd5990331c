"""Holes are brush strokes, and no network can look into them."""

import jax
import numpy as np
import pytest

from benchmarks.studies.inpainting._networks import InpaintingNetwork, fill, irregular_mask


KEY = jax.random.key(0)

pytestmark = pytest.mark.usefixtures("optax_promotion")


def test_holes_are_brush_strokes() -> None:
    draw = jax.jit(jax.vmap(irregular_mask, in_axes=(0, None)), static_argnums=1)
    keys = jax.random.split(KEY, 200)
    masks = np.asarray(draw(keys, 32))
    assert set(np.unique(masks)) == {0, 1}
    shares = 1 - masks.mean(axis=(1, 2))
    assert 0.1 < shares.mean() < 0.4 and shares.std() > 0.05
    assert (masks[0] != masks[1]).any()
    # The same strokes at every size.
    fine = np.asarray(draw(keys[:4], 128)).reshape(4, 32, 4, 32, 4).mean(axis=(2, 4))
    assert np.abs(masks[:4] - fine).mean() < 0.05


def test_fill_is_the_mean_of_what_is_known(rng: np.random.Generator) -> None:
    image, mask = rng.random((2, 8, 8, 3), np.float32), np.ones((2, 8, 8), np.float32)
    mask[0, 2:5, 3:] = 0
    filled = np.asarray(jax.jit(fill)(image, mask))
    np.testing.assert_array_equal(filled[1], image[1])
    np.testing.assert_array_equal(filled[0][mask[0] > 0], image[0][mask[0] > 0])
    mean = np.broadcast_to(image[0][mask[0] > 0].mean(axis=0), (15, 3))
    np.testing.assert_allclose(filled[0][mask[0] == 0], mean, rtol=1e-6)


def test_network_sees_known_pixels_only(rng: np.random.Generator) -> None:
    image, mask = rng.random((2, 32, 48, 3), np.float32), np.ones((2, 32, 48), np.float32)
    mask[0, 4:30, 6:40] = 0
    network = InpaintingNetwork(2)
    shapes, apply = jax.eval_shape(network.init, KEY, image, mask), jax.jit(network.apply)
    params = jax.tree.map(lambda z: 0.2 * rng.standard_normal(z.shape, np.float32), shapes)
    output = np.asarray(apply(params, image, mask))
    unseen = apply(params, np.where(mask[..., None] > 0, image, np.float32(np.nan)), mask)
    np.testing.assert_array_equal(unseen, output)
    assert (output[0, 4:30, 6:40] != 0).all()  # the last stages look far enough to fill a hole of 26 x 34
    image[0, 0, 0] += 0.5
    other = np.asarray(apply(params, image, mask))
    assert (other[0] != output[0]).any() and (other[1] == output[1]).all()
