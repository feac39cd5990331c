"""`mae`, `mse`, `rmse` and `psnr` against the libraries that have them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from tests.parity._pairs import add_noise, blur, compress, reduce_contrast
from tests.parity._peers import Peer


Load = Callable[..., np.ndarray]

SKIMAGE, TORCH, TORCHMETRICS = "skimage.metrics", "torch.nn.functional", "torchmetrics.functional"
PEERS = [
    ("mae", Peer("dm_pix", "jax", lambda pix, x, y: pix.mae(x, y))),
    ("mae", Peer(TORCH, "torch", lambda nn, x, y: nn.l1_loss(x, y))),
    ("mae", Peer(TORCHMETRICS, "torch", lambda m, x, y: m.mean_absolute_error(x, y))),
    ("mse", Peer("dm_pix", "jax", lambda pix, x, y: pix.mse(x, y))),
    ("mse", Peer(SKIMAGE, "numpy", lambda m, x, y: m.mean_squared_error(x, y))),
    ("mse", Peer(TORCH, "torch", lambda nn, x, y: nn.mse_loss(x, y))),
    ("mse", Peer(TORCHMETRICS, "torch", lambda m, x, y: m.mean_squared_error(x, y))),
    ("rmse", Peer("dm_pix", "jax", lambda pix, x, y: pix.rmse(x, y))),
    ("rmse", Peer(TORCHMETRICS, "torch", lambda m, x, y: m.mean_squared_error(x, y, squared=False))),
    ("psnr", Peer("dm_pix", "jax", lambda pix, x, y: pix.psnr(x, y))),
    ("psnr", Peer(SKIMAGE, "numpy", lambda m, x, y: m.peak_signal_noise_ratio(x, y, data_range=1.0))),
    ("psnr", Peer("tensorflow", "tensorflow", lambda tf, x, y: tf.image.psnr(x, y, 1.0))),
    ("psnr", Peer(TORCHMETRICS + ".image", "torch", lambda m, x, y: m.peak_signal_noise_ratio(x, y, data_range=1.0))),
]
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "mae": jaxloss.mae,
    "mse": jaxloss.mse,
    "rmse": jaxloss.rmse,
    "psnr": lambda x, y: jaxloss.psnr(x, y, data_range=1.0),
}


@pytest.mark.parametrize(("name", "other"), PEERS, ids=[f"{name}-{p.library}" for name, p in PEERS])
@pytest.mark.parametrize("gray", [False, True])
def test_score_and_gradient(name: str, other: Peer, gray: bool, load: Load) -> None:
    """PSNR, in decibels, to 1e-5 of its value: one step of float32 at 32 dB is 4e-6."""
    y = load("kodim08", 97, 131, gray=gray)
    for distort in (add_noise, blur, compress, reduce_contrast):
        x = distort(y)
        score, gradient = jax.value_and_grad(FUNCTIONS[name])(x, y)
        assert score == pytest.approx(other.value(x, y), abs=1e-5)
        if other.framework != "numpy":
            theirs = other.gradient(x, y)
            if name == "mae":  # at a pixel where the images agree JAX gives |d| a slope of 1, ours has none
                theirs = np.where(x == y, 0, theirs)
            assert np.linalg.norm(gradient - theirs) < 1e-4 * np.linalg.norm(theirs)


@pytest.mark.parametrize("library", [SKIMAGE, "dm_pix", TORCHMETRICS + ".image"])
def test_psnr_of_equal_images(library: str, load: Load) -> None:
    y = load("kodim08", 32, 32)
    other = dict((p.library, p) for name, p in PEERS if name == "psnr")[library]
    assert jaxloss.psnr(y, y, data_range=1.0) == other.value(y, y) == np.inf
