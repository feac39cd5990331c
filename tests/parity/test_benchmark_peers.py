"""The peers of the benchmarks compute what jaxloss computes: a race between different tasks would say nothing."""

from typing import Any

import jax
import numpy as np
import pytest

from benchmarks._ours import our_function, our_params
from benchmarks._peers import CHANNELS_LAST, LIBRARIES, Entrant, missing, peers_of
from benchmarks._timing import Contestant
from jaxloss import MS_SSIM_CONVENTIONS, SSIM_CONVENTIONS
from tests.parity._peers import foreign_code, peer


MODULES = {"pytorch-msssim": "pytorch_msssim", "scikit-image": "skimage"}
METRICS = ("mae", "mse", "rmse", "psnr", "ssim", "ms_ssim", "lpips", "lpips_vgg")


@pytest.mark.parametrize("library", LIBRARIES)
def test_peers_return_our_numbers(library: str, crop_photograph, rng) -> None:
    require(library)
    y = 0.1 + 0.8 * crop_photograph(2, 176, 192)  # nowhere does x equal y, where the slope of |x - y| is open to taste
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1)
    compared = 0
    for metric in METRICS:
        with foreign_code():
            entrants = peers_of(metric, x, y)
        entrants = {name: entrant for name, entrant in entrants.items() if name.removesuffix(CHANNELS_LAST) == library}
        compared += len(entrants)
        for name, entrant in entrants.items():
            compare(f"{name}, {metric}", entrant, *ours(library, metric, x, y))
    assert compared > 0


def require(library: str) -> None:
    if library != "fused-ssim":
        peer("torchvision")
        peer(MODULES.get(library, library))
    elif missing(library):
        pytest.skip(missing(library))


def ours(library: str, metric: str, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Our mean score and its gradient, in the convention with which the library takes part."""
    row, params = LIBRARIES[library], our_params(metric)
    options = {"ssim": SSIM_CONVENTIONS[row.ssim], "ms_ssim": MS_SSIM_CONVENTIONS[row.ms_ssim]}.get(metric, {})
    score, gradient = jax.value_and_grad(lambda x: our_function(metric)(x, y, *params, **options).mean())(x)
    return float(score), np.asarray(gradient)


def compare(what: str, entrant: Entrant, score: float, gradient: np.ndarray) -> None:
    value = np.asarray(outcome(entrant.value), np.float64).mean()
    np.testing.assert_allclose(value, score, rtol=1e-4, err_msg=what)
    if entrant.value_and_grad is None:
        return
    value, slope = map(np.asarray, outcome(entrant.value_and_grad))
    np.testing.assert_allclose(value, score, rtol=1e-4, err_msg=what)
    slope = slope if slope.shape == gradient.shape else np.moveaxis(slope, 1, -1)
    # In norm: dm_pix clips covariances, which in float32 bends the gradient at a few single pixels.
    assert np.linalg.norm(slope - gradient) < 1e-3 * np.linalg.norm(gradient), f"gradient of {what}"


def outcome(contestant: Contestant) -> Any:
    with foreign_code():
        result = contestant.function(*contestant.arguments)
        contestant.wait(result)
    return result
