"""Hole, known pixels and composite: 1 = known everywhere."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def images(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    mask = (rng.random((2, 9, 11)) < 0.6).astype(np.float32)
    return rng.random((2, 9, 11, 3), np.float32), rng.random((2, 9, 11, 3), np.float32), mask


@pytest.mark.parametrize("distance", ["l1", "mse"])
def test_means_over_the_whole_image(distance: str, images: Any) -> None:
    x, y, mask = images
    known = mask.astype(np.float64)[..., None]
    error = abs(x.astype(np.float64) - y) if distance == "l1" else (x.astype(np.float64) - y) ** 2
    hole, valid = (f(x, y, mask, distance=distance) for f in (jaxloss.hole_loss, jaxloss.valid_loss))
    np.testing.assert_allclose(hole, ((1 - known) * error).mean(axis=(1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(valid, (known * error).mean(axis=(1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(jaxloss.hole_loss(x, y, mask[0] > 0)[0], jaxloss.hole_loss(x, y, mask)[0])


def test_relation_to_the_mean_over_the_hole(images: Any) -> None:
    x, y, mask = images
    share = (1 - mask).mean(axis=(1, 2))
    np.testing.assert_allclose(jaxloss.hole_loss(x, y, mask), share * jaxloss.mae(x, y, mask=1 - mask), rtol=1e-5)


def test_composite(images: Any) -> None:
    x, y, mask = images
    np.testing.assert_array_equal(jaxloss.composite(x, y, mask), np.where(mask[..., None] > 0, y, x))
    np.testing.assert_allclose(jaxloss.composite(x, y, np.full_like(mask, 0.25)), 0.25 * y + 0.75 * x, rtol=1e-6)
    gradient = jax.grad(lambda x: jaxloss.composite(x, y, mask).sum())(x)
    np.testing.assert_array_equal(gradient, np.broadcast_to(1 - mask[..., None], x.shape))


@pytest.mark.parametrize("function", [jaxloss.hole_loss, jaxloss.valid_loss], ids=lambda f: f.__name__)
def test_gradients(function: Any, images: Any) -> None:
    x, y, mask = images
    for known in (np.zeros_like(mask), np.ones_like(mask), mask):
        for output in (jnp.asarray(x), jnp.asarray(y)):
            gradient = np.asarray(jax.grad(lambda x, known=known: function(x, y, known).sum())(output))
            counts = known if function is jaxloss.valid_loss else 1 - known
            assert (abs(np.sign(gradient)) == np.where(np.asarray(output) != y, counts[..., None], 0)).all()


def test_bad_input(images: Any) -> None:
    x, y, mask = images
    with pytest.raises(ValueError, match=r"^hole_loss: expected distance one of \['l1', 'mse'\], got 'cosine'"):
        jaxloss.hole_loss(x, y, mask, distance="cosine")
    with pytest.raises(ValueError, match=r"^valid_loss: expected output and target of equal shape"):
        jaxloss.valid_loss(x, y[:1], mask)
    with pytest.raises(ValueError, match=r"^composite: expected mask of shape .*, got \(2, 9, 11, 1\)"):
        jaxloss.composite(x, y, mask[..., None])
    with pytest.raises(TypeError, match=r"^composite: expected output of a floating dtype, got uint8"):
        jaxloss.composite(x.astype(np.uint8), y, mask)
