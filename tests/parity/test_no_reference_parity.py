"""BRISQUE against piq, which would download its support vectors, and is given ours."""

import functools
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest

import jaxloss
from tests.parity._pairs import Distortion, add_noise, blur
from tests.parity._peers import foreign_code, require


PARAMS = jaxloss.load_params("brisque")


def piq_brisque(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Score and gradient of an image `[H, W, C]` in [0, 1]."""
    import piq
    import torch

    vectors, coefficients = (torch.from_numpy(np.array(PARAMS[name])).double() for name in ("vectors", "coefficients"))
    given = torch.from_numpy(x.astype(np.float64)).permute(2, 0, 1)[None].requires_grad_()
    # It transposes in place what it loads.
    load = mock.patch.object(sys.modules["piq.brisque"], "load_url", lambda *_, **__: (coefficients, vectors.clone()))
    with load, foreign_code():
        score = piq.brisque(given, reduction="none").sum()
        score.backward()
    assert given.grad is not None
    return score.item(), given.grad[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("name", "distort"), [("camera", np.array), ("kodim08", add_noise), ("kodim04", blur)])
def test_gray_images(name: str, distort: Distortion, load: Callable[..., Any]) -> None:
    """Of even sizes, for it halves others differently; its table of shapes has no gradient."""
    require("piq")
    x = distort(load(name, 96, 132, gray=True))
    score = functools.partial(jaxloss.brisque, data_range=1.0)
    expected, _ = piq_brisque(x)
    with jax.enable_x64(True):
        params = jax.tree.map(lambda z: np.asarray(z).astype(np.float64), PARAMS)
        assert float(jax.jit(score)(x.astype(np.float64), params=params)) == pytest.approx(expected, abs=5e-2)
    assert float(jax.jit(score)(x, params=PARAMS)) == pytest.approx(expected, abs=5e-2)


def test_colors_are_rounded_to_whole_levels(load: Callable[..., Any]) -> None:
    """Which in piq, whose luma is another one in the fifth digit, leaves no gradient."""
    require("piq")
    x = load("kodim03", 96, 132)
    expected, gradient = piq_brisque(x)
    score, ours = jax.jit(jax.value_and_grad(lambda x: jaxloss.brisque(x, params=PARAMS, data_range=1.0)))(x)
    assert float(score) == pytest.approx(expected, abs=0.2)
    assert not gradient.any() and np.asarray(ours).any()
