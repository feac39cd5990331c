"""PU21 and displays against the authors' package of ColorVideoVDP, which has both."""

from typing import Any

import jax
import numpy as np
import pytest

from jaxloss import pu_psnr
from jaxloss.ops import DISPLAYS, display_light, pixels_per_degree, pu21_decode, pu21_encode
from jaxloss.ops._pu21 import PU21
from tests.parity._pairs import add_noise, blur, compress
from tests.parity._peers import foreign_code, peer


def package() -> Any:
    peer("torchvision")  # which it imports, and which has to be prepared
    return peer("pycvvdp")


def frames(torch: Any, image: np.ndarray) -> Any:
    """`[H, W, C]` as it has them, batch, channels, frames, height, width."""
    return torch.tensor(image).permute(2, 0, 1)[None, :, None]


def test_displays() -> None:
    """All presets: the light of every transfer function, and the angle of a pixel."""
    theirs, torch = package().display_model, peer("torch")
    rng = np.random.default_rng(0)
    for name in DISPLAYS.keys() - {"absolute"}:
        photometry = theirs.vvdp_display_photometry.load(name, [])
        pixels = rng.random((3, 5, 3)) * (2000 if DISPLAYS[name].eotf == "linear" else 1)
        with foreign_code():
            expected = photometry.forward(frames(torch, pixels))[0, :, 0].permute(1, 2, 0).numpy()
        with jax.enable_x64(True):
            np.testing.assert_allclose(display_light(pixels, name), expected, rtol=1e-12)
        angle = theirs.vvdp_display_geometry.load(name).get_ppd()
        assert pixels_per_degree(name) == pytest.approx(angle, rel=1e-14)


def test_encodings() -> None:
    utils, torch = package().utils, peer("torch")
    light = np.geomspace(0.005, 10000, 100)
    for kind in PU21:
        theirs = utils.PU(type=kind)
        with jax.enable_x64(True):
            encoded = pu21_encode(light, kind=kind)
            np.testing.assert_allclose(encoded, theirs.encode(torch.tensor(light)), atol=1e-6)
            np.testing.assert_allclose(pu21_decode(encoded, kind=kind), light, rtol=1e-5)


@pytest.mark.parametrize("display", ["standard_4k", "standard_phone"])
def test_psnr(load: Any, display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel forgets to import two names."""
    theirs, torch = package(), peer("torch")
    metric_room = theirs.vq_metric
    monkeypatch.setattr(
        metric_room, "vvdp_display_photometry", theirs.display_model.vvdp_display_photometry, raising=False
    )
    monkeypatch.setattr(metric_room, "video_source_array", theirs.video_source.video_source_array, raising=False)
    peak = float(pu21_encode(100.0))
    with foreign_code():
        metric = theirs.psnr_metric.pu_psnr_y(display_name=display, device=torch.device("cpu"))
    for number, distort in enumerate((add_noise, blur, compress)):
        y = load(("chelsea", "coffee", "kodim03")[number], 64, 81)
        x = distort(y)
        with foreign_code():
            expected = float(metric.predict(torch.tensor(x), torch.tensor(y), dim_order="HWC")[0])
        assert float(pu_psnr(x, y, data_range=1.0, display=display, peak=peak)) == pytest.approx(expected, abs=1e-5)
