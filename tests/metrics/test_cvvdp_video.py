"""Tests of ColorVideoVDP of clips against a slow version of its description, in float64."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss import cvvdp, cvvdp_map, cvvdp_video, cvvdp_video_map
from jaxloss.metrics._cvvdp_video import AT_ONCE, _frames_at_once
from jaxloss.ops import DISPLAYS, Display, display_light, pixels_per_degree
from tests.networks import tiny_params
from tests.photographs import sample
from tests.reference import cvvdp_numpy


COARSE = Display(distance=0.003)  # on which there is one band, and the rest


def options(frames_per_second: float = 30.0, display: str | Display = COARSE) -> dict[str, Any]:
    given = {"data_range": 1.0, "params": tiny_params("cvvdp"), "display": display}
    return {**given, "frames_per_second": frames_per_second}


def pair(frames: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A camera that moves, and the same with noise and a dropped frame."""
    y = np.stack([sample()[2 * t : 2 * t + height, t : t + width] for t in range(frames)]).astype(np.float64)
    x = np.clip(y + 0.1 * np.random.default_rng(0).normal(size=y.shape), 0, 1)
    x[1] = x[0]
    return x, y


def truth(x: np.ndarray, y: np.ndarray, frames_per_second: float, display: str) -> cvvdp_numpy.Result:
    with jax.enable_x64(True):
        x_light, y_light = (np.asarray(display_light(z, display)) for z in (x, y))
    primaries = DISPLAYS[display].primaries
    params = tiny_params("cvvdp")
    return cvvdp_numpy.cvvdp_video(x_light, y_light, params, pixels_per_degree(display), frames_per_second, primaries)


def check(frames: int, height: int, width: int, frames_per_second: float, display: str) -> None:
    """Score and map, to what is lost by rounding temporal filters to float32."""
    x, y = pair(frames, height, width)
    given = options(frames_per_second, display)
    with jax.enable_x64(True):
        both = jax.jit(lambda x, y: (cvvdp_video(x, y, **given), cvvdp_video_map(x, y, **given)))
        jod, heat = map(np.asarray, both(x, y))
    expected = truth(x, y, frames_per_second, display)
    assert jod == pytest.approx(expected.jod, abs=1e-7) and jod < 9.9
    np.testing.assert_allclose(heat[..., 0], expected.heat, atol=1e-6)


def test_scores_and_maps_are_those_of_the_description() -> None:
    """In two blocks, of which the second one lacks a frame."""
    check(9, 9, 12, 24, "standard_hdr_pq")


@pytest.mark.full
@pytest.mark.parametrize(
    ("frames", "height", "width", "frames_per_second", "display"),
    [
        (2, 33, 40, 30, "standard_4k"),
        (3, 20, 21, 2, "standard_fhd"),  # filters of three taps
        (8, 40, 33, 60, "standard_hdr_hlg"),
        (17, 16, 16, 29.97, "standard_phone"),
    ],
)
def test_many_frames(frames: int, height: int, width: int, frames_per_second: float, display: str) -> None:
    check(frames, height, width, frames_per_second, display)


Outcome = tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]


@functools.cache
def scores_and_gradients() -> Callable[..., Outcome]:
    """Of clips one by one, whose masks have no axis of time, with respect to both."""

    def score(x: jax.Array, y: jax.Array, mask: jax.Array) -> jax.Array:
        return cvvdp_video(x, y, mask=mask, **options())

    return jax.jit(jax.vmap(jax.value_and_grad(score, argnums=(0, 1))))


def evaluate(x: np.ndarray, y: np.ndarray, mask: np.ndarray) -> Outcome:
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, scores_and_gradients()(x, y, mask))


def clips() -> tuple[np.ndarray, np.ndarray]:
    """Six pairs: any, a light that flickers, a gray one and black, equal ones, white ones, and black ones."""
    x, y = pair(5, 6, 7)
    black, gray, white = (np.full_like(y, value) for value in (0, 0.5, 1))
    flicker = gray * (np.arange(5) % 2).reshape(5, 1, 1, 1)
    return np.stack([x, flicker, gray, y, white, black]), np.stack([y, gray, black, y, white, black])


