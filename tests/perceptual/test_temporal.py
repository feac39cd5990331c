"""Temporal LPIPS: a loop over the frames with `lpips`, in strips too, and what it says of flicker and standstill."""

from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from tests.networks import through_thin_networks, tiny_params


PARAMS = tiny_params("lpips-alex", short=True)
MORE = {"params": PARAMS, "data_range": 1.0}


@pytest.fixture(scope="module")
def videos(crop_photograph: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two methods' and their reference, `[2, 4, H, W, 3]`: a photograph that moves, with noise of its own per frame."""
    y = np.stack([crop_photograph(1, 48, 40)[0][:40, shift : shift + 36] for shift in (0, 1, 2, 4)])
    rng = np.random.default_rng(0)
    x = y + np.array([0.02, 0.1])[:, None, None, None, None] * rng.standard_normal((2, *y.shape))
    return x.astype(np.float32), np.stack([y, y[::-1]]).astype(np.float32)


def tlp_by_loop(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lpips = jax.jit(through_thin_networks(lambda x, y: jaxloss.lpips(x, y, **MORE), short=True))
    videos, frames = x.shape[:2]
    steps_x, steps_y = (
        np.array([[lpips(z[i, t], z[i, t + 1]) for t in range(frames - 1)] for i in range(videos)]) for z in (x, y)
    )
    return np.abs(steps_x - steps_y).mean(axis=1)


def test_is_a_loop_over_frames(videos: Any) -> None:
    """For batches, in strips of rows, where it is differentiated, and for equal videos."""

    @jax.jit
    def found(x: jax.Array, y: jax.Array) -> Any:
        tlp = through_thin_networks(jaxloss.temporal_lpips, short=True)
        value, gradient = jax.value_and_grad(lambda x: tlp(x, y, **MORE).sum())(x)
        return tlp(x, y, **MORE), tlp(x, y, strip_rows=16, **MORE), value, gradient

    x, y = videos
    scores, strips, value, gradient = found(x, y)
    expected = tlp_by_loop(x, y)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=5e-6)
    np.testing.assert_allclose(strips, expected, rtol=0, atol=5e-6)
    np.testing.assert_allclose(value, expected.sum(), rtol=0, atol=5e-6)
    assert expected[1] > expected[0] > 0, "The more noise there is, the more it flickers."
    assert np.isfinite(gradient).all() and np.abs(gradient).max(axis=(2, 3, 4)).min() > 0
    scores, strips, value, gradient = found(y, y)
    assert max(*scores, *strips, value) < 1e-6 and np.isfinite(gradient).all()


def test_a_still_video_lacks_the_steps_of_one_that_moves(videos: Any) -> None:
    """Whatever it shows."""
    tlp, lpips = (
        jax.jit(through_thin_networks(lambda x, y, f=f: f(x, y, **MORE), short=True))
        for f in (jaxloss.temporal_lpips, jaxloss.lpips)
    )
    _, y = videos
    still = np.broadcast_to(0.5 * y[:, :1], y.shape)
    steps = lpips(y[:, :-1], y[:, 1:])
    np.testing.assert_allclose(tlp(still, y), np.mean(steps, axis=1), rtol=1e-5)


def test_one_frame_is_no_video() -> None:
    x = np.ones((1, 40, 40, 3), np.float32)
    with pytest.raises(ValueError, match=r"^temporal_lpips: expected x of shape \[\.\.\., T, H, W, C\] with T >= 2"):
        jaxloss.temporal_lpips(x, x, **MORE)


def test_unknown_option() -> None:
    x = np.ones((2, 40, 40, 3), np.float32)
    mistyped: dict[str, Any] = {**MORE, "wieghting": "none"}
    with pytest.raises(TypeError, match=r"^temporal_lpips: expected options out of .* Did you mean 'weighting'\?"):
        jaxloss.temporal_lpips(x, x, **mistyped)
