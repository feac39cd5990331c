"""A sheet of what distortions make of photographs."""

import jax
import numpy as np

from jaxloss.images import Photograph
from jaxloss.judgments.distortions import Distortion
from jaxloss.training import artifact_sheet
from jaxloss.training._artifact_sheet import middle


def darker(key: jax.Array, x: jax.Array, *, strength: jax.Array) -> jax.Array:
    return x * (1 - strength / 2)


def test_sheet_has_originals_and_a_row_for_each_network() -> None:
    photographs = [Photograph(str(level), np.full((230, 240, 3), level, np.uint8)) for level in (200, 50, 100, 0, 150)]
    rows = {name: Distortion(darker, "cnn", lambda key, strength: {"strength": strength}) for name in ("a", "b")}
    sheet = np.asarray(artifact_sheet(rows, photographs))
    assert sheet.shape[1] == 3 * (224 + 16) + 16
    lefts = 16 + 240 * np.arange(3)
    assert sheet[150, lefts + 100, 0].tolist() == [200, 100, 150]  # the first, the middle and the last photograph
    for top in (440, 720):
        assert sheet[top, lefts + 100, 0].tolist() == [100, 50, 75]
    assert artifact_sheet(rows, photographs[:1]).size[0] == 224 + 2 * 16


def test_middle() -> None:
    image = np.arange(30).reshape(5, 6, 1)
    np.testing.assert_array_equal(middle(image, 3), image[1:4, 1:4])
    np.testing.assert_array_equal(middle(image, 8), image)
