"""ST-LPIPS: the scores of its authors' package, and what it is for; contract tests have its laws."""

import functools
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxloss
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import smallest_side, used_layers
from jaxloss.backbones._lpips_nets import LPIPS_NETS, ST_NETS
from jaxloss.perceptual._st_lpips import NETS
from jaxloss.registry import METRICS
from tests.networks import through_thin_networks, tiny_params


# Of ex_p0 and ex_p1 against ex_ref, by stlpips-pytorch 0.0.2 on PyTorch 2.13.
KNOWN = [0.7777555, 0.1320215]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def test_values_of_the_authors_package(shared_data: Path) -> None:
    """And a shift by a pixel, which the original LPIPS takes for a difference, is hardly one."""
    y, *x = (read(shared_data / "lpips" / "imgs" / f"{name}.png") for name in ("ex_ref", "ex_p0", "ex_p1"))
    shifted = np.concatenate([y[:, 1:], y[:, -1:]], axis=1)
    x, y = np.stack([*x, shifted]), np.stack([y] * 3)
    scores = {}
    for name, function in (("st_alex", jaxloss.st_lpips), ("alex", jaxloss.lpips)):
        score = jax.jit(functools.partial(function, data_range=1.0))
        scores[name] = np.asarray(score(x, y, params=jaxloss.load_params(f"lpips-{name}")))
    np.testing.assert_allclose(scores["st_alex"][:2], KNOWN, rtol=0, atol=2e-6)
    assert scores["st_alex"][2] < scores["alex"][2] / 2


@pytest.mark.parametrize("net", ["alex", pytest.param("vgg", marks=pytest.mark.full)])
def test_is_lpips_through_its_network(net: str, crop_photograph) -> None:
    """In strips of rows, too; one program for all."""
    y = crop_photograph(1, 40, 33)[0]
    x = 0.7 * y
    params = tiny_params(f"lpips-{NETS[net]}")

    @jax.jit
    @through_thin_networks
    def scores(x: jax.Array, y: jax.Array, params: dict) -> list[jax.Array]:
        more = {"params": params, "data_range": 1.0}
        return [
            jaxloss.lpips(x, y, net=NETS[net], **more),
            jaxloss.st_lpips(x, y, net=net, **more),
            jaxloss.st_lpips(x, y, net=net, strip_rows=8, **more),
        ]

    expected, *found = scores(x, y, params)
    np.testing.assert_allclose(found, np.stack([expected] * 2), rtol=1e-5)
    assert expected > 0


def test_registry_knows_the_least_side() -> None:
    backbone, layers = LPIPS_NETS["st_alex"]
    assert METRICS["st_lpips"].smallest == smallest_side(used_layers(BACKBONES[backbone], layers))
    assert list(NETS.values()) == list(ST_NETS)


def test_unknown_network() -> None:
    x = np.ones((40, 40, 3), np.float32)
    with pytest.raises(ValueError, match=r"^st_lpips: expected net one of \['alex', 'vgg'\], got 'squeeze'"):
        jaxloss.st_lpips(x, x, params={}, data_range=1.0, net="squeeze")
