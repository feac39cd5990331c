"""`ms_ssim` with each row of `MS_SSIM_CONVENTIONS` against its library, called with that library's own defaults."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import MS_SSIM_CONVENTIONS
from tests.parity._pairs import Distortion, add_noise, blur, compress, invert, invert_one_channel, reduce_contrast
from tests.parity._peers import Peer


Load = Callable[..., np.ndarray]


def torchmetrics_ms_ssim(image: Any, x: Any, y: Any, **options: str) -> Any:
    return image.multiscale_structural_similarity_index_measure(x, y, data_range=1.0, **options)


TORCHMETRICS = "torchmetrics.functional.image"
PEERS = {
    "tensorflow": Peer("tensorflow", "tensorflow", lambda tf, x, y: tf.image.ssim_multiscale(x, y, 1.0)),
    "pytorch_msssim": Peer("pytorch_msssim", "torch", lambda m, x, y: m.ms_ssim(x, y, data_range=1.0)),
    "piq": Peer("piq", "torch", lambda piq, x, y: piq.multi_scale_ssim(x, y)),
    "piqa": Peer("piqa", "torch", lambda piqa, x, y: piqa.MS_SSIM(n_channels=x.shape[1]).to(x.dtype)(x, y)),
    "torchmetrics": Peer(TORCHMETRICS, "torch", torchmetrics_ms_ssim),
    "torchmetrics_simple": Peer(
        TORCHMETRICS, "torch", lambda m, x, y: torchmetrics_ms_ssim(m, x, y, normalize="simple")
    ),
}
each_peer = pytest.mark.parametrize("row", PEERS)


def ours(row: str, derivative: Callable) -> Callable:
    return compiled(tuple(MS_SSIM_CONVENTIONS[row].items()), derivative)


@functools.cache  # rows with the same options share a program
def compiled(options: tuple[tuple[str, Any], ...], derivative: Callable) -> Callable:
    return jax.jit(derivative(lambda x, y: jaxloss.ms_ssim(x, y, data_range=1.0, **dict(options))))


def no_derivative(score: Callable) -> Callable:
    return score


@each_peer
@pytest.mark.parametrize("distort", [add_noise, blur, reduce_contrast, invert_one_channel, invert])
def test_odd_sizes(row: str, distort: Distortion, load: Load) -> None:
    """Pooled four times, the sides are odd on both axes, then on one."""
    y = load("kodim07", 181, 203)
    x = distort(y)
    score, gradient = ours(row, jax.value_and_grad)(x, y)
    assert score == pytest.approx(PEERS[row].value(x, y), abs=1e-5)
    theirs = PEERS[row].gradient(x, y)
    if row == "tensorflow":
        theirs = np.nan_to_num(theirs, nan=0)  # where a mean contrast is not positive; there ours is 0
    assert np.linalg.norm(gradient - theirs) <= 1e-4 * np.linalg.norm(theirs)


@each_peer
@pytest.mark.parametrize("distort", [add_noise, compress, reduce_contrast])
def test_even_sizes(row: str, distort: Distortion, load: Load) -> None:
    y = load("camera", 192, 256, gray=True)
    x = distort(y)
    assert ours(row, no_derivative)(x, y) == pytest.approx(PEERS[row].value(x, y), abs=1e-5)


def test_every_row_has_its_library() -> None:
    """wang2003 is MATLAB code, and the row of tensorflow."""
    assert MS_SSIM_CONVENTIONS["wang2003"] == MS_SSIM_CONVENTIONS["tensorflow"]
    assert set(MS_SSIM_CONVENTIONS) == {*PEERS, "wang2003"}
