"""Every codec has its line in every panel."""

import numpy as np

from jaxloss.evaluate import RatePoint, plot_rate_distortion
from jaxloss.images._figures import COLORS


def test_every_codec_has_its_color_in_every_panel() -> None:
    curves = {
        name: [RatePoint(10, factor * x, {"psnr": 30 + x, "mae": 1 / x}) for x in (0.1, 0.2, 0.5)]
        for name, factor in (("jpeg", 1), ("webp", 0.5), ("avif", 0.4))
    }
    picture = plot_rate_distortion(curves, metrics=["psnr", "mae"])
    assert picture.mode == "RGB" and picture.width > 2 * 300 and picture.height > 250
    samples = np.asarray(picture)
    for color in COLORS[:3]:
        columns = np.nonzero((samples == tuple(bytes.fromhex(color[1:]))).all(axis=-1))[1]
        assert (columns < picture.width // 2).sum() > 100 and (columns > picture.width // 2).sum() > 100
