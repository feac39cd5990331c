"""Exact degradations, and crops that belong together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies.restoration._tasks import (
    TASKS,
    bayer_sites,
    interpolate_bayer,
    jpeg,
    low_resolution,
    random_pairs,
    stack_pairs,
)
from jaxloss.images import Photograph
from tests.benchmarks.studies.restoration._photos import photos as photos, pixels as pixels


KEY = jax.random.key(0)


def test_bayer_pattern() -> None:
    letters = np.array(["R", "G", "B"])[bayer_sites(4, 6).argmax(axis=-1)]
    assert ["".join(row) for row in letters] == ["RGRGRG", "GBGBGB", "RGRGRG", "GBGBGB"]
    assert (bayer_sites(5, 7).sum(axis=-1) == 1).all()


def slow_bilinear(image: np.ndarray) -> np.ndarray:
    """Each missing value is the mean of the nearest measured ones of its color: 2 or 4 of them, mirrored at borders."""
    sites = bayer_sites(*image.shape[:2])
    padded = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    measured = np.pad(sites, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    out = image.astype(np.float64)
    for i, j, c in zip(*np.nonzero(~sites), strict=True):
        values, known = padded[i : i + 3, j : j + 3, c], measured[i : i + 3, j : j + 3, c]
        cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
        near = known & cross if (known & cross).any() else known
        out[i, j, c] = values[near].mean()
    return out


interpolate = jax.jit(interpolate_bayer)


def test_bayer_interpolation_is_bilinear(photograph: np.ndarray) -> None:
    image = photograph[:10, :14]
    np.testing.assert_allclose(interpolate(jnp.asarray(image)), slow_bilinear(image), rtol=1e-5, atol=1e-6)


def test_bayer_ignores_what_is_not_measured(photograph: np.ndarray) -> None:
    image = photograph[:10, :14]
    only_measured = np.where(bayer_sites(10, 14), image, np.float32(np.nan))
    np.testing.assert_array_equal(interpolate(jnp.asarray(only_measured)), interpolate(jnp.asarray(image)))


def test_noise_is_that_of_its_key(pixels: np.ndarray) -> None:
    task = TASKS["demosaicking"]
    degrade = task._replace(anew=jax.jit(task.anew)).degrade
    one, same, other = (degrade(jax.random.key(seed), pixels) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    clean = interpolate(jnp.asarray(pixels / 255, jnp.float32))
    sites = bayer_sites(*pixels.shape[:2])
    assert np.asarray(one - clean)[sites].std() == pytest.approx(0.05, rel=0.05)
    assert np.abs(one - other).mean() > 0.01


def test_jpeg_is_lossy_and_deterministic(pixels: np.ndarray) -> None:
    once = jpeg(pixels)
    assert (once.shape, once.dtype) == (pixels.shape, np.uint8)
    np.testing.assert_array_equal(once, jpeg(pixels))
    assert np.abs(once.astype(float) - pixels).mean() > 1
    np.testing.assert_array_equal(TASKS["jpeg"].degrade(KEY, pixels), jnp.float32(once) / 255)


@pytest.mark.parametrize("size", [(64, 80), (48, 64), (36, 38)])
def test_low_resolution_keeps_size_and_loses_detail(pixels: np.ndarray, size: tuple[int, int]) -> None:
    image = pixels[: size[0], : size[1]]
    assert low_resolution(image).shape == image.shape
    np.testing.assert_array_equal(low_resolution(np.full_like(image, 77)), np.full_like(image, 77))
    checkerboard = np.where((np.indices(size).sum(axis=0) % 2 == 0)[..., None], 255, 0).astype(np.uint8)
    inside = low_resolution(np.repeat(checkerboard, 3, axis=-1))[8:-8, 8:-8].astype(float)
    assert np.ptp(inside) < 60


@pytest.mark.parametrize("task", ["jpeg", "super_resolution"])
def test_crops_are_pairs_within_a_photograph(photos: list[Photograph], task: str) -> None:
    pairs = stack_pairs(photos, TASKS[task])
    degraded, original = jax.jit(lambda key, pairs: random_pairs(key, pairs, TASKS[task], 16, 40))(KEY, pairs)
    assert degraded.shape == original.shape == (16, 40, 40, 3)
    whole = {photo.name: np.stack([photo.pixels, TASKS[task].once(photo.pixels)]) for photo in photos}
    seen = set()
    for pair in np.rint(255 * np.stack([original, degraded], axis=1)).astype(np.uint8):
        turned = [np.rot90(side, turns, (1, 2)) for side in (pair, pair.swapaxes(1, 2)) for turns in range(4)]
        places = [
            (name, i, j)
            for name, both in whole.items()
            for i in range(both.shape[1] - 39)
            for j in range(both.shape[2] - 39)
            for upright in turned
            if (both[:, i, j] == upright[:, 0, 0]).all() and (both[:, i : i + 40, j : j + 40] == upright).all()
        ]
        assert places
        seen.update(places)
    assert {name for name, *_ in seen} == {"a", "b"}
    assert len({(i, j) for _, i, j in seen}) > 10
