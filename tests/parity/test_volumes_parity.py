"""`ssim3d` against the libraries that take volumes."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import pytest
from scipy import ndimage

import jaxloss
from benchmarks.peers.table import WANG
from tests.parity._peers import foreign_code, peer, relative, require


Volumes = tuple[np.ndarray, np.ndarray]
Options = Mapping[str, Any]


@pytest.fixture
def pair() -> Volumes:
    """A smooth random field with noise and with flat parts, `[19, 21, 23, 2]` in [0, 1]."""
    rng = np.random.default_rng(0)
    y = ndimage.gaussian_filter(rng.random((19, 21, 23, 2)), (2, 2, 2, 0))
    y = ((y - y.min()) / np.ptp(y)).astype(np.float32)
    y[:8, :8] = 0.5
    return np.clip(y + 0.05 * rng.standard_normal(y.shape), 0, 1).astype(np.float32), y


@functools.cache
def ssim3d(**options: Any) -> Callable[..., Any]:
    return jax.jit(jax.value_and_grad(lambda x, y: jaxloss.ssim3d(x, y, data_range=1.0, **options)))


# Our options and theirs.
SKIMAGE: dict[str, tuple[Options, Options]] = {
    "default": (jaxloss.SSIM_CONVENTIONS["skimage"], {}),
    "Wang": ({}, WANG),
    "sample": ({"window_size": 5, "sigma": 0.6, "covariance": "sample"}, {"gaussian_weights": True, "sigma": 0.6}),
    "k1": ({"window": "uniform", "window_size": 5, "k1": 0.05, "covariance": "sample"}, {"win_size": 5, "K1": 0.05}),
}


@pytest.mark.parametrize("name", SKIMAGE)
def test_scikit_image(pair: Volumes, name: str) -> None:
    """With its map, whose border was mirrored."""
    (x, y), (ours, theirs) = pair, SKIMAGE[name]
    score, field = peer("skimage.metrics").structural_similarity(
        *(z.astype(np.float64) for z in pair), data_range=1.0, channel_axis=-1, full=True, **theirs
    )
    assert ssim3d(**ours)(x, y)[0] == pytest.approx(score, abs=1e-5)
    found = np.asarray(jax.jit(lambda x, y: jaxloss.ssim3d_map(x, y, data_range=1.0, **ours))(x, y))
    margin = (x.shape[0] - found.shape[0]) // 2
    inside = (slice(margin, -margin),) * 3
    np.testing.assert_allclose(found, field[inside], atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"window": "uniform", "window_size": 5}], ids=["gaussian", "uniform"])
def test_torchmetrics(pair: Volumes, options: Options) -> None:
    require("torchmetrics")
    torch = peer("torch")
    score = peer("torchmetrics.functional").image.structural_similarity_index_measure
    theirs = {"gaussian_kernel": False, "kernel_size": 5} if options else {}
    with foreign_code():
        x, y = (torch.from_numpy(np.moveaxis(z.astype(np.float64), -1, 0)[None]) for z in pair)
        x.requires_grad_()
        value = score(x, y, data_range=1.0, **theirs)
        value.backward()
        gradient = np.moveaxis(x.grad.numpy()[0], 0, -1)
    found, slope = ssim3d(border="reflect", **options)(*pair)
    assert found == pytest.approx(value.item(), abs=1e-5)
    assert relative(slope, gradient) < 1e-4