def test_equal_and_flat_clips() -> None:
    """Equal ones score exactly 10, with no gradient; none is infinite."""
    x, y = clips()
    scores, gradients = evaluate(x, y, np.ones((6, 6, 7)))
    np.testing.assert_array_equal(scores[3:], 10)
    assert (scores[:2] < 9.9).all() and scores[2] == pytest.approx(10)  # to which the eye adapts
    for gradient in gradients:
        np.testing.assert_array_equal(gradient[3:], 0)
        assert np.isfinite(gradient).all() and (abs(gradient[:2]).max(axis=(1, 2, 3, 4)) > 1e-3).all()


def test_gradients_are_slopes(rng: np.random.Generator) -> None:
    x, y = clips()
    mask = rng.uniform(0.2, 1, (6, 6, 7))
    dx, dy = rng.normal(size=(2, *x.shape))
    _, (slope_x, slope_y) = evaluate(x, y, mask)
    (after, _), (before, _) = (evaluate(x + step * dx, y + step * dy, mask) for step in (1e-6, -1e-6))
    found = (slope_x * dx + slope_y * dy)[:2].sum(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(found, ((after - before) / 2e-6)[:2], rtol=1e-5)


def test_masks() -> None:
    """Pixels that do not count may be anything, and get no gradient; no pixel has no score."""
    x, y = clips()
    mask = np.ones((6, 6, 7))
    mask[:, :3, :4] = 0
    mask[1] = 0
    hidden, _ = evaluate(x, y, mask)
    spoiled = np.where(mask[:, None, ..., None] > 0, x, np.nan)
    scores, gradients = evaluate(spoiled, y, mask)
    np.testing.assert_array_equal(scores, hidden)
    assert np.isnan(scores[1]) and np.isfinite(np.delete(scores, 1)).all() and scores[0] < 9.9
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient[:, :, :3, :4], 0)


def test_batches_and_single_precision() -> None:
    """Whichever leading axes clips have, each is scored by itself."""
    x, y = clips()
    expected, _ = evaluate(x, y, np.ones((6, 6, 7)))
    given = options()
    score = jax.jit(lambda x, y: cvvdp_video(x, y, **given))
    x, y = (z.astype(np.float32).reshape(2, 3, *z.shape[1:]) for z in (x, y))
    scores = score(x, y)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-5)
    np.testing.assert_array_equal(scores[1], 10)


def test_a_clip_of_one_frame_is_an_image() -> None:
    x, y = (z[0, 0].astype(np.float32) for z in clips())
    given = options()
    of_images = {name: value for name, value in given.items() if name != "frames_per_second"}

    @jax.jit
    def outcomes(x: jax.Array, y: jax.Array) -> list[jax.Array]:
        clips, images = (x[None], y[None]), (x, y)
        return [
            *(function(*clips, **given) for function in (cvvdp_video, cvvdp_video_map)),
            *(function(*images, **of_images) for function in (cvvdp, cvvdp_map)),
        ]

    score, heat, expected_score, expected_heat = outcomes(x, y)
    assert score == expected_score < 9.9
    np.testing.assert_array_equal(heat, expected_heat[None])


def test_frames_at_once() -> None:
    """No more than fit, of which few are missing at the end."""
    assert [_frames_at_once(frames) for frames in (2, 9, 24, 29, 30, 60, 300)] == [2, 5, 8, 8, 6, 6, 6]
    for frames in range(1, 100):
        size = _frames_at_once(frames)
        assert size <= AT_ONCE and -frames % size < -(-frames // size)


def test_errors() -> None:
    clip = np.zeros((3, 8, 8, 3), np.float32)
    for function in (cvvdp_video, cvvdp_video_map):
        call = functools.partial(function, **options())
        name = function.__name__
        for bad in (clip[0], clip[:0]):
            with pytest.raises(ValueError, match=rf"^{name}: expected x and y of shape \[..., T, H, W, 3\]|empty axes"):
                call(bad, bad)
        with pytest.raises(ValueError, match=rf"^{name}: expected frames_per_second > 0, got 0"):
            call(clip, clip, frames_per_second=0)
        with pytest.raises(ValueError, match=rf"^{name}: expected params of shapes"):
            call(clip, clip, params={})
        with pytest.raises(ValueError, match=rf"^{name}: expected mask of shape \[..., H, W\] = \(8, 8\)"):
            call(clip, clip, mask=np.ones((7, 8)))
        with pytest.raises(ValueError, match=rf"^{name}: expected images of at least 4 x 4 pixels"):
            call(clip[:, :3], clip[:, :3])
